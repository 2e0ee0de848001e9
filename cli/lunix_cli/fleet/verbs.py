"""The verbs of ``lunix fleet``: of the hub, of a machine that joins one, and of an operator."""

import json
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from lunix_cli import place, serve, server
from lunix_cli.fleet import hub, joined, members
from lunix_cli.fleet.members import Credential, Machine, Operator
from lunix_cli.table import aligned
from lunix_cli.token import grants
from lunix_common.access import identities
from lunix_common.errors import UsageError
from lunix_common.journal import safe
from lunix_common.role import up_to
from lunix_common.subjects import Role, token


def run(arguments: Namespace) -> int:
    """Do one verb and return the exit code; raise ``UsageError`` or ``OSError``."""
    state = place.own_state(arguments.state)
    _VERBS[arguments.verb](state, arguments)
    return 0


# --- the hub --------------------------------------------------------------------------------------------------------


def _hub(state: Path, arguments: Namespace) -> None:
    program = server.find()
    given = {name: value for name in _SETTINGS if (value := getattr(arguments, name)) is not None}
    if "names" in given:
        given["names"] = tuple(given["names"])  # as they are kept: another kind of list would be another certificate
    if "history" in given:
        folder = given["history"]
        folder = state / "hub" / "history" if folder == Path() else folder
        given["history"] = str(folder.absolute()) if folder else None
    with hub.held(state):
        before = hub.load(state) if (state / "hub" / "hub.json").exists() else hub.Hub(state / "hub")
        now = hub.Hub(before.folder, hub.Settings(**{**vars(before.settings), **given}), before.fleet)
        if now.settings.names != before.settings.names and now.settings.cert is None:
            for name in ("cert.pem", "key.pem"):  # which vouch for the names that were
                (now.folder / name).unlink(missing_ok=True)
        configuration = now.write()
    _say(
        "in another terminal: `lunix fleet add NAME -o FILE` lets a machine in, `lunix fleet operator NAME -o FILE` you"
    )
    serve.become(program, configuration, now.folder, lambda: _settle(state))


def _settle(state: Path) -> None:
    """Once it serves: members may have come since it was written."""
    with hub.held(state):
        hub.load(state).settle_history()


_SETTINGS = (
    "host",
    "port",
    "leaf_port",
    "names",
    "cert",
    "key",
    "ping_s",
    "history",
    "history_max_bytes",
    "history_max_age_s",
)


def _add(state: Path, arguments: Namespace) -> None:
    role = Role(arguments.role)
    with hub.held(state):
        known = hub.load(state)
        seeds, keys = _made(up_to(role))
        machine = Machine(arguments.name, role, keys)
        if (other := _same_token(known, machine)) is not None:
            raise UsageError(f"{arguments.name!r} and {other!r} would be the same subject")
        again = machine.name in known.fleet.machines
        text = Credential("machine", machine.name, role, seeds, _ca(known)).to_json()
        _hand_over(arguments.output, text, lambda: known.change(known.fleet.with_machine(machine)))
    one, name, file = known.settings, _name(known), _file(arguments)
    where = f"tls://{name} {file}"
    if (one.leaf_port, one.port) != (hub.Settings.leaf_port, hub.Settings.port):
        where = f"tls://{name}:{one.leaf_port} {file} (tls://{name}:{one.port} where its bus is lunix-bus)"
    if again:
        _say(f"{machine.name} had a credential, which opens nothing any more")
    _say(f"its subjects are {machine.prefix}.>: on the machine, lunix fleet join {where}")


def _same_token(known: hub.Hub, machine: Machine) -> str | None:
    others = (one for one in known.fleet.machines.values() if one.name != machine.name)
    return next((one.name for one in others if one.prefix == machine.prefix), None)


def _operator(state: Path, arguments: Namespace) -> None:
    role = Role(arguments.role)
    with hub.held(state):
        known = hub.load(state)
        seeds, keys = _made((role,))
        machines = frozenset(arguments.machine) or None
        for name in machines or ():
            members.check("machine", name, known.fleet.machines)
        operator = Operator(arguments.name, role, keys[role], frozenset(grants(arguments.grant)), machines)
        text = Credential("operator", operator.name, role, seeds, _ca(known)).to_json()
        _hand_over(arguments.output, text, lambda: known.change(known.fleet.with_operator(operator)))
    _say(
        f"where {operator.name} works: lunix fleet login tls://{_name(known)}:{known.settings.port} {_file(arguments)}"
    )


def _name(known: hub.Hub) -> str:
    """The host by which others reach the hub, as far as it was told."""
    return next((members.url(name, None).removeprefix("tls://") for name in known.settings.names), "HUB")


def _file(arguments: Namespace) -> str:
    return shlex.quote(arguments.output.name) if arguments.output else "FILE"


def _remove(state: Path, arguments: Namespace) -> None:
    with hub.held(state):
        known = hub.load(state)
        fleet = known.fleet
        left = fleet.without_operator(arguments.name) if arguments.operator else fleet.without_machine(arguments.name)
        known.change(left)


def _list(state: Path, arguments: Namespace) -> None:
    known = hub.load(state)
    leaves = known.leaves
    machines = [_described(machine, leaves) for machine in known.fleet.machines.values()]
    operators = [known.fleet.to_json()["operators"][name] | {"name": name} for name in known.fleet.operators]
    for one in operators:
        del one["key"]
    if arguments.json:
        print(json.dumps({"running": leaves is not None, "machines": machines, "operators": operators}))
        return
    if leaves is None:
        _say("the hub does not run: `lunix fleet hub` starts it")
    rows = [["MACHINE", "SUBJECTS", "ROLE", "CONNECTED"]]
    for one in machines:
        where = one["address"] or ("no" if one["connected"] is False else "unknown")
        rows.append([safe(one["name"]), f"{one['prefix']}.>", one["role"], where])
    print("\n".join(aligned(rows)))
    rows = [["OPERATOR", "ROLE", "MACHINES", "GRANTS"]]
    for one in operators:
        where = "all" if one["machines"] is None else " ".join(map(safe, one["machines"]))
        rows.append([one["name"], one["role"], where, " ".join(one["grants"]) or "-"])
    print("\n" + "\n".join(aligned(rows)))


def _described(machine: Machine, leaves: Iterable[Any] | None) -> dict[str, Any]:
    accounts = {machine.account(role) for role in up_to(machine.role)}
    here = [leaf for leaf in leaves or () if leaf.account in accounts]
    return {
        "name": machine.name,
        "prefix": machine.prefix,
        "role": machine.role,
        # One connection a role: with fewer, an operator would wait in vain for what needs the other.
        "connected": None if leaves is None else {leaf.account for leaf in here} == accounts,
        "address": here[0].address if here else None,
    }


def _made(roles: Iterable[Role]) -> tuple[dict[Role, str], dict[Role, str]]:
    """New seeds and their public keys; nobody keeps the seeds."""
    pairs = {role: identities.make() for role in roles}
    return {role: seed for role, (seed, _) in pairs.items()}, {role: key for role, (_, key) in pairs.items()}


def _ca(known: hub.Hub) -> str:
    return known.certificate.read_text(encoding="ascii")


def _hand_over(output: Path | None, text: str, count: Callable[[], object]) -> None:
    """Make what was made count, and write down its credential: first a place for it, so that it cannot be lost."""
    if output is None:
        count()
        sys.stdout.write(text)
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise UsageError(f"{output} exists: a credential replaces no file") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        count()
    except BaseException:
        output.unlink()
        raise


# --- a machine ------------------------------------------------------------------------------------------------------


def _join(state: Path, arguments: Namespace) -> None:
    url = address(arguments.url)
    credential = members.credential(_text(arguments.file), "machine")
    allowed = Role(arguments.role)
    if not allowed.includes(credential.role):
        raise UsageError(
            f"the hub's operators would be {credential.role} on this machine, and you allow {allowed}: "
            f"say --role {credential.role}, or have the hub make a credential for {allowed}"
        )
    joined.join(state, joined.Joined(url, credential), frozenset(grants(arguments.grant)))
    print(f"host.{token(credential.name)}")


def _leave(state: Path, _arguments: Namespace) -> None:
    if not joined.leave(state):
        raise UsageError("this machine belongs to no fleet")


def _status(state: Path, arguments: Namespace) -> None:
    found = joined.load(state)
    if arguments.json:
        about = found and {
            "url": found.reached(embedded=joined.embedded(state)),
            "prefix": found.prefix,
            "role": found.credential.role,
        }
        print(json.dumps({"joined": about}))
    elif found is None:
        print("this machine belongs to no fleet: `lunix fleet join` makes it one of one")
    else:
        print(f"{found.prefix} at {found.url}; its operators are at most {found.credential.role} here")
        print("`lunix doctor` tells whether the hub can be reached, and lets it in")


def address(url: str, port: int | None = None) -> str:
    """The address of a hub with its port, or with this one; raise ``UsageError`` for what is none."""
    try:
        parts = urlparse(url)
        good = parts.scheme == "tls" and parts.hostname and parts.path in ("", "/") and "@" not in parts.netloc
        host = parts.hostname or ""
        if good and all(character.isprintable() and not character.isspace() for character in url):
            return members.url(host, parts.port or port)
    except ValueError:
        pass
    raise UsageError(f"{url!r} is no address of a hub: tls://HOST or tls://HOST:PORT")


def _text(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.read()
    return path.read_text(encoding="utf-8", errors="replace")


# --- an operator ----------------------------------------------------------------------------------------------------


def _login(state: Path, arguments: Namespace) -> None:
    url = address(arguments.url, hub.Settings.port)
    credential = members.credential(_text(arguments.file), "operator")
    folder = state / "fleet"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = token(credential.name)
    identities.replace(folder / f"{name}.nk", credential.seeds[credential.role].encode(), 0o600)
    identities.replace(folder / f"{name}.pem", credential.ca.encode(), 0o644)
    lines = {"LUNIX_BUS": url, "NATS_URL": url, "NATS_NKEY": folder / f"{name}.nk", "NATS_CA": folder / f"{name}.pem"}
    for variable, value in lines.items():
        print(f"export {variable}={shlex.quote(str(value))}")


def _say(text: str) -> None:
    sys.stderr.write(f"lunix: {text}\n")


_VERBS: Mapping[str, Callable[[Path, Namespace], None]] = {
    "hub": _hub,
    "add": _add,
    "operator": _operator,
    "remove": _remove,
    "list": _list,
    "join": _join,
    "leave": _leave,
    "status": _status,
    "login": _login,
}
