"""Telling a supervisor, by sd_notify and by a descriptor."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lunix_common.notify import Notifier


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        yield listening


def environ(supervisor: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": supervisor.getsockname(), **more}


def test_each_message_is_one_datagram(supervisor: socket.socket) -> None:
    notifier = Notifier(environ=environ(supervisor))
    notifier.waiting("waiting for the bus", 30)
    notifier.ready()
    notifier.reloading(12)
    notifier.alive()
    notifier.stopping()
    assert [supervisor.recv(1000).decode() for _ in range(5)] == [
        "STATUS=waiting for the bus\nEXTEND_TIMEOUT_USEC=30000000",
        "READY=1\nSTATUS=ready",
        "RELOADING=1\nMONOTONIC_USEC=12",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        name = f"lunix-test-{os.getpid()}"
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        Notifier(environ={"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert listening.recv(100).startswith(b"READY=1")


def test_the_descriptor_gets_one_newline_and_is_closed() -> None:
    reading, writing = os.pipe()
    notifier = Notifier(writing, {})
    notifier.ready()
    notifier.ready()
    assert os.read(reading, 10) == b"\n"
    assert os.read(reading, 10) == b"", "the other end is closed"
    os.close(reading)


def test_nobody_to_tell_is_no_error(tmp_path: Path) -> None:
    Notifier(environ={}).ready()
    Notifier(environ={"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()


def test_a_barrier_ends_when_the_supervisor_has_read_all(supervisor: socket.socket) -> None:
    notifier = Notifier(environ=environ(supervisor))
    read: list[bytes] = []

    def supervise() -> None:
        for _ in range(2):
            text, descriptors, _flags, _address = socket.recv_fds(supervisor, 1000, 1)
            read.append(text)
            for descriptor in descriptors:
                os.close(descriptor)

    with ThreadPoolExecutor(1) as threads:
        supervising = threads.submit(supervise)
        notifier.ready()
        notifier.barrier(60)
        assert read == [b"READY=1\nSTATUS=ready", b"BARRIER=1"]
        supervising.result()


def test_a_barrier_is_not_waited_for_longer_than_asked(supervisor: socket.socket) -> None:
    Notifier(environ=environ(supervisor)).barrier(0.01)
    assert supervisor.recv(1000) == b"BARRIER=1"


def test_a_barrier_before_nobody_is_none() -> None:
    Notifier(environ={}).barrier(60)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_alone(given: dict[str, str], expected: float | None) -> None:
    assert Notifier(environ=given).watchdog_s == expected
