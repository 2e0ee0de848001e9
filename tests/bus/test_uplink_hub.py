"""An uplink whose hub is not what it should be, or takes less than it is given: a stand-in says what it is told to."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_cli.fleet import certificate
from lunix_common.access import identities
from lunix_common.access.roles import Client
from lunix_common.subjects import TABLE, Role
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.server import BusServer
from lunix_uplink.buffer import Losses
from lunix_uplink.chosen import chosen
from lunix_uplink.line import Refused, Way, tls
from lunix_uplink.relay import Relay

pytestmark = pytest.mark.requires("program:openssl")

FLEET = Client("fleet-user", Role.USER, bridge=True)
PATIENCE = 60.0
MOST = 10_000
"""The hub's maximum payload."""


@dataclass
class Hub:
    """Takes everybody; what it hears are the lines and payloads of the client."""

    secure: ssl.SSLContext | None
    refuses: str = ""
    heard: Inbox[bytes] = field(default_factory=Inbox[bytes])
    url: str = ""
    mute: bool = False
    tasks: set["asyncio.Task[Any]"] = field(default_factory=set["asyncio.Task[Any]"])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client after the other."""
        self.writer = writer
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        info = {"max_payload": MOST, "nonce": "n", "tls_required": self.secure is not None}
        writer.write(b"INFO " + json.dumps(info).encode() + b"\r\n")
        try:
            if self.secure is not None:
                await writer.start_tls(self.secure)
            while line := await reader.readline():
                self.heard.put(line)
                if self.refuses and line.startswith(b"CONNECT"):
                    writer.write(f"-ERR '{self.refuses}'\r\n".encode())
                if line == b"PING\r\n" and not self.mute:
                    writer.write(b"PONG\r\n")
                if line.startswith((b"PUB", b"HPUB")):
                    self.heard.put(await reader.readexactly(int(line.split()[-1]) + 2))
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.transport.abort()

    async def says(self, line: bytes) -> bytes:
        """The first line that begins so, once it came."""
        return await self.heard.until(lambda one: one.startswith(line), PATIENCE)

    async def number(self, subject: bytes) -> bytes:
        """By which number the uplink subscribed to a subject."""
        return (await self.says(b"SUB %b " % subject)).split()[2]

    def tell(self, message: bytes) -> None:
        self.writer.write(message)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate.ensure(tmp_path_factory.mktemp("hub"), ())


@asynccontextmanager
async def serving(pair: tuple[Path, Path] | None, refuses: str = "") -> AsyncGenerator[Hub]:
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if pair else None
    if secure is not None and pair is not None:
        secure.load_cert_chain(*pair)
    hub = Hub(secure, refuses)
    server = await asyncio.start_server(hub.serve, "127.0.0.1", 0)
    hub.url = f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield hub
    for task in hub.tasks:
        task.cancel()
    if hub.tasks:
        await asyncio.wait(hub.tasks)


@dataclass
class Running:
    """A relay, and what it tells."""

    relay: Relay
    losses: Inbox[Losses] = field(default_factory=Inbox[Losses])
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, met: Callable[[Relay], bool]) -> None:
        async with deadline(lambda: f"what was waited for, and not {self.relay.state()!r},", PATIENCE):
            while not met(self.relay):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def relaying(bus: BusServer, url: str, authority: str, room: int = 1 << 20) -> AsyncGenerator[Running]:
    """A relay for operators who are users, between this bus and that hub."""
    if not bus.key(FLEET.name).exists():
        await asyncio.to_thread(bus.add, FLEET)
    seed, _ = identities.make()
    key = bus.key(FLEET.name)
    uids = frozenset({0})
    here = Way(bus.url, FLEET.name, seed=lambda: identities.read(key).decode(), uids=uids)
    hub = Way(url, "host.box", seed=lambda: seed, authority=authority)
    running = Running(Relay(Role.USER, here, hub, chosen(TABLE, FLEET, [">"], [">"]), room))
    running.relay.on_change = lambda _relay: running.changed.set()
    running.relay.on_look = running.changed.set
    running.relay.on_loss = lambda _relay, losses: running.losses.put(losses)
    task = asyncio.create_task(running.relay.run(), name="relay")
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.wait({task})


def works(relay: Relay) -> bool:
    return relay.why is None


async def test_a_hub_that_asks_for_what_it_may_not_gets_nothing(bus_server: BusServer, pair: tuple[Path, Path]) -> None:
    admin = await bus_server.connect("admin")
    toast = await bus_server.connect("toast")
    asked: Inbox[Any] = Inbox()
    for subject in ("toast.in", "toast.list", "_INBOX.toast.>"):
        await toast.subscribe(subject, cb=asked.put_async)  # pyright: ignore[reportUnknownMemberType]
    heard: Inbox[Any] = Inbox()
    await admin.subscribe(">", cb=heard.put_async)  # pyright: ignore[reportUnknownMemberType]
    await toast.flush()
    await admin.flush()
    async with serving(pair) as hub, relaying(bus_server, hub.url, pair[0].read_text()) as running:
        await running.until(works)
        sid = await hub.number(b"toast.in")
        for number, wrong in (
            (sid, b"toast.list"),
            (sid, b"toast.>"),
            (sid, b"user.x"),
            (sid, b"_INBOX.toast.x"),
            (b"9999", b"toast.in"),
            (b"x", b"toast.in"),
            (b"-1", b"toast.in"),
        ):
            hub.tell(b"MSG %b %b 1\r\nx\r\n" % (wrong, number))
        head = b'NATS/1.0\r\nNats-Request-Info: {"acc":"ADMIN"}\r\nA: b\r\n\r\n'
        hub.tell(b"HMSG toast.in %b r.1 %d %d\r\n%btea\r\n" % (sid, len(head), len(head) + 3, head))
        (message,) = await asked.count(1, PATIENCE)
        assert (message.subject, message.data) == ("toast.in", b"tea")
        assert (message.headers["A"], json.loads(message.headers["Nats-Request-Info"])["acc"]) == (
            "b",
            "USER-fleet-user",
        )
        await message.respond(b"{}")
        assert await hub.says(b"NATS/1.0\r\nA: b\r\n\r\n{}\r\n")
        # What is no NATS ends the connection, and the uplink comes again.
        hub.tell(b"MSG toast.in\tx 1 1\r\nx\r\n")
        await running.until(lambda relay: not works(relay))
        await running.until(works)
    assert len(asked.items) == 1
    assert not heard.items
    for client in (admin, toast):
        await client.close()


async def test_what_is_too_big_is_told(bus_server: BusServer, pair: tuple[Path, Path]) -> None:
    script, toast = await bus_server.connect("user"), await bus_server.connect("toast")

    async def answer(message: Any) -> None:
        await message.respond(b"x" * (MOST + 1))

    await toast.subscribe("toast.list", cb=answer)  # pyright: ignore[reportUnknownMemberType]
    await toast.flush()
    async with serving(pair) as hub, relaying(bus_server, hub.url, pair[0].read_text()) as running:
        await running.until(works)
        await script.publish("user.big", b"x" * (MOST + 1))
        await script.publish("user.small", b"x" * MOST, reply="toast.in")
        assert await hub.says(b"PUB user.small %d" % MOST) == b"PUB user.small %d\r\n" % MOST
        assert (await running.losses.next(PATIENCE)).dropped == {"user": 1}
        hub.tell(b"MSG toast.list %b r.1 0\r\n\r\n" % await hub.number(b"toast.list"))
        await hub.says(b"HPUB r.1 ")
        refusal = await hub.says(b"NATS/1.0\r\nNats-Service-Error-Code: 413\r\n")
        assert b"too big for the hub" in refusal
        size = 1024 * 1024 + 1
        hub.tell(b"MSG toast.list %b r.2 %d\r\n%b\r\n" % (await hub.number(b"toast.list"), size, bytes(size)))
        await hub.says(b"HPUB r.2 ")
    for client in (script, toast):
        await client.close()


async def test_while_the_bus_is_away_nobody_answers(bus_server: BusServer, pair: tuple[Path, Path]) -> None:
    async with serving(pair) as hub, relaying(bus_server, hub.url, pair[0].read_text()) as running:
        await running.until(works)
        await asyncio.to_thread(bus_server.kill)
        await running.until(lambda relay: not works(relay))
        assert running.relay.state().connected
        hub.tell(b"MSG toast.list %b r.1 0\r\n\r\n" % await hub.number(b"toast.list"))
        await hub.says(b"HPUB r.1 16 16")
        assert await hub.says(b"NATS/1.0 503\r\n\r\n")
        await asyncio.to_thread(bus_server.start)
        await running.until(works)


@pytest.mark.parametrize(
    ("refuses", "told"),
    [
        ("Authorization Violation", "refuses host.box: Authorization Violation"),
        ("Attempted to connect to leaf node port", "is for leaf nodes of nats-server"),
        ("maximum connections exceeded", "maximum connections exceeded"),
    ],
)
async def test_why_a_hub_refuses_is_told(
    bus_server: BusServer, pair: tuple[Path, Path], refuses: str, told: str
) -> None:
    async with serving(pair, refuses) as hub, relaying(bus_server, hub.url, pair[0].read_text()) as running:
        await running.until(lambda relay: told in (relay.why or ""))
        connect = json.loads((await hub.says(b"CONNECT")).partition(b" ")[2])
        assert (connect["echo"], connect["nkey"][0], "user" in connect) == (False, "U", False)


async def test_another_server_gets_nothing(bus_server: BusServer, pair: tuple[Path, Path], tmp_path: Path) -> None:
    other = certificate.ensure(tmp_path, ())[0].read_text()
    async with serving(pair) as hub, relaying(bus_server, hub.url, other) as running:
        await running.until(lambda relay: "is not the hub of this machine's credential" in (relay.why or ""))
        assert not hub.heard.items
    async with serving(None) as hub, relaying(bus_server, hub.url, other) as running:
        await running.until(lambda relay: "offers no TLS" in (relay.why or ""))
        assert not hub.heard.items
    async with serving(pair) as hub, relaying(bus_server, hub.url, "no certificate") as running:
        await running.until(lambda relay: "the credential's certificate is none" in (relay.why or ""))


def test_without_ssl_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ssl", None)
    with pytest.raises(Refused, match="built without ssl"):
        tls("PEM")


async def test_events_on_their_way_when_a_connection_breaks_are_uncertain(
    bus_server: BusServer, pair: tuple[Path, Path]
) -> None:
    script = await bus_server.connect("user")
    async with serving(pair) as hub, relaying(bus_server, hub.url, pair[0].read_text()) as running:
        await running.until(works)
        hub.mute = True  # it hears, and does not say that it has
        await script.publish("user.one", b"x")
        await hub.says(b"PUB user.one ")
        hub.mute = False
        hub.writer.transport.abort()
        await running.until(lambda relay: not works(relay))
        await running.until(works)
        assert (await running.losses.next(PATIENCE)) == Losses({}, {"user": 1})
    await script.close()
