"""Tokens: what a browser or a script shows lunix-websocket, which then speaks for it with an identity of its own.

The token ``page`` belongs to the client ``websocket-page``, whose account is computed like that of any other bridge: so
the server itself holds each token to its role. A secret is a file beside the keys, of mode 0600.
"""

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lunix_common.access import identities
from lunix_common.access.roles import Client
from lunix_common.access.serverconf import load_clients, save_clients
from lunix_common.subjects import Role

PREFIX = "websocket-"
FIRST = "page"
"""The token that every bus with a lunix-websocket has, of the role user and without any grant."""


@dataclass(frozen=True)
class Token:
    """Somebody who may connect."""

    client: Client
    digest: bytes
    """The SHA-256 of the secret: two are compared by it, so that the time it takes tells nothing."""

    @property
    def name(self) -> str:
        """As people call it: ``page``."""
        return self.client.name.removeprefix(PREFIX)


def digest(secret: str) -> bytes:
    """What a secret is looked up by."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def path_of(state: Path, name: str) -> Path:
    """The file of a token's secret."""
    return state / "keys" / f"{PREFIX}{name}.token"


def secret_of(state: Path, name: str) -> str:
    """The secret; raise ``OSError`` where this user may not read it or there is none."""
    return path_of(state, name).read_text(encoding="ascii").strip()


def clients(state: Path) -> list[Client]:
    """The identities that tokens stand for."""
    return [one for one in load_clients(state) if one.name.startswith(PREFIX)]


def load(state: Path) -> dict[bytes, Token]:
    """Every token that has a secret, by its digest; raise ``ValueError`` for a file of clients that makes no sense."""
    kept: dict[bytes, Token] = {}
    for one in clients(state):
        with suppress(OSError, UnicodeDecodeError):
            if secret := secret_of(state, one.name.removeprefix(PREFIX)):
                kept[digest(secret)] = Token(one, digest(secret))
    return kept


def client(name: str, role: Role, grants: Iterable[str] = ()) -> Client:
    """The identity that a token stands for; raise ``ValueError`` for a name that is none."""
    return Client(f"{PREFIX}{name}", role, frozenset(grants), bridge=True)


def make_secret(state: Path, name: str) -> None:
    """Have a secret, unless there is one."""
    path = path_of(state, name)
    identities.make_folder(path.parent)
    if not path.exists():
        identities.replace(path, f"{secrets.token_urlsafe(32)}\n".encode(), 0o600)


def add(state: Path, name: str, role: Role, grants: Iterable[str] = ()) -> Client:
    """Make a token, or give one that is there another role; its identity counts when the server has read it.

    Raises ``ValueError`` for a name that is none.
    """
    made = client(name, role, grants)
    save_clients(state, [*(one for one in load_clients(state) if one.name != made.name), made])
    make_secret(state, name)
    return made


def remove(state: Path, name: str) -> bool:
    """Forget a token; return whether there was one."""
    known = load_clients(state)
    kept = [one for one in known if one.name != f"{PREFIX}{name}"]
    save_clients(state, kept)
    for path in (path_of(state, name), identities.path_of(state / "keys", f"{PREFIX}{name}")):
        path.unlink(missing_ok=True)
    return len(kept) < len(known)


def ensure(state: Path) -> None:
    """Have the first token, unless there are others already."""
    if not clients(state):
        add(state, FIRST, Role.USER)
