"""The dependency graph of a set of units: what is missing, what is a cycle, what follows what.

`needs` and `after` both order; `needs` also demands. Problems are found before anything is started,
and each names the unit to blame, so that one bad file stops nobody else.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from lunix_init.unit import Unit


class Fault(StrEnum):
    """What can be wrong with a dependency."""

    MISSING = "missing"
    CYCLE = "cycle"
    ABSENT = "absent"  # only ordered after something that does not exist: a warning


class Problem(NamedTuple):
    """One fault: the unit, the names it is about, and a sentence."""

    unit: str
    fault: Fault
    names: tuple[str, ...]
    text: str

    @property
    def fatal(self) -> bool:
        """Whether the unit can never start because of it."""
        return self.fault is not Fault.ABSENT


def edges(unit: Unit) -> tuple[str, ...]:
    """Return every name that the unit comes after."""
    return tuple(dict.fromkeys((*unit.needs, *unit.after)))


def problems(units: Mapping[str, Unit]) -> list[Problem]:
    """Find each missing name and each cycle, in the order of the units' names."""
    found: list[Problem] = []
    for name in sorted(units):
        unit = units[name]
        for need in unit.needs:
            if need not in units:
                text = f"needs {need!r}, which has no unit"
                found.append(Problem(name, Fault.MISSING, (need,), text))
        for other in unit.after:
            if other not in units:
                text = f"is after {other!r}, which has no unit"
                found.append(Problem(name, Fault.ABSENT, (other,), text))
    for cycle in cycles(units):
        text = "is part of a cycle: " + " -> ".join((*cycle, cycle[0]))
        found.extend(Problem(name, Fault.CYCLE, cycle, text) for name in cycle)
    return found


def cycles(units: Mapping[str, Unit]) -> list[tuple[str, ...]]:
    """Return a cycle for each strongly connected group, each starting at its least name."""
    found: list[tuple[str, ...]] = []
    for group in components(units):
        least = min(group)
        if len(group) > 1 or least in edges(units[least]):
            found.append(_walk(units, least, group))
    return sorted(found)


def _walk(units: Mapping[str, Unit], start: str, group: frozenset[str]) -> tuple[str, ...]:
    """Find a shortest way from `start` back to itself inside its group."""
    came: dict[str, str] = {}
    front = [start]
    while True:  # ends: in a strongly connected group some way leads back
        following: list[str] = []
        for name in front:
            for other in sorted(edges(units[name])):
                if other == start:
                    way = [name]
                    while way[-1] != start:
                        way.append(came[way[-1]])
                    return tuple(reversed(way))
                if other in group and other not in came:
                    came[other] = name
                    following.append(other)
        front = following


def components(units: Mapping[str, Unit]) -> list[frozenset[str]]:
    """Return the strongly connected groups (Tarjan, without recursion), dependencies first."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    standing: set[str] = set()
    found: list[frozenset[str]] = []
    for root in units:
        if root in index:
            continue
        work = [(root, iter(edges(units[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        standing.add(root)
        while work:
            name, others = work[-1]
            for other in others:
                if other not in units:
                    continue
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    standing.add(other)
                    work.append((other, iter(edges(units[other]))))
                    break
                if other in standing:
                    low[name] = min(low[name], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    cut = stack.index(name)
                    group = frozenset(stack[cut:])
                    del stack[cut:]
                    standing -= group
                    found.append(group)
    return found


def order(units: Mapping[str, Unit]) -> list[str]:
    """Return the names so that each comes after what it depends on (a cycle: in any order)."""
    return [name for group in components(units) for name in sorted(group)]


def closure(units: Mapping[str, Unit], names: Iterable[str]) -> set[str]:
    """Return the names and all that they need, directly or not."""
    found: set[str] = set()
    work = [name for name in names if name in units]
    while work:
        name = work.pop()
        if name not in found:
            found.add(name)
            work.extend(need for need in units[name].needs if need in units)
    return found


def dot(units: Mapping[str, Unit]) -> str:
    """Draw the graph in Graphviz's language: needs are solid, after is dashed."""
    lines = ["digraph units {"]
    for name in sorted(units):
        lines.append(f'  "{name}";')
        lines += [f'  "{name}" -> "{need}";' for need in units[name].needs]
        lines += [f'  "{name}" -> "{other}" [style=dashed];' for other in units[name].after]
    return "\n".join([*lines, "}", ""])
