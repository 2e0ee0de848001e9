"""``lunix access``: identities beside the daemons and the three roles: a person's, a bridge's, a script's.

Each has a key and an account of its own on the bus, with what its role may and what it was granted. A bus that runs
takes the change at once, and nobody is disconnected but who was removed.
"""

import json
import os
import pwd
from argparse import Namespace
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from lunix_cli import declared, place
from lunix_cli.reload import reload
from lunix_cli.shipping.needs import SESSION
from lunix_cli.table import aligned
from lunix_common.access import history, serverconf
from lunix_common.access.identities import path_of, replace
from lunix_common.access.roles import ROLES, Client, guarded
from lunix_common.errors import UsageError
from lunix_common.subjects import Role


def run(arguments: Namespace) -> int:
    """Do one verb and return the exit code; raise ``UsageError`` or ``OSError``."""
    state = place.own_state(arguments.state)
    _VERBS[arguments.verb](state, arguments)
    return 0


def _list(state: Path, arguments: Namespace) -> None:
    keys = state / "keys"
    clients = (*ROLES, *serverconf.load_clients(state))
    if arguments.json:
        print(json.dumps({"items": [_described(keys, client) for client in clients]}))
        return
    lines = [["NAME", "ROLE", "GRANTS", "OWNER", "KEY"]]
    for client in clients:
        grants, owner = " ".join(sorted(client.grants)) or "-", _owner(client) or "-"
        lines.append([client.name, client.role, grants, owner, str(path_of(keys, client.name))])
    print("\n".join(aligned(lines)))


def _described(keys: Path, client: Client) -> dict[str, object]:
    return {
        "name": client.name,
        "role": client.role,
        "grants": sorted(client.grants),
        "bridge": client.bridge,
        "owner": _owner(client),
        "key": str(path_of(keys, client.name)),
    }


def _add(state: Path, arguments: Namespace) -> None:
    owner = None if arguments.owner is None else _uid(arguments.owner)
    try:
        added = Client(arguments.name, Role(arguments.role), frozenset(arguments.grant), arguments.bridge, owner)
    except ValueError as error:
        raise UsageError(str(error)) from error
    check(state, added)
    keep(state, added)
    print(path_of(state / "keys", added.name))


def _remove(state: Path, arguments: Namespace) -> None:
    if not drop(state, arguments.name):
        known = ", ".join(one.name for one in serverconf.load_clients(state)) or "none"
        raise UsageError(f"there is no identity {arguments.name!r} to remove (there are: {known})")


def _lend(state: Path, arguments: Namespace) -> None:
    """The daemon keeps its identity; only whose file the key is changes, and so the server need not know."""
    if arguments.name not in {row.name for row in SESSION}:
        known = ", ".join(row.name for row in SESSION)
        raise UsageError(f"{arguments.name!r} is no daemon of a session: there are {known}")
    key = path_of(state / "keys", arguments.name)
    if not key.exists():
        raise UsageError(f"there is no bus in {state} yet, and so no key")
    if os.geteuid() != 0:
        raise UsageError("only root can give a key to somebody else: run it with sudo")
    lent = {name: uid for name, uid in serverconf.lent(state).items() if name != arguments.name}
    uid = 0 if arguments.owner is None else _uid(arguments.owner)
    replace(state / serverconf.LENT, json.dumps(lent | ({arguments.name: uid} if uid else {})).encode() + b"\n", 0o600)
    os.chown(key, uid, -1)
    print(key)


_VERBS: Mapping[str, Callable[[Path, Namespace], None]] = {
    "list": _list,
    "add": _add,
    "remove": _remove,
    "lend": _lend,
}


def check(state: Path, client: Client) -> None:
    """Raise ``UsageError`` where an identity cannot be made like this."""
    table = declared.table()
    if client.name in {*table.daemons, serverconf.SYSTEM, history.KEEPER, *(role.name for role in ROLES)}:
        raise UsageError(f"{client.name!r} is the name of a daemon or a role: take another one")
    grantable = sorted(row.pattern for row in table if row.role is Role.GRANT or (client.bridge and guarded(row)))
    for pattern in sorted(client.grants):
        if pattern not in grantable:
            what = f"there are {', '.join(grantable)}" if grantable else "nothing on this bus needs one"
            raise UsageError(f"{pattern!r} is nothing that is granted: {what}")
    if client.owner is not None and os.geteuid() not in (0, client.owner):
        raise UsageError("only root can give a key to somebody else: run it with sudo")
    if not (state / "keys").is_dir():
        raise UsageError(f"there is no bus in {state} yet: `lunix up` makes it, or name its directory with --state")


def keep(state: Path, client: Client) -> None:
    """Have a running bus take an identity, and keep it. One of the same name is changed: its key stays."""
    change(state, [*(one for one in serverconf.load_clients(state) if one.name != client.name), client])


def drop(state: Path, name: str) -> bool:
    """Have a running bus forget an identity, and its key; return whether there was one."""
    before = serverconf.load_clients(state)
    left = [one for one in before if one.name != name]
    if len(left) == len(before):
        return False
    change(state, left)
    path_of(state / "keys", name).unlink(missing_ok=True)
    return True


def change(state: Path, clients: list[Client]) -> None:
    """Have a running bus take these, and keep them: who reads that they are kept finds them on the bus.

    The old ones count again where the server refuses.
    """
    before = serverconf.load_clients(state)
    try:
        _announce(state, clients)
        reload(state)
    except (OSError, ValueError):
        _announce(state, before)
        for name in {one.name for one in clients} - {one.name for one in before}:
            path_of(state / "keys", name).unlink(missing_ok=True)
        raise
    serverconf.save_clients(state, clients)


def _announce(state: Path, clients: list[Client]) -> None:
    """Write them for the server, and give each key to its owner."""
    for client in clients:
        key = path_of(state / "keys", client.name)
        if key.exists() and os.geteuid() == 0:
            os.chown(key, client.owner or 0, -1)
    serverconf.renew(state, declared.table(), clients)


def _uid(login: str) -> int:
    with suppress(KeyError):
        return pwd.getpwnam(login).pw_uid
    raise UsageError(f"there is no user {login!r} on this machine")


def _owner(client: Client) -> str | None:
    if client.owner is None:
        return None
    with suppress(KeyError):
        return pwd.getpwuid(client.owner).pw_name
    return str(client.owner)
