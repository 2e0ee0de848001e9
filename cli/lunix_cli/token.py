"""``lunix token``: who may come in by lunix-websocket, as browsers, scripts and Node-RED do.

A token is an identity of ``lunix access`` whose key lunix-websocket alone has, and a secret that stands for it.
"""

import json
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from lunix_cli import access, declared, place, web
from lunix_cli.table import aligned
from lunix_common.access import tokens
from lunix_common.access.accounts import covers
from lunix_common.access.roles import guarded
from lunix_common.errors import UsageError
from lunix_common.subjects import Role, token


def run(arguments: Namespace) -> int:
    """Do one verb and return the exit code; raise ``UsageError`` or ``OSError``."""
    state = place.own_state(arguments.state)
    _VERBS[arguments.verb](state, arguments)
    return 0


def _list(state: Path, arguments: Namespace) -> None:
    found = tokens.clients(state)
    rows = [(one.name.removeprefix(tokens.PREFIX), one.role.value, sorted(one.grants)) for one in found]
    if arguments.json:
        print(json.dumps({"items": [{"name": name, "role": role, "grants": grants} for name, role, grants in rows]}))
        return
    lines = [["TOKEN", "ROLE", "GRANTS"], *([name, role, " ".join(grants) or "-"] for name, role, grants in rows)]
    print("\n".join(aligned(lines)))


def _add(state: Path, arguments: Namespace) -> None:
    if token(arguments.name) != arguments.name:
        raise UsageError(f"{arguments.name!r} is no name for a token: use letters, digits, _ and -")
    try:
        client = tokens.client(arguments.name, Role(arguments.role), grants(arguments.grant))
    except ValueError as error:
        raise UsageError(str(error)) from error
    access.check(state, client)
    tokens.make_secret(state, arguments.name)
    access.keep(state, client)
    _tell(state, arguments.name)


def grants(patterns: Iterable[str]) -> Iterator[str]:
    """Each pattern as it is, or all that may be granted and that it takes in."""
    rows = [row for row in declared.table() if row.role is Role.GRANT or guarded(row)]
    for pattern in patterns:
        wide = [row.pattern for row in rows if covers(pattern, row.wildcard)] if {"*", ">"} & set(pattern) else []
        yield from wide or [pattern]


def _remove(state: Path, arguments: Namespace) -> None:
    _known(state, arguments.name)
    access.drop(state, f"{tokens.PREFIX}{arguments.name}")
    tokens.remove(state, arguments.name)


def _url(state: Path, arguments: Namespace) -> None:
    _known(state, arguments.name)
    if web.address(state) is None:
        raise UsageError(f"no lunix-websocket runs on {state}: start it with `lunix up`")
    _tell(state, arguments.name)


def _known(state: Path, name: str) -> None:
    if name not in (found := web.names(state)):
        hint = (
            f"there are {', '.join(found)}" if found else "`lunix up` makes the first one, and `lunix token add` more"
        )
        raise UsageError(f"there is no token {name!r}: {hint}")


def _tell(state: Path, name: str) -> None:
    """Print the page's address where there is one, else the secret alone."""
    secret = tokens.secret_of(state, name)
    print(web.link(state, secret) or secret)


_VERBS: Mapping[str, Callable[[Path, Namespace], None]] = {"list": _list, "add": _add, "remove": _remove, "url": _url}
