"""What a hub keeps of its machines' events, as nats-server is told it: an account, and streams in it. Pure.

There is a stream for each account of a machine, with what this account hears, and an operator reads the one of the
account that it would listen to: so the past is as closed as the present. No machine can push the events of another
out, nor touch them by a header such as ``Nats-Rollup``. Streams: https://docs.nats.io/nats-concepts/jetstream/streams.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lunix_cli import streams as kept_streams
from lunix_cli.fleet.members import Fleet, Machine, Operator
from lunix_cli.streams import Bounds
from lunix_common.role import up_to
from lunix_common.subjects import Role, Subject, token

ACCOUNT = "HISTORY"
INDEX = "index"
"""The stream that tells each operator whose history it may read."""
MACHINES = "history.machines"
"""Where an operator asks for that."""
_GET = "$JS.API.DIRECT.GET"

Json = dict[str, Any]


def keeps(row: Subject, role: Role) -> bool:
    """Whether an event that a machine's account of this role hears is kept; what needs a grant is not."""
    return row.role is not Role.GRANT and role.includes(row.role)


def stream(machine: Machine, role: Role) -> str:
    """The name of what is kept of a machine's account; ``index`` has no role and is none."""
    return f"{role}-{token(machine.name)}"


def source(name: str) -> str:
    """Where an operator asks for what is kept of the machine of this name."""
    return f"history.of.{token(name)}"


def account(key: str, imports: Iterable[Json], fleet: Fleet) -> Json:
    """The account that keeps: its one user is the hub itself, and each operator may read what is its own."""
    exports = [_export(operator, subject) for operator in fleet.operators.values() for subject in _read(operator)]
    for machine in fleet.machines.values():
        for role in up_to(machine.role):
            readers = [one.account for one in fleet.operators.values() if one.on(machine) is role]
            if readers:
                exports.append(_service(f"{_GET}.{stream(machine, role)}", readers))
    user = {
        "nkey": key,
        "allowed_connection_types": ["STANDARD"],
        "permissions": {
            "publish": {"allow": ["$JS.API.STREAM.>", f"{INDEX}.>"]},
            "subscribe": {"allow": ["_INBOX.>"]},
        },
    }
    return {"jetstream": "enabled", "users": [user], "exports": exports, "imports": list(imports)}


def _read(operator: Operator) -> tuple[str, ...]:
    return (f"{_GET}.{INDEX}.{INDEX}.{operator.name}",)


def _export(operator: Operator, subject: str) -> Json:
    return _service(subject, [operator.account])


def _service(subject: str, readers: list[str]) -> Json:
    return {"service": subject, "response_type": "stream", "accounts": readers}


def kept(machine: Machine, role: Role, subjects: Iterable[str]) -> list[Json]:
    """What the account imports of one of a machine's: with the role before the prefix, as no two streams may share."""
    return [
        {"stream": {"account": machine.account(role), "subject": one}, "prefix": f"{role}.{machine.prefix}"}
        for one in subjects
    ]


def offered(operator: Operator, machines: Iterable[tuple[Machine, Role]]) -> list[Json]:
    """What an operator's account imports to read."""
    named = [(subject, MACHINES) for subject in _read(operator)]
    named += [(f"{_GET}.{stream(machine, role)}", source(machine.name)) for machine, role in machines]
    return [{"service": {"account": ACCOUNT, "subject": subject}, "to": to} for subject, to in named]


def streams(fleet: Fleet, bounds: Bounds) -> dict[str, Json]:
    """The configuration of each stream, by name."""
    accounts = [(machine, role) for machine in fleet.machines.values() for role in up_to(machine.role)]
    share = max(1, bounds.max_bytes // max(1, len(accounts)))
    found = {INDEX: kept_streams.plain(INDEX, f"{INDEX}.*") | {"max_msgs_per_subject": 1}}
    for machine, role in accounts:
        name = stream(machine, role)
        found[name] = kept_streams.plain(name, f"{role}.*.{token(machine.name)}.>") | {
            "max_bytes": share,
            "max_age": bounds.max_age_s * 1_000_000_000,
            "no_ack": True,  # nobody else's subject is answered on
            "subject_transform": {"src": f"{role}.>", "dest": ">"},
        }
    return found


def index(fleet: Fleet) -> Mapping[str, bytes]:
    """The messages that tell each operator whose history it may read, by subject."""
    return {
        f"{INDEX}.{operator.name}": json.dumps(
            {"machines": [one.name for one in fleet.machines.values() if operator.on(one) is not None]}
        ).encode()
        for operator in fleet.operators.values()
    }
