"""lunix-log on a real bus: what comes by its sockets, what is dropped, what is kept."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.command import wait_until
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import deadline
from lunix_testing.examples import Recorder
from lunix_testing.log_desk import LogDesk, log_desk, send
from lunix_testing.quiet import quiet
from lunix_testing.server import BusServer

FLOOD = 20_000


@pytest.fixture
async def desk(bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path) -> AsyncIterator[LogDesk]:
    config = "udp_port = 0\ntcp_port = 0\ntcp_connections = 3\ntimezone = 'UTC'"
    async with log_desk(bus_server, daemon_process, tmp_path, config) as desk:
        yield desk


@contextmanager
def tcp(port: int) -> Generator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        yield client


def udp(port: int, *messages: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for message in messages:
            client.sendto(message, ("127.0.0.1", port))


async def test_a_message_by_the_socket_bears_who_wrote_it(desk: LogDesk) -> None:
    send(desk.socket, b"<38>Nov 21 10:00:00 sshd[99]: Accepted publickey\n")
    heard = await desk.saying("Accepted publickey")
    assert heard.subject == "log.auth.info"
    about = heard.payload
    assert (about["source"], about["format"], about["app"], about["process"]) == ("socket", "rfc3164", "sshd", "99")
    assert (about["pid"], about["uid"]) == (os.getpid(), os.geteuid())
    assert "host" not in about


async def test_descriptors_that_are_sent_along_are_not_kept(desk: LogDesk) -> None:
    def count() -> int:
        return len(list(Path(f"/proc/{desk.daemon.pid}/fd").iterdir()))

    send(desk.socket, b"first")
    await desk.saying("first")
    before = count()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(desk.socket))
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("=i", client.fileno()))
        for number in range(50):
            client.sendmsg([b"a descriptor %d" % number], [rights])
    heard = await desk.saying("a descriptor 49")
    assert heard.payload["uid"] == os.geteuid()
    # Its own files come and go meanwhile.
    await asyncio.to_thread(wait_until, lambda: count() == before, "that none of them is kept")


async def test_structured_data_is_kept(desk: LogDesk, record_example: Recorder) -> None:
    udp(
        await desk.port("udp"),
        b"<165>1 2026-11-21T10:00:00.123Z router1 mgd 3046 UI_DBASE_LOGOUT_EVENT "
        b"[junos@2636.1.1.1.2.18 username=\"ada\"] User 'ada' exiting configuration mode",
    )
    heard = await desk.saying("exiting configuration mode")
    assert heard.subject == "log.local4.notice"
    assert heard.payload["structured"] == {"junos@2636.1.1.1.2.18": {"username": "ada"}}
    assert heard.payload["sender"].startswith("127.0.0.1:")
    assert heard.payload["happened_at"] == "2026-11-21T10:00:00.123000Z"
    record_example(heard.subject, heard.payload, headers=heard.headers)
    answer = await desk.ask({"host": "router1", "severity": "notice"})
    assert [item["id"] for item in answer["items"]] == [heard.payload["id"]]
    record_example("log.tail", {"host": "router1", "severity": "notice"}, reply=answer)


async def test_by_tcp_messages_are_counted_or_lines(desk: LogDesk) -> None:
    with tcp(await desk.port("tcp")) as client:
        client.sendall(b"<13>a line\n13 <13>counted 115 <13>counted\n 22<13>another line\n<13>one without end")
    await desk.saying("one without end")
    assert desk.texts == ["a line", "counted 1", "counted\n 22", "another line", "one without end"]


async def test_a_long_message_is_cut_and_says_so(desk: LogDesk) -> None:
    port = await desk.port("tcp")
    for head, end in ((b"", b"\n"), (b"1048581 ", b"")):
        with tcp(port) as client:
            client.sendall(head + b"<13>" + b"long" + b"x" * (1 << 20) + end[:1] + b"<13>after\n")
        heard = await desk.saying("long")
        assert (len(heard.payload["text"]), heard.payload["truncated"]) == (8188, True)
        after = await desk.saying("after")
        assert not after.payload["truncated"]
        desk.heard.items.clear()
    send(desk.socket, b"<13>long" + b"y" * 20_000)
    assert (await desk.saying("long")).payload["truncated"]
    udp(await desk.port("udp"), b"<13>" + b"z" * 20_000)
    assert (await desk.saying("zzz")).payload["truncated"]


@pytest.fixture
async def impatient(bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path) -> AsyncIterator[LogDesk]:
    async with log_desk(bus_server, daemon_process, tmp_path, "tcp_port = 0\ntcp_idle_s = 1.5") as desk:
        yield desk


async def test_a_slow_sender_loses_its_connection_and_what_it_sent_is_told(impatient: LogDesk) -> None:
    port = await impatient.port("tcp")

    def dribble() -> None:
        with tcp(port) as client:
            client.settimeout(0.1)
            client.sendall(b"<13>so slow ")
            while True:
                try:
                    if client.recv(1) == b"":
                        return
                except TimeoutError:
                    client.sendall(b".")
                except ConnectionError:
                    return

    async with deadline("the end of the connection"):
        await asyncio.to_thread(dribble)
    await asyncio.to_thread(impatient.daemon.wait_for_log, "no whole message came by it")
    await impatient.saying("so slow")


async def test_too_many_connections_are_refused_and_told(desk: LogDesk) -> None:
    port = await desk.port("tcp")
    with tcp(port) as one, tcp(port) as two, tcp(port) as three:
        for number, client in enumerate((one, two, three)):
            client.sendall(b"<13>client %d\n" % number)
            await desk.saying(f"client {number}")
        with tcp(port) as four:
            assert await asyncio.to_thread(four.recv, 1) == b""
        dropped = (await desk.event("log.dropped")).payload
        assert (dropped["source"], dropped["sender"]) == ("tcp", "127.0.0.1")
        assert (dropped["reason"], dropped["count"]) == ("too many connections", 1)
        one.sendall(b"<13>still here\n")
        await desk.saying("still here")


@pytest.fixture
async def strict(bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path) -> AsyncIterator[LogDesk]:
    """One that allows next to nothing beyond the burst, however long a flood takes."""
    async with log_desk(bus_server, daemon_process, tmp_path, "per_s = 0.1") as desk:
        yield desk


async def test_a_flood_by_the_socket_is_told_or_said_to_be_dropped(strict: LogDesk, record_example: Recorder) -> None:
    desk = strict
    messages = [b"<13>Nov 21 10:00:00 flood[1]: number %d" % number for number in range(FLOOD)]
    await asyncio.to_thread(send, desk.socket, *messages)
    await desk.all_told(FLOOD)
    assert not [heard for heard in desk.heard.items if heard.subject == "log.lost"]
    assert len(desk.texts) + desk.dropped == FLOOD
    assert len(desk.texts) >= 10_000
    dropped = await desk.event("log.dropped")
    assert (dropped.payload["source"], dropped.payload["reason"]) == ("socket", "rate limit")
    assert (await desk.ask())["dropped"] == desk.dropped
    record_example("log.dropped", dropped.payload, headers=dropped.headers)


@pytest.fixture
async def unlimited(bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path) -> AsyncIterator[LogDesk]:
    async with log_desk(bus_server, daemon_process, tmp_path, "udp_port = 0\ntcp_port = 0\nburst = 0") as desk:
        yield desk


async def test_without_a_limit_a_flood_is_told_whole(unlimited: LogDesk) -> None:
    messages = [b"<13>number %d" % number for number in range(FLOOD)]
    await asyncio.to_thread(send, unlimited.socket, *messages)
    await unlimited.all_told(FLOOD)
    assert unlimited.texts == [f"number {number}" for number in range(FLOOD)]
    stream = b"".join(b"<13>line %d\n" % number for number in range(FLOOD))
    unlimited.heard.items.clear()
    with tcp(await unlimited.port("tcp")) as client:
        await asyncio.to_thread(client.sendall, stream)
    await unlimited.all_told(FLOOD)
    assert unlimited.texts == [f"line {number}" for number in range(FLOOD)]
    assert not unlimited.dropped


async def test_a_flood_by_udp_is_told_or_said_to_be_lost(unlimited: LogDesk) -> None:
    port = await unlimited.port("udp")
    await asyncio.to_thread(udp, port, *(b"<13>number %d" % number for number in range(FLOOD)))
    # What the kernel has dropped is known once the next datagram is read; while there is no room, that is lost too.
    ends = 0

    async def end() -> None:
        nonlocal ends
        udp(port, b"<13>the end")
        ends += 1

    await unlimited.heard.provoke(end, lambda heard: heard.payload.get("text") == "the end")
    await unlimited.all_told(FLOOD + ends)


async def test_while_the_bus_is_away_a_sender_by_tcp_waits(unlimited: LogDesk, bus_server: BusServer) -> None:
    port = await unlimited.port("tcp")
    await unlimited.admin.close()
    since = len(unlimited.daemon.log)
    await asyncio.to_thread(bus_server.kill)
    await asyncio.to_thread(unlimited.daemon.wait_for_log, "the bus is away", since)
    with tcp(port) as client:
        sending = asyncio.create_task(
            asyncio.to_thread(client.sendall, b"".join(b"<13>while away %d\n" % number for number in range(FLOOD)))
        )
        await asyncio.to_thread(bus_server.start)
        await sending
    # Whoever asks hears of it, whether or not it was there when the event came.
    await asyncio.to_thread(unlimited.daemon.wait_for_log, "on the bus", since)
    unlimited.admin = await bus_server.connect("admin")
    async with deadline("the last line", 60):
        while not await unlimited.tail(contains=f"while away {FLOOD - 1}"):
            pass
    answer = await unlimited.ask({"limit": 1})
    assert answer["items"][0]["id"] == FLOOD
    assert "events were lost" not in "\n".join(unlimited.daemon.log)


async def test_the_last_ones_are_found_by_what_they_are(desk: LogDesk) -> None:
    assert (await desk.ask())["items"] == []
    send(desk.socket, b"<38>Nov 21 10:00:00 sshd[1]: Failed password", b"<30>Nov 21 10:00:00 cron: ran", b"<0>alas")
    await desk.saying("alas")
    assert await desk.tail() == ["Failed password", "ran", "alas"]
    assert await desk.tail(severity="crit") == ["alas"]
    assert await desk.tail(app="sshd", contains="password") == ["Failed password"]
    answer = await desk.ask({"limit": 1})
    assert (answer["more"], answer["oldest_id"]) == (True, 1)
    bare = json.loads((await desk.admin.request("log.tail", b"cron", timeout=30)).data)
    assert [item["text"] for item in bare["items"]] == ["ran"]
    for wrong in ({"severity": "loud"}, {"limit": 0}, {"since": "yesterday"}, {"contains": "\ud800"}):
        assert (await desk.ask(wrong))["error"]["code"] == 400


async def test_an_answer_fits_into_a_message(unlimited: LogDesk) -> None:
    await asyncio.to_thread(send, unlimited.socket, *(b"<13>" + b"x" * 2000 for _ in range(1000)))
    await unlimited.all_told(1000)
    answer = await unlimited.ask({"limit": 10_000})
    assert answer["more"]
    assert 200 < len(answer["items"]) < 1000


@pytest.mark.parametrize("role", ["observer", "user"])
async def test_messages_are_for_admin_alone(desk: LogDesk, bus_server: BusServer, role: str) -> None:
    refused: asyncio.Queue[Exception] = asyncio.Queue()
    other = await bus_server.connect(role, error_cb=refused.put)
    heard: list[Any] = []

    async def take(message: object) -> None:
        heard.append(message)

    await other.subscribe("log.*.*", cb=take)
    await other.publish("log.tail")
    assert "log." in str(await asyncio.wait_for(refused.get(), 30))
    send(desk.socket, b"<13>a secret")
    await desk.saying("a secret")
    await other.close()
    assert not heard


async def line(desk: LogDesk, server: BusServer, *lines: dict[str, Any]) -> None:
    """Tell lines as init does."""
    init = await server.connect("init")
    for each in lines:
        told = {"at": 1795255200.5, **each}
        await init.publish(f"init.log.{each['service']}.line", json.dumps(told).encode())
    await init.flush()
    await init.close()


async def test_what_services_write_is_told_with_its_gaps(desk: LogDesk, bus_server: BusServer) -> None:
    own = '{"time": "x", "level": "warning", "logger": "ps", "message": "events were lost", "count": 3}'
    debug = '{"time": "x", "level": "debug", "logger": "ps", "message": "a message"}'
    await line(
        desk,
        bus_server,
        {"service": "web", "number": 1, "text": "\x1b[1mhello"},
        {"service": "web", "number": 5, "text": "after a gap"},
        {"service": "ps", "number": 1, "text": own},
        {"service": "ps", "number": 2, "text": debug},
        {"service": "log", "number": 1, "text": "our own"},
        {"service": "web", "number": "odd", "text": "no line"},
        {"service": "web", "number": 6, "text": "the end", "at": 1e300},
    )
    await desk.saying("the end")
    assert desk.texts == ["\\x1b[1mhello", "after a gap", "events were lost", "the end"]
    hello, lost = await desk.saying("hello"), await desk.saying("events were lost")
    assert hello.subject == "log.daemon.info"
    assert (hello.payload["service"], hello.payload["source"]) == ("web", "init")
    assert lost.subject == "log.daemon.warning"
    assert lost.payload["structured"] == {"lunix": {"logger": "ps", "count": "3"}}
    dropped = (await desk.event("log.dropped")).payload
    assert (dropped["source"], dropped["sender"], dropped["count"]) == ("init", "web", 3)
    assert (await desk.event("log.lost")).payload["reason"] == "init: not told"


async def test_a_daemon_that_writes_a_line_for_each_message_comes_to_an_end(
    desk: LogDesk, bus_server: BusServer
) -> None:
    init = await bus_server.connect("init")
    said = 0

    async def echo(_: object) -> None:
        nonlocal said
        for _ in range(2):
            said += 1
            text = json.dumps({"time": "x", "level": "warning", "logger": "bridge", "message": f"again {said}"})
            text = text.replace('{"time"', '{"time"', 1)
            told = {"service": "bridge", "number": said, "at": 1.0, "text": text}
            await init.publish("init.log.bridge.line", json.dumps(told).encode())

    bridge = await bus_server.connect("admin")
    await bridge.subscribe("log.*.*", cb=echo)
    await bridge.flush()
    send(desk.socket, b"<13>the first")
    dropped = await desk.event("log.dropped", 60)
    assert (dropped.payload["sender"], dropped.payload["reason"]) == ("bridge", "rate limit")
    # Two hundred, and one more a second.
    assert len(desk.texts) < 270
    await bridge.close()
    await init.close()


async def test_a_socket_that_is_owned_is_never_replaced(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as owner:
        owner.bind(str(tmp_path / "log"))
        async with log_desk(bus_server, daemon_process, tmp_path, 'local = "socket"') as desk:
            said = json.loads((await desk.admin.request("$SRV.INFO.log", timeout=30)).data)
            assert "belongs to another program" in json.dumps(said)
            send(desk.socket, b"<13>for the owner")
            owner.settimeout(30)
            assert owner.recv(100) == b"<13>for the owner"
            assert desk.daemon.stop() == 0
    assert (tmp_path / "log").exists()


async def test_a_stale_socket_is_taken_over_and_removed_at_the_end(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as owner:
        owner.bind(str(tmp_path / "log"))
    async with log_desk(bus_server, daemon_process, tmp_path) as desk:
        assert desk.socket.stat().st_mode & 0o777 == 0o666
        send(desk.socket, b"<13>hello")
        await desk.saying("hello")
        assert await asyncio.to_thread(desk.daemon.stop) == 0
        assert not desk.socket.exists()


async def test_a_socket_that_is_taken_away_is_told_and_left_to_the_taker(desk: LogDesk) -> None:
    desk.socket.unlink()
    lost = await desk.event("log.lost")
    assert "was taken away" in lost.payload["reason"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as owner:
        owner.bind(str(desk.socket))
        assert await asyncio.to_thread(desk.daemon.stop) == 0
        assert desk.socket.exists()


async def test_what_waits_in_the_socket_is_told_before_the_end(desk: LogDesk) -> None:
    desk.daemon.signal(19)
    send(desk.socket, b"<13>one", b"<13>two")
    desk.daemon.signal(15)
    desk.daemon.signal(18)
    await desk.saying("two")
    assert await asyncio.to_thread(desk.daemon.wait) == 0


async def test_a_quiet_daemon_is_not_woken(desk: LogDesk) -> None:
    send(desk.socket, b"<13>the last one")
    await desk.saying("the last one")
    assert await desk.tail() == ["the last one"]
    await quiet(desk.daemon.pid)
