"""Netlink sockets against the real kernel: who sent it, what was lost, what was cut, and the way to wait."""

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lunix_common import os_netlink
from lunix_common.os_netlink import NetlinkSocket, Overflow, Reader, Truncated, Untrusted
from lunix_testing.deadline import deadline

NETLINK_ROUTE, NETLINK_USERSOCK = 0, 2
GETLINK = struct.pack("=IHHIIBxHiII", 32, 18, 0x301, 7, 0, 0, 0, 0, 0, 0)
"""A request for all interfaces: nlmsghdr and ifinfomsg."""
INSIDE = f"""
import json, select, socket
from lunix_common.os_netlink import NetlinkSocket
listener = NetlinkSocket({NETLINK_ROUTE})
listener.enlarge(1 << 30)
listener.sendto({GETLINK!r}, (0, 0))
select.select([listener], [], [])
granted = listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
print(json.dumps([type(listener.receive(1 << 16)).__name__, granted]))
"""


@pytest.fixture
def user_socket() -> Iterator[Callable[[], NetlinkSocket]]:
    """Sockets of the protocol that is for messages between programs."""
    made: list[NetlinkSocket] = []

    def make(*, from_kernel: bool = True, groups: int = 0) -> NetlinkSocket:
        made.append(NetlinkSocket(NETLINK_USERSOCK, from_kernel=from_kernel))
        made[-1].bind((0, groups))
        return made[-1]

    yield make
    for one in made:
        one.close()
        one.close()


def tell_group(sender: NetlinkSocket, data: bytes) -> None:
    # The same call asks the kernel's own socket of this protocol afterwards, and there is none.
    with suppress(ConnectionRefusedError):
        sender.sendto(data, (0, 1))


def inside(*prefix: str) -> list[object]:
    done = subprocess.run([*prefix, sys.executable, "-c", INSIDE], capture_output=True, text=True, check=True)
    found: list[object] = json.loads(done.stdout)
    return found


def test_the_kernels_answer_counts_and_one_that_is_too_long_is_named() -> None:
    with NetlinkSocket(NETLINK_ROUTE) as listener:
        assert listener.receive(1 << 16) is None
        listener.sendto(GETLINK, (0, 0))
        received = listener.receive(1 << 16)
        assert isinstance(received, bytes)
        assert struct.unpack_from("=IHHII", received)[3:] == (7, listener.port)
        while listener.receive(1 << 16):
            pass
        listener.sendto(GETLINK, (0, 0))
        assert isinstance(cut := listener.receive(80), Truncated)
        assert len(cut.start) == 64


def test_what_another_program_sent_is_named_with_its_sender(user_socket: Callable[..., NetlinkSocket]) -> None:
    listener, sender = user_socket(), user_socket()
    sender.sendto(b"forged", (listener.port, 0))
    assert listener.receive(100) == Untrusted(sender.port, os.geteuid())


@pytest.mark.root
def test_where_root_is_meant_the_kernel_is_not(user_socket: Callable[..., NetlinkSocket]) -> None:
    listener, sender = user_socket(from_kernel=False), user_socket()
    sender.sendto(b"processed", (listener.port, 0))
    assert listener.receive(100) == b"processed"


@pytest.mark.root
def test_a_full_buffer_is_told_once(user_socket: Callable[..., NetlinkSocket]) -> None:
    listener, sender = user_socket(from_kernel=False, groups=1), user_socket()
    listener.enlarge(2048)
    for _ in range(100):
        tell_group(sender, b"x" * 500)
    received: list[object] = []
    while (one := listener.receive(1000)) is not None:
        received.append(one)
    assert received.count(Overflow.OVERFLOW) == 1
    assert len(received) < 100


def test_an_error_of_the_system_is_raised() -> None:
    listener = NetlinkSocket(NETLINK_ROUTE)
    listener.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        listener.receive(100)


@pytest.mark.root
@pytest.mark.requires("user-namespace")
def test_in_a_user_namespace_the_kernel_has_another_user_and_counts() -> None:
    assert inside("unshare", "--user", "--net")[0] == "bytes"
    assert inside("unshare", "--user", "--map-user=5", "--net")[0] == "bytes"


@pytest.mark.root
def test_without_the_right_to_more_the_buffer_is_as_large_as_allowed() -> None:
    granted = inside("setpriv", "--inh-caps=-net_admin", "--bounding-set=-net_admin")[1]
    with NetlinkSocket(NETLINK_ROUTE) as listener:
        listener.enlarge(1 << 30)
        assert isinstance(granted, int)
        assert 0 < granted < listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)


async def test_a_reader_calls_while_it_is_not_paused(user_socket: Callable[..., NetlinkSocket]) -> None:
    listener, sender = user_socket(), user_socket()
    called = asyncio.Event()
    reader = Reader(listener.fileno(), called.set)
    sender.sendto(b"one", (listener.port, 0))
    await asyncio.sleep(0)
    assert not called.is_set()
    for _ in range(2):
        reader.resume()
        reader.resume()
        async with deadline("the call"):
            await called.wait()
        reader.pause()
        called.clear()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not called.is_set()
    reader.close()
    reader.close()
    reader.resume()
    assert not reader.reading, "closed is closed"


async def test_who_stopped_before_the_end_is_called_again_until_it_is_paused(
    user_socket: Callable[..., NetlinkSocket],
) -> None:
    listener, sender = user_socket(from_kernel=False), user_socket()
    received, ended = list[object](), asyncio.Event()

    def readable() -> bool:
        received.append(listener.receive(100))
        if len(received) == 3:
            reader.pause()
            ended.set()
        return True

    reader = Reader(listener.fileno(), readable)
    sender.sendto(b"one", (listener.port, 0))
    reader.resume()
    async with deadline("calls when nothing waits any more"):
        await ended.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(received) == 3, received
    assert received[1:] == [None, None]
    reader.close()


@pytest.mark.root
async def test_a_reader_that_does_not_come_to_the_end_leaves_the_loop_to_others(
    user_socket: Callable[..., NetlinkSocket],
) -> None:
    listener, sender = user_socket(from_kernel=False, groups=1), user_socket()
    calls = 0

    def readable() -> bool:
        nonlocal calls
        calls += 1
        return True

    tell_group(sender, b"which nobody reads")
    reader = Reader(listener.fileno(), readable)
    reader.resume()
    turns = 50
    for _ in range(turns):
        await asyncio.sleep(0)
    assert 1 <= calls <= 2 * turns
    reader.pause()
    await asyncio.sleep(0)
    calls = 0
    listener.receive(1000)
    reader.resume()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # It had not come to the end when it paused, and nothing waits that would say so.
    assert calls >= 1
    reader.close()


@pytest.mark.parametrize("factory", ["uvloop", "asyncio"])
def test_a_reader_hears_again_after_an_overflow(factory: str, user_socket: Callable[..., NetlinkSocket]) -> None:
    listener, sender = user_socket(from_kernel=False, groups=1), user_socket()
    listener.enlarge(2048)

    async def hear() -> None:
        received: asyncio.Queue[object] = asyncio.Queue()

        def readable() -> None:
            # The kernel drops what comes until all that waits is read.
            received.put_nowait(one := listener.receive(1000))
            while one is not None:
                received.put_nowait(one := listener.receive(1000))

        reader = Reader(listener.fileno(), readable)
        reader.resume()
        for _ in range(100):
            tell_group(sender, b"x" * 500)
        async with deadline("the overflow and what comes later"):
            assert await received.get() is Overflow.OVERFLOW
            while await received.get() is not None:
                pass
            tell_group(sender, b"later")
            while await received.get() != b"later":
                pass
        reader.close()

    loop = pytest.importorskip("uvloop").new_event_loop() if factory == "uvloop" else asyncio.new_event_loop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(hear())


def test_it_is_a_socket() -> None:
    with NetlinkSocket(NETLINK_ROUTE) as listener:
        assert listener.family == socket.AF_NETLINK
        assert not listener.getblocking()


def test_users_are_who_they_are_where_the_kernel_has_no_user_namespaces(tmp_path: Path) -> None:
    told = tmp_path / "uid_map"
    assert os_netlink._shows_users(told)
    told.write_text("         0          0 4294967295\n")
    assert os_netlink._shows_users(told)
    told.write_text("         0       1000          1\n")
    assert not os_netlink._shows_users(told)
