"""Where the bus is and who we are there: flags, then the environment, then what ``lunix up`` left in its state."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import ParseResult, urlparse

DEFAULT_URL = "nats://127.0.0.1:4222"


def state_directory(environ: Mapping[str, str] = os.environ, uid: int | None = None) -> Path:
    """The directory of keys and of the running bus's address.

    ``LUNIX_STATE``, else ``/var/lib/lunix`` of the machine for root and ``$XDG_STATE_HOME/lunix`` for other users.
    """
    if state := environ.get("LUNIX_STATE"):
        return Path(state)
    if (os.geteuid() if uid is None else uid) == 0:
        return Path("/var/lib/lunix")
    return Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local/state", "lunix")


@dataclass(frozen=True)
class BusOptions:
    """How to connect."""

    url: str
    key: Path | None
    """The file of the nkey seed, or ``None`` to connect without an identity to somebody's own server."""
    server_uids: frozenset[int]
    """The users whose server we speak to on a loopback address."""
    trust_bus: bool = False
    """Callers without a role may do everything: for a server of one's own without lunix's accounts."""
    state: Path | None = None
    """The directory of keys, where it is known."""
    identity: str = ""
    """Who we say we are on a unix socket, where the kernel vouches for us and no key is needed."""

    def __post_init__(self) -> None:
        scheme, place = self.address.scheme, self.address.hostname or self.address.path
        if scheme not in ("nats", "tls", "unix") or not place or (scheme == "unix") == bool(self.address.hostname):
            raise ValueError(f"{self.url!r} is not a bus address: nats://HOST:PORT, tls://HOST:PORT or unix:///PATH")

    @property
    def address(self) -> ParseResult:
        """The parts of the URL."""
        return urlparse(self.url)


def find(
    identity: str,
    *,
    url: str | None = None,
    state: Path | None = None,
    trust_bus: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> BusOptions:
    """The options for this identity; a key that is in no file is none.

    Raises ``ValueError`` where the environment makes no sense, ``PermissionError`` where we may not look for the key.
    """
    state = state or state_directory(environ)
    key = Path(environ["NATS_NKEY"]) if environ.get("NATS_NKEY") else state / "keys" / f"{identity}.nk"
    try:
        there = bool(key.stat())  # not exists(): from Python 3.14 on it says no where we may not look
    except (FileNotFoundError, NotADirectoryError):
        there = bool(environ.get("NATS_NKEY"))
    extra = environ.get("LUNIX_SERVER_UID", "")
    if extra and not extra.isdecimal():
        raise ValueError(f"LUNIX_SERVER_UID={extra}: give the number of a user")
    return BusOptions(
        url=url or environ.get("LUNIX_BUS") or environ.get("NATS_URL") or announced(state / "bus.json") or DEFAULT_URL,
        key=key if there else None,
        server_uids=frozenset({0, os.geteuid(), *map(int, extra.split())}),
        trust_bus=trust_bus,
        state=state,
        identity=identity,
    )


def announced(file: Path, key: str = "url") -> str | None:
    """What a running server says of itself in a file of the state directory; ``None`` where it says nothing."""
    try:
        return str(json.loads(file.read_bytes())[key])
    except (KeyError, OSError, TypeError, ValueError):
        return None
