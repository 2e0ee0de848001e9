"""Roles of those outside the daemons' account, and the role of a request's sender. Imports next to nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lunix_common.role import RANKED
from lunix_common.subjects import Kind, Role, Subject, token

REQUEST_INFO = "Nats-Request-Info"
"""The header in which the server names the account of a caller; it overwrites what the caller put there."""


@dataclass(frozen=True)
class Client:
    """Somebody on the bus who is no daemon: a role, or a bridge or script that has a role and an account of its own."""

    name: str
    role: Role
    grants: frozenset[str] = frozenset()
    """Patterns of the role ``Role.GRANT`` that this one may use beside what its role may; of a bridge, guarded
    commands too."""
    bridge: bool = False
    """It speaks for others, over a network perhaps: a ``guarded`` command needs a grant, whatever its role."""
    owner: int | None = None
    """The user (uid) to whom its key belongs, where that is not the one who runs the bus."""
    only: tuple[str, ...] | None = None
    """NATS subjects; of what its role and grants allow it may use what these take in, and nothing else."""

    def __post_init__(self) -> None:
        if token(self.name) != self.name:
            raise ValueError(f"{self.name!r} is no name for an identity: use letters, digits, _ and -")
        if self.role is Role.GRANT:
            raise ValueError(f"{self.name}: a grant is no role; name its patterns in grants")
        if self.name in set(Role) and self.name != self.role:
            raise ValueError(f"{self.name!r} is the name of a role")

    @property
    def account(self) -> str:
        """The name of its account on the server, from which ``role_of`` reads the role: ``USER`` or ``USER-mqtt``."""
        return self.role.upper() if self.name == self.role else f"{self.role.upper()}-{self.name}"


_GUARDED = frozenset({"init", "mount"})


def guarded(row: Subject) -> bool:
    """Whether a bridge needs a grant for it: it stops services or the machine, or changes what is mounted where."""
    return row.kind is Kind.COMMAND and row.domain in _GUARDED


ROLES = tuple(Client(role, role) for role in RANKED)
"""The identities that every bus has beside its daemons."""

BRIDGES: Mapping[str, Client] = {"mqtt": Client("bridge-mqtt", Role.USER, bridge=True)}
"""As whom a daemon speaks for programs outside this bus; one of the same name in ``clients.json`` counts more."""


def identity_probe(daemon: str) -> str:
    """A subject that nobody hears and that this daemon alone may send: a refusal tells it that it has another's key."""
    return f"_I_.{daemon}"


def role_of(headers: Mapping[str, str] | None) -> Role:
    """The role of a request's sender, from ``Nats-Request-Info`` alone; the least one where the header says nothing.

    The server writes ``{"acc":"USER-mqtt",...}`` as a request crosses from its sender's account into LUNIX. A request
    of another daemon crosses nothing and so has no such header.
    """
    try:
        info = json.loads((headers or {})[REQUEST_INFO])
        # "svc" means a chain: somebody named this subject as a reply subject, and the server has kept the header that
        # the one who answered wrote.
        role = Role.OBSERVER if "svc" in info else Role(info["acc"].split("-", 1)[0].lower())
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return Role.OBSERVER
    return Role.OBSERVER if role is Role.GRANT else role
