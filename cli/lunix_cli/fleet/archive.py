"""What a hub keeps of its machines' events, as nats-server is told it: an account, and streams in it. Pure.

There is a stream for each account of a machine, with what this account hears, and an operator reads the one of the
account that it would listen to: so the past is as closed as the present. No machine can push the events of another
out, nor touch them by a header such as ``Nats-Rollup``. Streams: https://docs.nats.io/nats-concepts/jetstream/streams.
"""

from collections.abc import Iterable
from typing import Any

from lunix_cli import streams as kept_streams
from lunix_cli.fleet.members import Fleet, Machine, Operator
from lunix_cli.streams import Bounds
from lunix_common.access import history
from lunix_common.role import up_to
from lunix_common.subjects import Role, Subject, token

Json = dict[str, Any]


def keeps(row: Subject, role: Role) -> bool:
    """Whether an event that a machine's account of this role hears is kept; what needs a grant is not."""
    return row.role is not Role.GRANT and role.includes(row.role)


def stream(machine: Machine, role: Role) -> str:
    """The name of what is kept of a machine's account; ``index`` has no role and is none."""
    return f"{role}-{token(machine.name)}"


def account(key: str, imports: Iterable[Json], fleet: Fleet) -> Json:
    """The account that keeps: its one user is the hub itself, and each operator may read what is its own."""
    readers = {history.index_of(operator.name): [operator.account] for operator in fleet.operators.values()}
    for machine in fleet.machines.values():
        for role in up_to(machine.role):
            if names := [one.account for one in fleet.operators.values() if one.on(machine) is role]:
                readers[stream(machine, role)] = names
    return history.keeping(key, imports, readers)


def kept(machine: Machine, role: Role, subjects: Iterable[str]) -> list[Json]:
    """What the account imports of one of a machine's: with the role before the prefix, as no two streams may share."""
    return [
        {"stream": {"account": machine.account(role), "subject": one}, "prefix": f"{role}.{machine.prefix}"}
        for one in subjects
    ]


def offered(operator: Operator, machines: Iterable[tuple[Machine, Role]]) -> list[Json]:
    """What an operator's account imports to read."""
    named = {stream(machine, role): f"{history.OF}{token(machine.name)}" for machine, role in machines}
    return history.offered({history.index_of(operator.name): history.WHAT} | named)


def streams(fleet: Fleet, bounds: Bounds) -> dict[str, Json]:
    """The configuration of each stream, by name."""
    accounts = [(machine, role) for machine in fleet.machines.values() for role in up_to(machine.role)]
    subjects = {stream(machine, role): f"{role}.*.{token(machine.name)}.>" for machine, role in accounts}
    return kept_streams.configurations(subjects, bounds)


def index(fleet: Fleet) -> dict[str, Json]:
    """The messages that tell each operator whose history it may read, by subject."""
    return {
        f"{history.INDEX}.{operator.name}": {
            "machines": [one.name for one in fleet.machines.values() if operator.on(one) is not None]
        }
        for operator in fleet.operators.values()
    }
