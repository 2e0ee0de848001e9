"""A fleet on one kernel: a hub and machines, each in a network namespace of its own, on one bridge.

``Place`` is such a namespace; ``with place.inside():`` everything that is started or connected belongs to it. The
fixture ``fleet`` is a hub that runs, with no machine yet.
"""

import asyncio
import ctypes
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats.errors
import pytest
from nats.aio.msg import Msg

from lunix_cli import server
from lunix_cli.__main__ import main
from lunix_cli.fleet import hub
from lunix_testing import pages
from lunix_testing.client import Nats
from lunix_testing.command import LunixUp, Result, Running, lunix, wait_until
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.network import batch
from lunix_testing.tree import ROOT

HUB = "10.77.0.1"
PATIENCE = 120.0
_NET = 0x4000_0000
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


class Place:
    """A network namespace, kept by a process that does nothing."""

    def __init__(self) -> None:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("unshare", _NET)
            self._keeper = subprocess.Popen(("sleep", "infinity"))
            self._space = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            batch(("link set lo up",))
        finally:
            _call("setns", home, _NET)
            os.close(home)

    @property
    def pid(self) -> int:
        """A process in it, by which ip(8) knows it."""
        return self._keeper.pid

    @contextmanager
    def inside(self) -> Generator[None]:
        """Be there for a while."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _call("setns", self._space, _NET)
        try:
            yield
        finally:
            _call("setns", home, _NET)
            os.close(home)

    def close(self) -> None:
        """Let it go."""
        self._keeper.kill()
        self._keeper.wait()
        os.close(self._space)


@dataclass
class Machine:
    """A place on the hub's network with a state directory, and a bus where one was started."""

    place: Place
    link: str
    """The hub's end of its cable."""
    state: Path
    up: LunixUp | None = None

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command there."""
        name, *rest = arguments
        with self.place.inside():
            return lunix(name, "--state", str(self.state), *rest, stdin=stdin)

    async def connect(self, identity: str) -> Nats:
        """A client of its own bus."""
        assert self.up is not None
        client = Nats()
        with self.place.inside():
            key = str(self.state / "keys" / f"{identity}.nk")
            inbox = f"_INBOX.{identity}".encode()
            await client.connect(self.up.url, nkeys_seed=key, inbox_prefix=inbox, allow_reconnect=False)
        return client

    async def ask(self, subject: str, data: bytes = b"") -> Any:
        """What its own bus answers an administrator."""
        client = await self.connect("admin")
        answer = await client.request(subject, data, timeout=30)
        await client.close()
        return json.loads(answer.data)


@dataclass
class Heard:
    """What arrived at an operator."""

    subject: str
    payload: Any
    headers: Mapping[str, str]


@dataclass
class Operator:
    """Somebody at the hub, with a NATS client of any kind."""

    client: Nats
    heard: Inbox[Heard] = field(default_factory=Inbox[Heard])
    errors: Inbox[str] = field(default_factory=Inbox[str])

    async def listen(self, *subjects: str) -> None:
        """Hear these from now on."""

        async def take(message: Msg) -> None:
            try:
                payload = json.loads(message.data)
            except ValueError:
                payload = message.data.decode()
            self.heard.put(Heard(message.subject, payload, dict(message.headers or {})))

        for subject in subjects:
            await self.client.subscribe(subject, cb=take)  # pyright: ignore[reportUnknownMemberType]
        await self.client.flush()

    async def until(self, subject: str, **wanted: object) -> Heard:
        """The first message of this subject, with these fields, that was or will be heard."""

        def is_it(heard: Heard) -> bool:
            return heard.subject == subject and all(heard.payload.get(key) == value for key, value in wanted.items())

        return await self.heard.until(is_it, PATIENCE)

    async def ask(self, subject: str, data: bytes = b"", headers: dict[str, str] | None = None) -> Any:
        """The answer to a request, decoded; raise what the client raises where nobody answers."""
        return json.loads((await self.client.request(subject, data, timeout=30, headers=headers)).data)

    async def answered(self, subject: str, data: bytes = b"") -> Any:
        """The answer, once there is one: each role has a leaf connection of its own, and no server tells when it has
        learnt what is heard at the other end of one.
        """
        async with deadline(f"that {subject} is answered", PATIENCE):
            while True:
                with suppress(nats.errors.NoRespondersError):
                    return await self.ask(subject, data)
                await asyncio.sleep(0.05)

    async def connected(self, prefix: str) -> None:
        """Wait until a machine answers."""
        await self.answered(f"{prefix}.$SRV.PING")


class Serving:
    """The hub's server: a process that can be killed and started again."""

    def __init__(self, place: Place, state: Path) -> None:
        self._place, self._state = place, state
        self._words = ("fleet", "hub", "--state", str(state), "--name", HUB, "--ping", "2", "--history")
        self._running: Running | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Return when it serves."""
        with self._place.inside():
            running = self._running = Running(self._words)
        running.line("Server is ready", "err")
        # Nobody reads on; what the server writes from now on must not fill the pipe.
        assert running.process.stderr is not None
        self._reader = threading.Thread(target=_swallow, args=(os.dup(running.process.stderr.fileno()),))
        self._reader.start()

    def kill(self) -> None:
        """End it as a broken machine does."""
        assert self._running is not None
        self._running.process.kill()
        self.close()

    def close(self) -> None:
        """End it; idempotent."""
        if self._running is not None:
            self._running.stop()
            self._running.close()
            self._running = None
        if self._reader is not None:
            self._reader.join()
            self._reader = None


@dataclass
class Fleet:
    """A hub that runs, and what was put on its network."""

    folder: Path
    hub: Machine
    server: Serving
    stack: ExitStack
    members: dict[str, Machine] = field(default_factory=dict[str, Machine])
    credentials: dict[str, Path] = field(default_factory=dict[str, Path])
    """Of operators."""

    def machine(self, name: str) -> Machine:
        """A new place on the network; ``name`` is that of its folder."""
        number = len(self.members) + 2
        place = self.stack.enter_context(closing(Place()))
        link = f"to{number}"
        with self.hub.place.inside():
            batch(
                (
                    f"link add {link} type veth peer name eth0 netns {place.pid}",
                    f"link set {link} master br0 up",
                )
            )
        with place.inside():
            batch((f"address add 10.77.0.{number}/24 dev eth0", "link set eth0 up"))
        self.members[name] = Machine(place, link, self.folder / name)
        return self.members[name]

    def start(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Machine:
        """A machine with a ``lunix up``, which may not be ready yet."""
        machine = self.machine(name)
        with machine.place.inside():
            machine.up = self.stack.enter_context(closing(LunixUp(machine.state, "--port", "0", *arguments, env=env)))
        return machine

    def do(self, machine: Machine, *arguments: str) -> None:
        """Run ``lunix fleet`` there in this process, which is quicker than to start one; it has to succeed."""
        verb, *rest = arguments
        with machine.place.inside():
            assert main(("fleet", verb, "--state", str(machine.state), *rest)) == 0

    def credential(self, verb: str, name: str, *arguments: str) -> Path:
        """``add`` a machine or make an ``operator``; return the path of its credential."""
        path = self.folder / f"{len(list(self.folder.glob('*.json')))}.json"
        self.do(self.hub, verb, name, "-o", str(path), *arguments)
        return path

    def join(self, machine: Machine, credential: Path, *arguments: str) -> None:
        """Have a machine join."""
        self.do(machine, "join", f"tls://{HUB}", str(credential), *arguments)

    def cable(self, machine: Machine, state: str) -> None:
        """Plug it in (``up``) or pull it (``down``)."""
        with self.hub.place.inside():
            batch((f"link set {machine.link} {state}",))

    async def operator(self, name: str, *arguments: str) -> Operator:
        """An operator, connected at the hub; ``arguments`` count when the first of this name is made."""
        if name not in self.credentials:
            self.credentials[name] = await asyncio.to_thread(self.credential, "operator", name, *arguments)
        credential = json.loads(self.credentials[name].read_bytes())
        (seed,) = credential["seeds"].values()
        operator = Operator(Nats())

        async def wrong(error: Exception) -> None:
            operator.errors.put(str(error))

        with self.hub.place.inside():
            await operator.client.connect(
                "tls://127.0.0.1:4223",
                nkeys_seed_str=seed,
                tls=ssl.create_default_context(cadata=credential["ca"]),
                allow_reconnect=False,
                error_cb=wrong,
            )
        # asyncio warns at the end of a connection that was upgraded, and nats-py cannot tell it.
        client: Any = operator.client
        protocol: Any = client._transport._io_writer.transport.get_protocol()
        protocol._over_ssl = True
        return operator


class Leaf:
    """A nats-server of somebody who has a machine's credential, and none of its manners: no account, no permission."""

    def __init__(self, folder: Path, place: Place, credential: Path) -> None:
        about = json.loads(credential.read_bytes())
        folder.mkdir()
        (folder / "ca.pem").write_text(about["ca"])
        tls = {"ca_file": str(folder / "ca.pem")}
        remotes = [{"url": f"tls://{HUB}:7422", "nkey": seed, "tls": tls} for seed in [*about["seeds"].values()][-1:]]
        configuration = {"host": "127.0.0.1", "port": 4222, "leafnodes": {"remotes": remotes}}
        (folder / "leaf.conf").write_text(json.dumps(configuration))
        self._place = place
        self.log: Inbox[str] = Inbox()
        with place.inside():
            self._process = subprocess.Popen(
                (server.find().path, "-c", folder / "leaf.conf"), stderr=subprocess.PIPE, text=True
            )
        self._loop = asyncio.get_running_loop()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with suppress(RuntimeError):  # a test that failed has closed its loop
                self._loop.call_soon_threadsafe(self.log.put, line.rstrip())

    async def says(self, text: str) -> None:
        """Wait for a line of its log."""
        await self.log.until(lambda line: text in line, PATIENCE)

    async def connect(self) -> Operator:
        """A client of this server: it hears and says whatever the hub lets it."""
        await self.says("Server is ready")
        operator = Operator(Nats())
        with self._place.inside():
            await operator.client.connect("nats://127.0.0.1:4222", allow_reconnect=False)
        return operator

    async def close(self) -> None:
        """End it."""
        self._process.terminate()
        await asyncio.to_thread(self._process.wait)
        await asyncio.to_thread(self._reader.join)
        assert self._process.stderr is not None
        self._process.stderr.close()


def all_connected(fleet: Fleet) -> bool:
    """Each role of each machine has a connection of its own: a machine may answer before the last one is there."""
    with fleet.hub.place.inside():
        known = hub.load(fleet.hub.state)
        return len(known.leaves or ()) == sum(len(machine.keys) for machine in known.fleet.machines.values())


def follow_the_how_to(fleet: Fleet, box1: Machine) -> None:
    """Type in what the page says, at a hub without members; what is printed has to be what the page shows."""
    first, *others = pages.commands(ROOT / "docs/howto/join-a-fleet.md")
    started = ("On the hub", "lunix fleet hub --name hub.example --history")  # as the fixture does
    assert (first.where, first.line) == started
    places = {"On the hub": fleet.hub, "On box1": box1, "Where anna works": fleet.machine("anna")}
    for one in others:
        place = places[one.where]
        line, shown = (text.replace("hub.example", HUB) for text in (one.line, one.printed))
        if "fleet login" in line:
            wait_until(lambda: all_connected(fleet), "that box1 is connected", PATIENCE)
        with place.place.inside():
            printed = pages.type_in(fleet.folder, line, one.where.rpartition(" ")[2], place.state)
        assert pages.is_as_shown(printed, shown), f"{line}: {printed}"
    assert (box1.state / "keys").is_dir()
    assert not list((box1.state / "keys").glob("fleet-*"))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A hub that runs, for all tests of a module."""
    folder = tmp_path_factory.mktemp("fleet")
    with ExitStack() as stack:
        place = stack.enter_context(closing(Place()))
        with place.inside():
            batch(("link add br0 type bridge", f"address add {HUB}/24 dev br0", "link set br0 up"))
        server = stack.enter_context(closing(Serving(place, folder / "hub")))
        server.start()
        yield Fleet(folder, Machine(place, "", folder / "hub"), server, stack)


def _swallow(descriptor: int) -> None:
    with os.fdopen(descriptor, "rb") as stream:
        while stream.read1():
            pass
