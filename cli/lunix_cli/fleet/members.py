"""Who belongs to a fleet: its machines and its operators, as the hub keeps them. Pure.

The hub keeps public keys alone: a seed is made, told once, and forgotten.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lunix_common.errors import UsageError
from lunix_common.role import up_to
from lunix_common.subjects import Role, Subject, token

MACHINES = "HOST-"
"""How the accounts of machines begin."""
PORT, LEAF_PORT = 4223, 7422
"""On which a hub listens: for operators and for machines on lunix-bus, and for machines with leaf nodes."""
MOST_NAME_BYTES = 64
"""As many as a Linux hostname has."""


def url(host: str, port: int | None) -> str:
    """The address of a hub; ``port`` is ``None`` where another part of lunix knows it."""
    bare = f"tls://[{host}]" if ":" in host else f"tls://{host}"
    return f"{bare}:{port}" if port else bare


@dataclass(frozen=True)
class Machine:
    """A machine: what its operators may at most be there, and the public key of its leaf for each such role."""

    name: str
    role: Role
    keys: Mapping[Role, str]

    def __post_init__(self) -> None:
        if not 0 < len(self.name.encode("utf-8", "surrogateescape")) <= MOST_NAME_BYTES:
            raise UsageError(f"a machine's name has 1 to {MOST_NAME_BYTES} bytes, as a hostname")
        if tuple(self.keys) != up_to(self.role):
            raise ValueError(f"{self.name!r} needs a key for each of {', '.join(up_to(self.role))}")

    @property
    def prefix(self) -> str:
        """What the operators see before its subjects."""
        return f"host.{token(self.name)}"

    def account(self, role: Role) -> str:
        """The account on the hub to which its leaf of this role belongs."""
        return f"{MACHINES}{role}-{token(self.name)}"


@dataclass(frozen=True)
class Operator:
    """Somebody who sees the machines, and commands them as far as both the hub and each machine allow."""

    name: str
    role: Role
    key: str
    grants: frozenset[str] = frozenset()
    """Patterns of the role ``Role.GRANT``; a machine must have granted them to the fleet as well."""
    machines: frozenset[str] | None = None
    """The machines' names; ``None`` is all of them."""

    def __post_init__(self) -> None:
        if token(self.name) != self.name:
            raise UsageError(f"{self.name!r} is no name for an operator: use letters, digits, _ and -")

    @property
    def account(self) -> str:
        """An account of its own, so that no operator reads what another one asks."""
        return f"OPERATOR-{self.name}"

    def on(self, machine: Machine) -> Role | None:
        """As whom it speaks to a machine: the lesser of its own role and the machine's; ``None``: not at all."""
        if self.machines is not None and machine.name not in self.machines:
            return None
        return self.role if machine.role.includes(self.role) else machine.role

    def may(self, row: Subject, role: Role) -> bool:
        """Whether it sees the event or sends the request where it speaks as ``role``."""
        return row.pattern in self.grants if row.role is Role.GRANT else role.includes(row.role)


@dataclass(frozen=True)
class Fleet:
    """All of them, by name."""

    machines: Mapping[str, Machine] = field(default_factory=dict[str, Machine])
    operators: Mapping[str, Operator] = field(default_factory=dict[str, Operator])

    def with_machine(self, machine: Machine) -> "Fleet":
        """The fleet with this machine, which replaces one of the same name."""
        return Fleet({**self.machines, machine.name: machine}, self.operators)

    def with_operator(self, operator: Operator) -> "Fleet":
        """The fleet with this operator, who replaces one of the same name."""
        return Fleet(self.machines, {**self.operators, operator.name: operator})

    def without_machine(self, name: str) -> "Fleet":
        """The fleet without a machine; raise ``UsageError`` where there is none of this name."""
        check("machine", name, self.machines)
        return Fleet({key: one for key, one in self.machines.items() if key != name}, self.operators)

    def without_operator(self, name: str) -> "Fleet":
        """The fleet without an operator; raise ``UsageError`` where there is none of this name."""
        check("operator", name, self.operators)
        return Fleet(self.machines, {key: one for key, one in self.operators.items() if key != name})

    def to_json(self) -> dict[str, Any]:
        """What is kept of it in a file."""
        return {
            "machines": {one.name: {"role": one.role, "keys": dict(one.keys)} for one in self.machines.values()},
            "operators": {
                one.name: {
                    "role": one.role,
                    "key": one.key,
                    "grants": sorted(one.grants),
                    "machines": None if one.machines is None else sorted(one.machines),
                }
                for one in self.operators.values()
            },
        }


def check(what: str, name: str, among: Mapping[str, object]) -> None:
    """Raise ``UsageError`` where the fleet has none of this name."""
    if name not in among:
        raise UsageError(f"the fleet has no {what} {name!r} (it has: {', '.join(among) or 'none'})")


def parse(text: str | bytes) -> Fleet:
    """The fleet that ``to_json`` wrote; raise ``ValueError`` for what is none."""
    try:
        found = json.loads(text)
        machines = [
            Machine(name, Role(one["role"]), {Role(role): str(key) for role, key in one["keys"].items()})
            for name, one in found["machines"].items()
        ]
        operators = [_operator(name, one) for name, one in found["operators"].items()]
    except (AttributeError, KeyError, RecursionError, TypeError, UsageError) as error:
        raise ValueError(f"it describes no fleet: {error!r}") from error
    return Fleet({one.name: one for one in machines}, {one.name: one for one in operators})


def _operator(name: str, one: Mapping[str, Any]) -> Operator:
    machines = None if one["machines"] is None else frozenset(map(str, one["machines"]))
    return Operator(name, Role(one["role"]), str(one["key"]), frozenset(map(str, one["grants"])), machines)


@dataclass(frozen=True)
class Credential:
    """What the hub tells once: a machine's or an operator's name, role and seeds, and who vouches for the hub."""

    kind: str
    """``machine`` or ``operator``."""
    name: str
    role: Role
    seeds: Mapping[Role, str]
    """An operator has the one of its role."""
    ca: str
    """The hub's certificate, PEM."""

    def to_json(self) -> str:
        """The text of a credential file."""
        known = {"lunix_fleet": self.kind, "name": self.name, "role": self.role, "seeds": dict(self.seeds)}
        return json.dumps(known | {"ca": self.ca}, indent=1) + "\n"


def credential(text: str | bytes, kind: str) -> Credential:
    """What a credential file says; raise ``UsageError`` for one that is none, or none of this kind."""
    try:
        found = json.loads(text)
        seeds = {Role(role): str(seed) for role, seed in found["seeds"].items()}
        read = Credential(str(found["lunix_fleet"]), str(found["name"]), Role(found["role"]), seeds, str(found["ca"]))
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UsageError("that is no credential of a fleet: `lunix fleet add` on the hub prints one") from error
    if read.kind != kind:
        raise UsageError(f"that is the credential of a fleet's {read.kind}, and this is for a {kind}")
    if set(read.seeds) != (set(up_to(read.role)) if kind == "machine" else {read.role}):
        raise UsageError("the credential does not have the seeds that its role needs: make it anew")
    return read
