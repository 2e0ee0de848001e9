"""The configuration of nats-server, written from the table. JSON: nats-server reads it as its own format."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from lunix_common.access import history, identities
from lunix_common.access.accounts import accounts
from lunix_common.access.roles import BRIDGES, ROLES, Client
from lunix_common.subjects import Role, Table

NAME, CLIENTS, LENT = "server.conf", "clients.json", "lent.json"
"""In the state directory: the configuration, identities beside daemons and roles, and daemons of somebody's session."""
ANY_PORT = -1
"""The server takes a free port and tells it in its log."""
SYSTEM = "system"
"""The identity that may have the server read its configuration again, and nothing else."""

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """What may differ from one bus to another."""

    port: int = ANY_PORT
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More top-level settings: a websocket listener, leaf nodes. They do not replace ours."""


def compute(table: Table, public: Mapping[str, str], clients: Iterable[Client], settings: Settings) -> dict[str, Any]:
    """The whole configuration; raise ``ValueError`` where ``extra`` would replace a setting of ours."""
    keeps = history.SETTING in settings.extra
    ours: dict[str, Any] = {
        "server_name": "lunix",
        "host": "127.0.0.1",
        "port": settings.port,
        "accounts": _accounts(table, public, [*clients], keeps=keeps),
        "max_payload": 1024 * 1024,
        # A subject of 1 024 bytes, an inbox and two lengths are far below; the rest is no request of ours.
        "max_control_line": 4096,
        # One slow subscriber may hold this many bytes in the server before it is cut off; it lists again then.
        "max_pending": 16 * 1024 * 1024,
        "max_connections": 1024,
        "write_deadline": "5s",
        # The only wake-up of a quiet daemon.
        "ping_interval": "2m",
        "ping_max": 2,
        # Python signs its nonce late on a slow board that starts everything at once.
        "authorization": {"timeout": 10},
    }
    taken = ours.keys() & settings.extra.keys()
    if taken:
        raise ValueError(f"{', '.join(sorted(taken))}: lunix computes these settings itself")
    return ours | dict(settings.extra)


def write(state: Path, table: Table, settings: Settings) -> Path:
    """Make the missing identities below ``state``, write ``server.conf`` there and return its path."""
    if "websocket" in table.daemons:
        from lunix_common.access import tokens  # which keeps its clients by means of this module

        tokens.ensure(state)
    clients = _everyone(load_clients(state), table)
    public = _public(state, table, clients, keeps=history.SETTING in settings.extra)
    return _keep(state, compute(table, public, clients, settings))


def renew(state: Path, table: Table, clients: Iterable[Client]) -> Path:
    """Write the accounts of ``server.conf`` anew, for these beside daemons and roles; all else stays as it is.

    Raises ``FileNotFoundError`` where no configuration was written yet.
    """
    found: dict[str, Any] = json.loads((state / NAME).read_bytes())
    everyone, keeps = _everyone(clients, table), history.SETTING in found
    public = _public(state, table, everyone, keeps=keeps)
    return _keep(state, found | {"accounts": _accounts(table, public, everyone, keeps=keeps)})


def _accounts(table: Table, public: Mapping[str, str], clients: Sequence[Client], *, keeps: bool) -> dict[str, Any]:
    """Those of the table, the server's own, which is always called like this, and the one that keeps a history."""
    asks = ["$SYS.REQ.SERVER.PING.IDZ", "$SYS.REQ.SERVER.PING.LEAFZ", "$SYS.REQ.SERVER.*.RELOAD"]
    permissions = {"publish": {"allow": asks}, "subscribe": {"allow": ["_INBOX.>"]}}
    system = {"users": [{"nkey": public[SYSTEM], "permissions": permissions}]}
    found = {**accounts(table, public, clients), "$SYS": system}
    return history.add(found, table, (*ROLES, *clients), public[history.KEEPER]) if keeps else found


def _public(state: Path, table: Table, clients: Iterable[Client], *, keeps: bool) -> dict[str, str]:
    everyone = (*ROLES, *clients)
    names = [*table.daemons, SYSTEM, *([history.KEEPER] if keeps else []), *(client.name for client in everyone)]
    return identities.ensure(state / "keys", names, owners(state, everyone))


def _keep(state: Path, configuration: Mapping[str, Any]) -> Path:
    path = state / NAME
    identities.replace(path, json.dumps(configuration, indent=1).encode() + b"\n", 0o600)
    return path


def _everyone(clients: Iterable[Client], table: Table) -> list[Client]:
    """Those who were given an identity, and the bridges of this table, with what they were given."""
    named = {client.name: client for client in clients}
    bridges = [BRIDGES[daemon] for daemon in table.daemons if daemon in BRIDGES]
    return list((named | {one.name: replace(named.get(one.name, one), bridge=True) for one in bridges}).values())


def owners(state: Path, clients: Iterable[Client]) -> dict[str, int]:
    """The users (uid) to whom a key belongs, where that is not who runs the bus; by identity."""
    return lent(state) | {client.name: client.owner for client in clients if client.owner is not None}


def lent(state: Path) -> dict[str, int]:
    """The daemons of somebody's session, and the user (uid) to whom the key of each belongs."""
    return _load(state / LENT, lambda _name, uid: int(uid))


def load_clients(state: Path) -> list[Client]:
    """The bridges and scripts that were given an identity, from ``clients.json``; none without such a file."""
    return list(_load(state / CLIENTS, _client).values())


def _load(path: Path, read: Callable[[str, Any], T]) -> dict[str, T]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return {name: read(name, one) for name, one in found.items()}
    except FileNotFoundError:
        return {}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _client(name: str, one: Mapping[str, Any]) -> Client:
    grants, bridge = frozenset(one.get("grants", ())), bool(one.get("bridge", False))
    only = None if one.get("only") is None else tuple(map(str, one["only"]))
    return Client(name, Role(one["role"]), grants, bridge, one.get("owner"), only)


def _plain(client: Client) -> dict[str, Any]:
    fields = asdict(client) | {"grants": sorted(client.grants)}
    return {name: value for name, value in fields.items() if name != "name"}


def save_clients(state: Path, clients: Iterable[Client]) -> None:
    """Keep who has an identity beside daemons and roles; a running server learns it by ``renew`` and a reload."""
    kept = {one.name: _plain(one) for one in clients}
    state.mkdir(parents=True, exist_ok=True)
    identities.replace(state / CLIENTS, json.dumps(kept, indent=1).encode() + b"\n", 0o600)
