"""Who must not come in, and who must not disturb others: each refusal is told and logged."""

import asyncio
import json
import os
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lunix_cli import proc
from lunix_common.access.roles import Client
from lunix_common.bus.options import BusOptions
from lunix_common.subjects import TABLE, Role
from lunix_testing.certificates import self_signed
from lunix_testing.daemon import DaemonStarter
from lunix_testing.peers import Peers
from lunix_testing.server import BusServer
from lunix_testing.websocket import CONFIG, Visits, Web
from lunix_testing.websocket import visits as visits
from lunix_testing.websocket import web as web
from lunix_websocket.hub import Link, Rendered


async def told(web: Web, text: str) -> dict[str, Any]:
    """The line of the log that tells of a refusal."""
    line: dict[str, Any] = json.loads(await asyncio.to_thread(web.daemon.wait_for_log, text))
    assert (line["level"], line["message"]) == ("warning", "refused")
    return line


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"])
async def test_a_foreign_origin_is_refused_even_with_a_good_token(web: Web, visits: Visits, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await visits(origin=origin)
    assert caught.value.response.status_code == 403
    assert origin in (await told(web, "is foreign"))["why"]
    assert web.get("/", Origin=origin).status == 403


async def test_our_own_origin_is_let_in(web: Web, visits: Visits) -> None:
    assert (await (await visits(origin=web.origin)).next())["op"] == "hello"


@pytest.mark.parametrize("path", ["/", "/bus", "/health", "/subjects", "/page.js"])
async def test_a_foreign_host_is_refused_on_every_path(web: Web, path: str) -> None:
    answer = web.get(path, Host="rebound.example:5869", Authorization=f"Bearer {web.secret()}")
    assert answer.status == 421
    assert "rebound.example" in (await told(web, "rebound.example"))["why"]


async def test_a_bad_token_is_refused_in_the_header_and_in_the_first_frame(web: Web, visits: Visits) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await visits(token="wrong")
    assert caught.value.response.status_code == 401
    visit = await visits(token=None)
    await visit.say(op="auth", token="wrong")
    assert (await visit.next())["error"]["code"] == 401
    with pytest.raises(ConnectionClosed) as closed:
        await visit.next()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert (await told(web, "a bad token"))["address"] == "127.0.0.1"
    assert web.secret() not in "".join(web.daemon.log)


@pytest.mark.parametrize(
    "first", ['{"op":"subscribe","topic":"hardware.>"}', "hello", '{"topic":"toast.in","payload":"x"}']
)
async def test_nothing_is_done_before_a_token_is_shown(web: Web, visits: Visits, peers: Peers, first: str) -> None:
    seen = await (await peers("toast")).answer("toast.in")
    visit = await visits(token=None)
    await visit.socket.send(first)
    assert (await visit.next())["error"]["code"] == 401
    with pytest.raises(ConnectionClosed):
        await visit.next()
    await told(web, "the first frame is no auth")
    assert seen == []


async def test_a_token_that_does_not_come_in_time_ends_the_visit(web: Web) -> None:
    web.daemon.configure("[websocket]\nport = 0\nauth_timeout_s = 0.2\n")
    await asyncio.to_thread(web.daemon.wait_for_log, "the configuration was read again")
    async with connect(web.url.replace("http", "ws", 1) + "bus", proxy=None) as late:
        assert json.loads(await late.recv())["error"]["code"] == 401
    await told(web, "no token in time")


@pytest.mark.parametrize(
    "subject",
    ["init.stop", "init.poweroff", "init.logs", "hardware.usb.add", "no.such", "$SRV.PING", "_INBOX.x", "_U_.user.x"],
)
@pytest.mark.parametrize("op", ["publish", "request"])
async def test_a_forbidden_subject_is_refused_and_logged(web: Web, visits: Visits, op: str, subject: str) -> None:
    visit = await visits()
    await visit.next()
    await visit.say(op=op, id=1, topic=subject, payload="toast")
    refusal = await visit.next()
    assert (refusal["op"], refusal["error"]["code"], refusal["id"]) == ("error", 403, 1)
    assert (await told(web, f"may not {op} {subject}"))["token"] == "page"


@pytest.mark.parametrize("path", ["/pub/init.stop", "/sub/init.log.*.line", "/sub/websocket.opened", "/sub/_INBOX.>"])
async def test_a_forbidden_path_is_refused_and_logged(web: Web, visits: Visits, path: str) -> None:
    visit = await visits(path)
    assert (await visit.next())["error"]["code"] == 403
    with pytest.raises(ConnectionClosed):
        await visit.next()
    await told(web, f"may not {path[1:4]} {path[5:]}")


async def test_the_server_itself_holds_a_wildcard_to_the_role(web: Web, visits: Visits, peers: Peers) -> None:
    visit = await visits(token=web.add("guest", Role.OBSERVER))
    await visit.listen(">")
    toast, natsdev = await peers("toast"), await peers("natsdev")
    await toast.send("toast.shown", b'{"summary":"private"}')
    await natsdev.send("hardware.usb.add")
    assert (await visit.next())["topic"] == "hardware.usb.add"


async def test_the_server_itself_refuses_an_identity_what_the_token_may_not(web: Web, peers: Peers) -> None:
    """Without any check in Python: the link is asked at first hand."""
    web.add("guest", Role.OBSERVER)
    web.add("chief", Role.ADMIN)
    seen = await (await peers("init")).answer("init.stop")
    for name, role in (("websocket-guest", Role.OBSERVER), ("websocket-chief", Role.ADMIN)):
        options = BusOptions(web.server.url, web.server.key(name), frozenset({0, os.geteuid()}))
        async with Link(options, Client(name, role, bridge=True), TABLE) as link:
            with pytest.raises(Exception, match=r"may not send init\.stop"):
                await link.ask("init.stop", b'{"name":"toast"}', 5)
    assert seen == []


async def test_the_configuration_narrows_what_a_role_may(web: Web, visits: Visits) -> None:
    lists = '[websocket.publish]\nuser = ["toast.in"]\n[websocket.subscribe]\nuser = ["hardware.>"]\n'
    web.daemon.configure(f"[websocket]\nport = 0\n{lists}")
    await asyncio.to_thread(web.daemon.wait_for_log, "the configuration was read again")
    visit = await visits()
    await visit.listen("hardware.usb.*")
    for frame in ({"op": "subscribe", "topic": "toast.>"}, {"topic": "user.x"}, {"op": "subscribe", "topic": ">"}):
        await visit.say(**frame)
        assert (await visit.next())["error"]["code"] == 403


@pytest.mark.parametrize(
    "head",
    [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n\r\n", b"A" * 70_000,
     b"POST /pub/toast.in HTTP/1.1\r\nHost: {host}\r\n\r\nhello", b"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n",
     b"GET /bus HTTP/1.1\r\nHost: {host}\r\nHost: evil\r\n\r\n",
     b"GET /sub/%00 HTTP/1.1\r\nHost: {host}\r\n\r\n", b"GET / HTTP/1.1\r\nHost: {host}\r\n" + b"X: y\r\n" * 500],
    ids=range(8),
)  # fmt: skip
async def test_what_speaks_no_http_is_no_defect(web: Web, head: bytes) -> None:
    host, port = web.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.replace(b"{host}", f"{host}:{port}".encode()))
    writer.write_eof()
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    assert not answer.startswith(b"HTTP/1.1 2") or b"HTTP/1.0" in head
    assert web.get("/health").status == 200
    assert not web.daemon.tracebacks()


async def test_a_frame_that_is_too_big_ends_that_visit_alone(web: Web, visits: Visits) -> None:
    visit, other = await visits(), await visits()
    await visit.socket.send("x" * (2 * 1024 * 1024))
    with pytest.raises(ConnectionClosed):
        await visit.until(lambda _frame: False)
    await other.listen("hardware.>")


async def test_a_slow_reader_misses_messages_and_slows_nobody(web: Web, visits: Visits, peers: Peers) -> None:
    quick, toast = await visits(), await peers("natsdev")
    await quick.listen("hardware.>")
    slow = await _one_who_does_not_read(web, "hardware.>")
    body = json.dumps({"name": "x" * 8000}).encode()
    latencies: list[float] = []
    for number in range(1000):  # 8 MB: far more than its queue and the kernel's buffers take
        begin = time.perf_counter()
        await toast.client.publish("hardware.usb.add", body, headers={"N": str(number)})
        await toast.client.flush()
        while (await quick.next()).get("headers", {}).get("N") != str(number):
            pass
        latencies.append(time.perf_counter() - begin)
    assert sorted(latencies)[500] < 0.5, "one who waits for the slow one waits for ever"
    assert (proc.memory_bytes(web.daemon.pid) or 0) < 90_000_000
    frames = await asyncio.to_thread(_read_frames, slow)
    (note,) = [frame for frame in frames if frame.get("op") == "dropped"]
    numbers = [int(frame["headers"]["N"]) for frame in frames if "headers" in frame]
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < 1000
    assert note["count"] == 1000 - len(numbers)
    slow.close()


async def _one_who_does_not_read(web: Web, topic: str) -> socket.socket:
    """A websocket by hand, because every library reads ahead."""

    def by_hand() -> socket.socket:
        host, port = web.origin.removeprefix("http://").split(":")
        found = socket.create_connection((host, int(port)))
        found.settimeout(30)
        head = f"GET /bus HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        head += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        found.sendall(f"{head}Authorization: Bearer {web.secret()}\r\n\r\n".encode())
        frame = json.dumps({"op": "subscribe", "topic": topic}).encode()
        found.sendall(bytes([0x81, 0x80 | len(frame)]) + bytes(4) + frame)
        seen = b""
        while b'"op":"subscribed"' not in seen:
            seen += found.recv(65536)
        return found

    return await asyncio.to_thread(by_hand)


def _read_frames(slow: socket.socket) -> list[dict[str, Any]]:
    """All that waits for it, up to the note of what was dropped."""
    stream = slow.makefile("rb")
    found: list[dict[str, Any]] = []
    while not found or found[-1].get("op") != "dropped":
        _first, size = stream.read(2)
        length = int.from_bytes(stream.read(2 if size == 126 else 8), "big") if size > 125 else size
        found.append(json.loads(stream.read(length)))
    return found


async def test_a_thousand_clients_share_one_subscription(web: Web, peers: Peers) -> None:
    url = web.url.replace("http", "ws", 1) + "sub/hardware.usb.*"
    natsdev = await peers("natsdev")
    headers = {"Authorization": f"Bearer {web.secret()}"}

    async def join() -> Any:
        more: dict[str, Any] = {"proxy": None, "compression": None, "open_timeout": 60, "ping_interval": None}
        return await connect(url, additional_headers=headers, **more)

    sockets: list[Any] = []
    try:
        for _ in range(20):
            sockets += await asyncio.gather(*(join() for _ in range(50)))
        await asyncio.to_thread(web.daemon.wait_for_logs, '"opened"', 1000)
        assert len(sockets) == 1000
        await natsdev.send("hardware.usb.add", b'{"name":"stick"}')
        frames = await asyncio.gather(*(asyncio.wait_for(one.recv(), 60) for one in sockets))
        assert set(frames) == {'{"topic":"hardware.usb.add","payload":{"name":"stick"}}'}
    finally:
        await asyncio.gather(*(one.close() for one in sockets))


class Ear:
    """A listener without a socket."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.up = asyncio.Event()
        self.heard = asyncio.Event()

    def hear(self, rendered: Rendered) -> None:
        self.frames.append(rendered.plain)
        self.heard.set()

    def here(self, filter_: str) -> None:
        self.up.set()


async def test_however_many_listen_a_subject_crosses_the_bus_once_and_is_rendered_once(web: Web, peers: Peers) -> None:
    options = BusOptions(web.server.url, web.server.key("websocket-page"), frozenset({0, os.geteuid()}))
    ears = [Ear() for _ in range(100)]
    async with Link(options, Client("websocket-page", Role.USER, bridge=True), TABLE) as link:
        for ear in ears:
            link.listen("hardware.>", ear)
            await ear.up.wait()
        assert len(link._subscriptions) == 1
        await (await peers("natsdev")).send("hardware.usb.add")
        async with asyncio.timeout(30):
            await ears[-1].heard.wait()
        assert {len(ear.frames) for ear in ears} == {1}
        assert len({id(ear.frames[0]) for ear in ears}) == 1
        for ear in ears:
            await link.leave("hardware.>", ear)
        assert link._subscriptions == []


@pytest.mark.requires("program:openssl")
async def test_with_a_certificate_it_speaks_tls_alone(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    key, certificate = self_signed(tmp_path)
    config = f'{CONFIG}certificate = "{certificate}"\ncertificate_key = "{key}"\n'
    web = Web(bus_server, daemon_process("lunix_websocket", config=config))
    assert web.url.startswith("https://")
    trust, headers = ssl.create_default_context(cafile=str(certificate)), {"Authorization": f"Bearer {web.secret()}"}
    more: dict[str, Any] = {"ssl": trust, "origin": web.origin, "proxy": None}
    async with connect(web.url.replace("http", "ws", 1) + "bus", additional_headers=headers, **more) as safe:
        assert json.loads(await safe.recv())["op"] == "hello"
    with pytest.raises(Exception, match=r"handshake|HTTP|EOF|closed"):
        await connect(web.url.replace("https", "ws", 1) + "bus", additional_headers=headers, proxy=None)


async def test_when_all_places_are_taken_more_are_turned_away(web: Web, visits: Visits) -> None:
    web.daemon.configure(f"{CONFIG}most_clients = 1\n")
    await asyncio.to_thread(web.daemon.wait_for_log, "the configuration was read again")
    await (await visits()).next()
    with pytest.raises(InvalidStatus) as caught:
        await visits()
    assert caught.value.response.status_code == 503
    await told(web, "1 clients are here")


async def test_clients_that_make_no_sense_on_disk_leave_the_tokens_as_they_were(web: Web, visits: Visits) -> None:
    await (await visits()).next()
    (web.server.state / "clients.json").write_text("{")
    with pytest.raises(InvalidStatus):
        await visits(token="new")
    await asyncio.to_thread(web.daemon.wait_for_log, "the tokens stay as they were")
    await (await visits()).next()


def test_without_a_token_nobody_comes_in_and_the_log_says_so(
    bus_server: BusServer, daemon_process: DaemonStarter
) -> None:
    (bus_server.state / "clients.json").unlink()
    web = Web(bus_server, daemon_process("lunix_websocket", config=CONFIG))
    web.daemon.wait_for_log("there is no token")
    assert web.get("/subjects", Authorization="Bearer x").status == 401
    assert web.get("/nothing").status == 404
