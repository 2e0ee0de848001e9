"""The fixture ``bus_server``: a real nats-server on a free port, closed as lunix closes it, with a state of its own."""

import os
import shutil
import signal
import subprocess
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_cli import server
from lunix_common.access import identities, serverconf
from lunix_common.access.roles import Client
from lunix_common.subjects import TABLE, Table
from lunix_testing.client import Nats
from lunix_testing.ports import held_port

DEADLINE = 30.0


@dataclass
class BusServer:
    """A server with the state directory that ``lunix up`` makes: ``keys``, ``server.conf``, ``bus.json``."""

    state: Path
    table: Table = TABLE
    settings: serverconf.Settings = field(default_factory=serverconf.Settings)
    embedded: bool = False
    """Whether it is lunix-bus."""
    configuration: Path | None = None
    """Another one than lunix's own."""
    log: list[str] = field(default_factory=list[str])
    url: str = ""
    port: int = 0
    """Its own from its first start on."""
    _clients: list[Client] = field(default_factory=list[Client])
    _process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None
    _news: threading.Condition = field(default_factory=threading.Condition)

    @property
    def pid(self) -> int:
        """The process of the server that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def changed(self) -> bool:
        """Whether it is another one than ``start`` left: ended, or with more identities."""
        ended = self._process is None or self._process.poll() is not None
        return ended or serverconf.load_clients(self.state) != self._clients

    def key(self, identity: str) -> Path:
        """The seed file of a daemon, role or client."""
        return identities.path_of(self.state / "keys", identity)

    def env(self, identity: str) -> dict[str, str]:
        """What a process of this identity finds the bus by."""
        return {"LUNIX_BUS": self.url, "NATS_URL": self.url, "NATS_NKEY": str(self.key(identity))}

    def start(self) -> None:
        """Start it, on the port that is its own from its first start on, and wait until it serves."""
        program = server.find(embedded=self.embedded)
        configuration = self.configuration or serverconf.write(self.state, self.table, self.settings)
        if not self.port:
            held = held_port()
            weakref.finalize(self, held.close)
            self.port = held.getsockname()[1]
        since = len(self.log)
        self._process = subprocess.Popen(
            [*program.words, "-c", configuration, "-p", str(self.port)],
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        self._reader = threading.Thread(target=self._read, name="nats-server.log", daemon=True)
        self._reader.start()
        self.wait_for_log("Server is ready", since)
        started = server.Started()
        for line in self.log[since:]:
            started.read(line)
        self.url = started.url
        server.announce(self.state, self.url, program.text, self.pid)
        self._clients = serverconf.load_clients(self.state)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._end()

    def stop(self) -> None:
        """End it in order; nothing where it does not run."""
        if self._process is not None:
            self._process.terminate()
            self._end()

    def reload(self) -> None:
        """Have it read a configuration that is written anew, with the identities that were added."""
        assert self._process is not None
        serverconf.write(self.state, self.table, self.settings)
        for _ in range(server.RELOADS):
            since = len(self.log)
            self._process.send_signal(signal.SIGHUP)
            self.wait_for_log("Reloaded server configuration", since)

    def add(self, *clients: Client) -> None:
        """Give identities to bridges or scripts, and have them count."""
        serverconf.save_clients(self.state, [*serverconf.load_clients(self.state), *clients])
        if self._process is not None:
            self.reload()

    def wait_for_log(self, text: str, since: int = 0, count: int = 1) -> str:
        """Wait for a line of the server's log that contains ``text``, or so many of them; return the first."""
        found: list[str] = []

        def seen() -> bool:
            found[:] = [line for line in self.log[since:] if text in line]
            return len(found) >= count or (self._process is not None and self._process.poll() is not None)

        with self._news:
            self._news.wait_for(seen, DEADLINE)
        if len(found) < count:
            raise AssertionError(f"nats-server did not log {text!r}:\n" + "\n".join(self.log[since:]))
        return found[0]

    async def connect(self, identity: str, **options: Any) -> Nats:
        """A plain nats-py client with this identity; a daemon's has the inbox that it may read."""
        if identity in self.table.daemons:
            options.setdefault("inbox_prefix", f"_INBOX.{identity}")
        if "nkeys_seed_str" not in options:
            options.setdefault("nkeys_seed", str(self.key(identity)))
        client = Nats()
        await client.connect(self.url, **options)
        return client

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._news:
                self.log.append(line.rstrip())
                self._news.notify_all()
        with self._news:
            self._process.wait()
            self._news.notify_all()

    def _end(self) -> None:
        assert self._process is not None
        assert self._reader is not None
        self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process = None


class Kept:
    """A server that the tests of a module have one after the other, as long as each leaves it as it was."""

    def __init__(self, folders: pytest.TempPathFactory, *, embedded: bool) -> None:
        self._folders, self._embedded = folders, embedded
        self._server: BusServer | None = None

    def take(self) -> BusServer:
        """The server; it runs, and nobody is connected."""
        if self._server is None:
            self._server = BusServer(self._folders.mktemp("kept") / "state", embedded=self._embedded)
            self._server.start()
        return self._server

    def give_back(self) -> None:
        """End it where the test has changed it, so that the next one gets a new one."""
        assert self._server is not None
        if self._server.changed:
            self.end()
        else:
            self._server.log.clear()

    def end(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None


SERVERS = ("nats-server", "embedded")


@pytest.fixture(scope="module")
def kept_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Kept]]:
    """By their names: a server starts in more time than tests without a daemon take."""
    kept = {name: Kept(tmp_path_factory, embedded=name == "embedded") for name in SERVERS}
    try:
        yield kept
    finally:
        for one in kept.values():
            one.end()


@pytest.fixture(scope="session")
def new_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of a bus that never ran: to copy its keys takes less time than to make some."""
    state = tmp_path_factory.mktemp("new") / "state"
    serverconf.write(state, TABLE, serverconf.Settings())
    return state


@pytest.fixture
def bus_server(request: pytest.FixtureRequest, tmp_path: Path, new_state: Path) -> Iterator[BusServer]:
    """A closed bus that serves, its state below ``tmp_path``; with a parameter, the kept server of that name."""
    if hasattr(request, "param"):
        kept: Kept = request.getfixturevalue("kept_servers")[request.param]
        try:
            yield kept.take()
        finally:
            kept.give_back()
        return
    shutil.copytree(new_state, tmp_path / "state", copy_function=_copy)
    running = BusServer(tmp_path / "state")
    running.start()
    try:
        yield running
    finally:
        running.stop()


def _copy(source: str, target: str) -> None:
    shutil.copy2(source, target)
    found = Path(source).stat()
    os.chown(target, found.st_uid, found.st_gid)
