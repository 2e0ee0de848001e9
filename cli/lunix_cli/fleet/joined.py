"""A machine's side: what it joined, the identities by which the hub's operators act here, and its leaf connections.

A request that comes over a leaf connection is one of the local account to which that connection is bound: the server
writes this account into ``Nats-Request-Info``, over whatever the hub or an operator put there. So each role has a
connection of its own, and what operators may is decided by the identities here: ``fleet-observer`` and so on.

lunix-bus has no leaf nodes: beside it lunix-uplink reads what is kept here, and makes these connections as a client.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from lunix_cli import access, declared, server
from lunix_cli.fleet import hubconf
from lunix_cli.fleet.members import LEAF_PORT, PORT, Credential
from lunix_cli.reload import reload
from lunix_common.access import identities, serverconf
from lunix_common.access.roles import Client
from lunix_common.errors import UsageError
from lunix_common.role import up_to
from lunix_common.subjects import Role, token

PREFIX = "fleet-"
_JOINED = "fleet.json"


@dataclass(frozen=True)
class Joined:
    """What this machine joined."""

    url: str
    """The hub: ``tls://hub.example``, with a port where it is another than the one of each sort of machine."""
    credential: Credential

    @property
    def prefix(self) -> str:
        """What operators see before its subjects."""
        return f"host.{token(self.credential.name)}"

    def reached(self, *, embedded: bool) -> str:
        """Where the hub takes this machine, whose bus is lunix-bus (``embedded``) or nats-server."""
        named = urlparse(self.url).port is not None
        return self.url if named else f"{self.url}:{PORT if embedded else LEAF_PORT}"


def client(role: Role, grants: frozenset[str] = frozenset()) -> Client:
    """As whom operators of this role act here."""
    return Client(f"{PREFIX}{role}", role, grants, bridge=True)


def load(state: Path) -> Joined | None:
    """What the machine of this state directory joined; raise ``UsageError`` for a file that makes no sense."""
    path = state / _JOINED
    try:
        found = json.loads(path.read_bytes())
        credential, url = found["credential"], str(found["url"])
        seeds = {Role(role): str(seed) for role, seed in credential["seeds"].items()}
        about = Credential("machine", str(credential["name"]), Role(credential["role"]), seeds, str(credential["ca"]))
        return Joined(url, about)
    except FileNotFoundError:
        return None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} describes no fleet: {error!r}; `lunix fleet leave` removes it") from error


def settings(state: Path, *, embedded: bool = False) -> dict[str, Any]:
    """What the bus server of this state directory is told besides: its leaf connections, where it joined a fleet.

    Nothing where it is lunix-bus (``embedded``): lunix-uplink has the connections.
    """
    joined = None if embedded else load(state)
    if joined is None:
        return {}
    known = {one.name for one in serverconf.load_clients(state)}
    roles = [role for role in up_to(joined.credential.role) if client(role).name in known]
    seeds = {client(role).account: joined.credential.seeds[role] for role in roles}
    return {"leafnodes": hubconf.leaf(joined.reached(embedded=False), str(_authority(state)), seeds)} if seeds else {}


def embedded(state: Path) -> bool:
    """Whether the bus that runs here, if one does, is lunix-bus."""
    found = server.announcement(state)
    return found is not None and found.embedded


def missing(state: Path) -> list[str]:
    """The identities that belong to what was joined, and that this machine has no more."""
    joined, known = load(state), {one.name for one in serverconf.load_clients(state)}
    wanted = [client(role).name for role in up_to(joined.credential.role)] if joined else []
    return [name for name in wanted if name not in known]


def join(state: Path, joined: Joined, grants: frozenset[str]) -> None:
    """Belong to the fleet from now on, in place of one that was joined before; a bus that runs connects at once.

    Raises ``UsageError`` for a grant that is none, ``OSError`` where the server refuses; all is as it was then.
    """
    clients = _clients(joined.credential.role, grants)
    for one in clients:
        access.check(state, one)
    before = _kept(state)
    try:
        _keep(state, joined, clients)
    except (OSError, ValueError):
        for path, content in before.items():
            _restore(path, content)
        raise


def _clients(most: Role, grants: frozenset[str]) -> list[Client]:
    """An identity a role. What no role has is the highest one's alone; a guarded command needs its own role besides."""
    alone = {row.pattern for row in declared.table() if row.role is Role.GRANT}
    return [client(role, grants if role is most else grants - alone) for role in up_to(most)]


def leave(state: Path) -> bool:
    """Belong to no fleet any more; return whether there was one."""
    there = (state / _JOINED).exists()
    _keep(state, None, [])
    return there


def _keep(state: Path, joined: Joined | None, clients: list[Client]) -> None:
    # lunix-uplink follows the file, and is to find the identities on the bus: there it is written last.
    late = joined is not None and embedded(state)
    if joined is None:
        for path in (state / _JOINED, _authority(state)):
            path.unlink(missing_ok=True)
    elif not late:
        _describe(state, joined)
    others = [one for one in serverconf.load_clients(state) if not one.name.startswith(PREFIX)]
    for one in serverconf.load_clients(state):
        if one.name.startswith(PREFIX) and one.name not in {kept.name for kept in clients}:
            identities.path_of(state / "keys", one.name).unlink(missing_ok=True)
    serverconf.save_clients(state, [*others, *clients])
    if (state / serverconf.NAME).exists():
        _tell(state)
    if joined is not None and late:
        _describe(state, joined)


def _describe(state: Path, joined: Joined) -> None:
    about = {"url": joined.url, "credential": json.loads(joined.credential.to_json())}
    identities.replace(_authority(state), joined.credential.ca.encode(), 0o644)
    identities.replace(state / _JOINED, json.dumps(about, indent=1).encode() + b"\n", 0o600)


def _tell(state: Path) -> None:
    """Have the server's configuration say so, and the server read it."""
    path = serverconf.renew(state, declared.table(), serverconf.load_clients(state))
    found: dict[str, Any] = json.loads(path.read_bytes())
    found.pop("leafnodes", None)
    identities.replace(
        path, json.dumps(found | settings(state, embedded=embedded(state)), indent=1).encode() + b"\n", 0o600
    )
    reload(state)


def _authority(state: Path) -> Path:
    return state / "fleet-ca.pem"


def _kept(state: Path) -> dict[Path, bytes | None]:
    paths = (state / _JOINED, _authority(state), state / serverconf.CLIENTS, state / serverconf.NAME)
    return {path: path.read_bytes() if path.exists() else None for path in paths}


def _restore(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        identities.replace(path, content, path.stat().st_mode & 0o777 if path.exists() else 0o600)
