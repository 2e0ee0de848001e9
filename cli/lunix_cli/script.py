"""``lunix script``: automations of one's own, each a service with an identity of its own on the bus.

A file in ``~/.config/lunix/scripts`` is a script. What it may do is what its header asks for and its owner granted.
"""

import json
import sys
import textwrap
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lunix_cli import access, declared, init, place, script_folder, script_header, script_templates, terminal
from lunix_cli.script_folder import Script
from lunix_cli.table import fitted
from lunix_common.access import serverconf
from lunix_common.access.accounts import may, may_send, within
from lunix_common.access.roles import Client
from lunix_common.errors import UsageError
from lunix_common.journal import safe
from lunix_common.subjects import Kind, Table, token
from lunix_init.control import Control


def run(arguments: Namespace) -> int:
    """Do one verb and return the exit code; raise ``UsageError`` or ``OSError``."""
    state = place.own_state(arguments.state)
    if arguments.verb == "logs":
        return _logs(state, arguments)
    _VERBS[arguments.verb](state, arguments)
    return 0


def _new(_state: Path, arguments: Namespace) -> None:
    if token(arguments.name) != arguments.name:
        raise UsageError(f"{arguments.name!r} is no name for a script: use letters, digits, _ and -")
    folder = script_folder.folder()
    suffix, text = script_templates.TEMPLATES[arguments.language]
    path = folder / f"{arguments.name}{suffix}"
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text.replace("NAME", arguments.name))
    except FileExistsError:
        raise UsageError(f"{path} is there already") from None
    path.chmod(0o755)
    print(f"{path}\nedit it, then: lunix script grant {arguments.name}")


def _survey(state: Path) -> list[Script]:
    return script_folder.survey(script_folder.folder(), declared.table(), serverconf.load_clients(state))


def _list(state: Path, arguments: Namespace) -> None:
    services = _services(arguments)
    rows = [_row(script, services.get(script.service)) for script in _survey(state)]
    if arguments.json:
        print(json.dumps({"folder": str(script_folder.folder()), "items": rows}))
    elif not rows:
        print(f"there is no script in {script_folder.folder()}: make one with `lunix script new NAME`")
    else:
        lines = [[str(row["name"]), str(row["state"]), " ".join(row["uses"]), str(row["why"])] for row in rows]
        table = [["SCRIPT", "STATE", "USES", "WHY"], *(list(map(safe, line)) for line in lines)]
        print("\n".join(fitted(table, terminal.columns())))


def _row(script: Script, service: init.Service | None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": script.name, "path": str(script.path), "uses": list(script.asks)}
    if script.problem:
        return {**found, "state": "off", "why": script.problem}
    if service is None:
        return {**found, "state": "down", "why": "`lunix up` keeps scripts, and does not run"}
    return {**found, "state": service["state"], "why": init.why(service)}


def _services(arguments: Namespace) -> dict[str, init.Service]:
    """Every service of the lunix-init behind `lunix up`; empty where none runs."""
    try:
        with Control.connect(init.run_directory(None, arguments.state)) as control:
            return {one["name"]: one for one in control.do("list")["items"]}
    except OSError:
        return {}


def _grant(state: Path, arguments: Namespace) -> None:
    script = _known(state, arguments.name)
    if not script.asks:
        raise UsageError(f"{script.path}: {script.problem}")
    table = declared.table()
    try:
        client = script_header.identity(script.name, script.asks, table)
    except ValueError as error:
        raise UsageError(f"{script.path}: {error}") from error
    access.check(state, client)
    print(f"{script.path} asks for:")
    columns = terminal.columns()
    lines = fitted(_described(client, table), columns and columns - 2)
    print(textwrap.indent("\n".join(lines), "  "))
    if not arguments.yes and not _confirmed():
        raise UsageError("nothing was granted")
    access.keep(state, client)
    problem = next((one.problem for one in _survey(state) if one.name == script.name), "")
    print(f"granted{'; but ' + safe(problem) if problem else ''}")


def _known(state: Path, name: str) -> Script:
    scripts = {one.name: one for one in _survey(state)}
    if name not in scripts:
        hint = f"there are {', '.join(scripts)}" if scripts else f"`lunix script new {name}` makes one"
        raise UsageError(f"there is no script {name!r} in {script_folder.folder()}: {hint}")
    return scripts[name]


def _described(client: Client, table: Table) -> list[list[str]]:
    """What each subject that it asks for lets it do, in a person's words."""
    lines: list[list[str]] = []
    for one in client.only or ():
        rows = [row for row in table if within(row.wildcard, [one])]
        verbs = {"hear" for row in rows if row.kind is Kind.EVENT and may(client, row)}
        verbs |= {"send" for row in rows if may_send(client, row)}
        verbs |= {"ask" for row in rows if row.kind is Kind.QUERY and may(client, row)}
        verbs |= {"do" for row in rows if row.kind is Kind.COMMAND and may(client, row)}
        doc = rows[0].doc if len(rows) == 1 else f"{len(rows)} subjects"
        lines.append([one, ", ".join(sorted(verbs)) or "say, hear", doc if rows else "What scripts tell each other."])
    return lines


def _confirmed() -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody is here to say yes: give it --yes")
    return input("Grant this? [y/N] ").strip().lower() in ("y", "yes")


def _revoke(state: Path, arguments: Namespace) -> None:
    if not access.drop(state, script_header.PREFIX + arguments.name):
        raise UsageError(f"nothing was granted to a script {arguments.name!r}")


def _logs(state: Path, arguments: Namespace) -> int:
    for name in arguments.name:
        script = _known(state, name)
        if script.problem and script.service not in _services(arguments):
            raise UsageError(f"the script {name} does not run: {script.problem}")
    given = vars(arguments) | {"name": [script_header.PREFIX + name for name in arguments.name], "run": None}
    return init.run(Namespace(**given))


_VERBS: Mapping[str, Callable[[Path, Namespace], None]] = {
    "new": _new,
    "list": _list,
    "grant": _grant,
    "revoke": _revoke,
}
