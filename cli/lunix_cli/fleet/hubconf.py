"""The configuration of a hub's nats-server, computed from its members and the table of subjects. Pure.

Tried on nats-server 2.15.1. Mapped on the leaf, another leaf could read and forge everything; mapped here, as the
operators' accounts import a machine's, it has nothing to name. Accounts:
https://docs.nats.io/running-a-nats-service/configuration/securing_nats/accounts, leaf nodes:
https://docs.nats.io/running-a-nats-service/configuration/leafnodes/leafnode_conf.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lunix_cli import streams
from lunix_cli.fleet import archive
from lunix_cli.fleet.members import Fleet, Machine, Operator
from lunix_common.access.accounts import DISCOVERY, SHARED, widest
from lunix_common.access.history import ACCOUNT
from lunix_common.role import up_to
from lunix_common.subjects import Kind, Role, Subject, Table

SYSTEM = "SYS"
NAME = "lunix-hub"
COMINGS = {"CONNECT": "joined", "DISCONNECT": "left"}
"""What the server tells of a leaf, and how operators hear it: ``fleet.box1.joined``."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Listening:
    """Where a hub listens, and as whom."""

    host: str
    port: int
    """For operators."""
    leaf_port: int
    """For machines."""
    certificate: str
    key: str
    """Paths of PEM files."""
    ping_s: int
    """A machine or operator that does not answer two of these is taken for gone."""


@dataclass(frozen=True)
class History:
    """That events are kept: in which folder, and the public key of who sees to it."""

    folder: str
    key: str


def configuration(
    fleet: Fleet, table: Table, system_key: str, listening: Listening, history: History | None = None
) -> Json:
    """The whole of it."""
    tls = {"cert_file": listening.certificate, "key_file": listening.key, "timeout": 10}
    return (streams.setting(history.folder) if history else {}) | {
        "server_name": NAME,
        "host": listening.host,
        "port": listening.port,
        "tls": tls,
        "leafnodes": {"host": listening.host, "port": listening.leaf_port, "tls": tls},
        "system_account": SYSTEM,
        "accounts": accounts(fleet, table, system_key, history),
        "max_payload": 1024 * 1024,
        "max_control_line": 4096,
        "max_pending": 64 * 1024 * 1024,
        "write_deadline": "5s",
        "ping_interval": f"{listening.ping_s}s",
        "ping_max": 2,
        "authorization": {"timeout": 10},
    }


def accounts(fleet: Fleet, table: Table, system_key: str, history: History | None = None) -> Json:
    """The accounts: one a machine and role, one an operator, the server's own, and what keeps the history."""
    machines, operators = tuple(fleet.machines.values()), tuple(fleet.operators.values())
    system: Json = {"users": [{"nkey": system_key}]}
    keepers = [ACCOUNT] if history else []
    if names := [*(operator.account for operator in operators), *keepers]:
        # A third token would hold the machine's role and name; one wildcard is exported, one machine's is imported.
        system["exports"] = [{"stream": f"$SYS.ACCOUNT.*.{event}", "accounts": names} for event in COMINGS]
    result: Json = {SYSTEM: system}
    for machine in machines:
        for role in up_to(machine.role):
            result[machine.account(role)] = _machine(machine, role, operators, table, keepers)
    for operator in operators:
        result[operator.account] = _operator(operator, machines, table, keeps=history is not None)
    if history:
        result[ACCOUNT] = _history(history, fleet, table)
    return result


def _history(history: History, fleet: Fleet, table: Table) -> Json:
    imports: list[Json] = []
    for machine in fleet.machines.values():
        for role in up_to(machine.role):
            rows = [row for row in table if archive.keeps(row, role)]
            imports += archive.kept(machine, role, _events(rows, role))
            comings = _comings(machine, machine.account(role))
            imports += [one | {"to": f"{role}.{one['to']}"} for one in comings]
    return archive.account(history.key, imports, fleet)


def _machine(machine: Machine, role: Role, operators: Iterable[Operator], table: Table, keepers: Sequence[str]) -> Json:
    present = [operator for operator in operators if operator.on(machine) is role]
    exports: list[Json] = []
    for row in table:
        to = [operator.account for operator in present if operator.may(row, role)]
        if row.kind is Kind.EVENT and archive.keeps(row, role):
            to += keepers
        if to:
            exports.append({"stream" if row.kind is Kind.EVENT else "service": row.wildcard, "accounts": to})
    names = [operator.account for operator in present]
    if (hear := [*names, *keepers]) and role.includes(Role.USER):
        exports.append({"stream": SHARED, "accounts": hear})
    if names:
        exports += [{"service": one, "response_type": "stream", "accounts": names} for one in DISCOVERY]
    # Whoever has the key can say no more than what a machine says, and hears no more than what one is asked.
    rows = [row for row in table if row.role is Role.GRANT or role.includes(row.role)]
    says = [*_events(rows, role), "_R_.>"]
    hears = [row.wildcard for row in rows if row.kind is not Kind.EVENT] + list(DISCOVERY)
    user = {
        "nkey": machine.keys[role],
        # A bus with leaf nodes is one; lunix-uplink is a client, and may nothing else.
        "allowed_connection_types": ["LEAFNODE", "STANDARD"],
        "permissions": {"publish": {"allow": says}, "subscribe": {"allow": hears}},
    }
    return {"users": [user], "exports": exports}


def _events(rows: Iterable[Subject], role: Role) -> list[str]:
    found = widest(row.wildcard for row in rows if row.kind is Kind.EVENT)
    return [*found, SHARED] if role.includes(Role.USER) else found


def _operator(operator: Operator, machines: Iterable[Machine], table: Table, *, keeps: bool) -> Json:
    present = [(machine, role) for machine in machines if (role := operator.on(machine)) is not None]
    imports: list[Json] = []
    for machine, role in present:
        rows = [row for row in table if operator.may(row, role)]
        account = machine.account(role)
        imports += [
            {"stream": {"account": account, "subject": stream}, "prefix": machine.prefix}
            for stream in _events(rows, role)
        ]
        imports += [
            {"service": {"account": account, "subject": service}, "to": f"{machine.prefix}.{service}"}
            for service in (*widest(row.wildcard for row in rows if row.kind is not Kind.EVENT), *DISCOVERY)
        ]
        imports += _comings(machine, account)
    imports += archive.offered(operator, present) if keeps else []
    asks_past = [one["to"] for one in imports if "service" in one and one["service"]["account"] == ACCOUNT]
    where = ["host.*"] if operator.machines is None else [machine.prefix for machine, _role in present]
    asks = [row.wildcard for row in table if row.kind is not Kind.EVENT and operator.may(row, operator.role)]
    user = {
        "nkey": operator.key,
        "allowed_connection_types": ["STANDARD"],
        "permissions": {
            "publish": {"allow": [*(f"{prefix}.{one}" for prefix in where for one in (*asks, *DISCOVERY)), *asks_past]},
            "subscribe": {"allow": ["host.>", "fleet.>", "_INBOX.>"]},
        },
    }
    return {"users": [user], "imports": imports}


def _comings(machine: Machine, account: str) -> list[Json]:
    subject = machine.prefix.replace("host.", "fleet.", 1)
    return [
        {"stream": {"account": SYSTEM, "subject": f"$SYS.ACCOUNT.{account}.{event}"}, "to": f"{subject}.{said}"}
        for event, said in COMINGS.items()
    ]


def leaf(url: str, ca: str, seeds: Mapping[str, str]) -> Json:
    """The ``leafnodes`` of a machine that joins: a connection for each of its accounts, whose seed is given."""
    tls = {"ca_file": ca, "timeout": 10}
    remotes = [{"url": url, "account": account, "nkey": seed, "tls": tls} for account, seed in seeds.items()]
    return {"remotes": remotes}
