"""What must happen next, over all services: which may start, which must stop first.

The plan looks at levels, never at edges: from where every service stands and what is wanted it
tells what to send now. So it does not matter how a situation arose, nothing is remembered, and
asking twice is harmless. A service

- starts when everything that it needs is ready, and nothing that it is only after is still on its
  way there;
- stops when it is not wanted, or when something that it needs is not wanted (then it is held: it
  starts again when that comes back), but only once no service that comes after it is in its way.

A dependency that dies by itself and comes back stops nobody: only what is not wanted does.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lunix_init.machine import ACTIVE, Event, State


class View(NamedTuple):
    """What the plan knows of one service."""

    state: State
    wanted: bool
    satisfies: bool
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    pinned: bool = False


_ON_ITS_WAY = frozenset({State.WAITING, State.STARTING, State.STOPPING, State.KILLING})
_QUIET = frozenset({State.DOWN, State.DONE, State.FAILED, State.WAITING})


def held(services: Mapping[str, View]) -> set[str]:
    """Find the services that are wanted, and need one that is not (directly or not)."""
    needed_by = _needed_by(services)
    found: set[str] = set()
    work = [name for name, view in services.items() if not view.wanted]
    work += [need for need in needed_by if need not in services]
    while work:
        for name in needed_by.get(work.pop(), ()):
            if name not in found and services[name].wanted and not services[name].pinned:
                found.add(name)
                work.append(name)
    return found


def stuck(services: Mapping[str, View], blocked: set[str]) -> set[str]:
    """Find what waits for something that will not come by itself: nobody waits *after* these."""
    needed_by = _needed_by(services)
    found = set(blocked)
    work = [*blocked]
    for name, view in services.items():
        if view.state in (State.DONE, State.FAILED) and not view.satisfies:
            work.append(name)
    while work:
        for name in needed_by.get(work.pop(), ()):
            if name not in found and services[name].state is State.WAITING:
                found.add(name)
                work.append(name)
    return found


def _needed_by(services: Mapping[str, View]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, view in services.items():
        for need in view.needs:
            found.setdefault(need, []).append(name)
    return found


def plan(services: Mapping[str, View]) -> list[tuple[str, Event]]:
    """Return what to send now, and to whom."""
    blocked = held(services)
    hopeless = stuck(services, blocked)
    leaving = {name for name, view in services.items() if not view.wanted or name in blocked}
    in_the_way: set[str] = set()
    for name in leaving:
        if services[name].state in ACTIVE:
            in_the_way.update(services[name].needs)
            in_the_way.update(services[name].after)
    found: list[tuple[str, Event]] = []
    for name, view in services.items():
        if view.state is State.DOWN and view.wanted:
            found.append((name, Event.START))
        elif name in leaving:
            event = Event.HOLD if name in blocked else Event.STOP
            if not _settled(view, event) and name not in in_the_way:
                found.append((name, event))
        elif view.state is State.WAITING and _may_go(services, view, hopeless):
            found.append((name, Event.GO))
    return found


def _settled(view: View, event: Event) -> bool:
    """Whether the service is where STOP or HOLD would bring it, or on its way there."""
    if view.state in (State.STOPPING, State.KILLING, State.DOWN):
        return True
    return event is Event.HOLD and view.state in _QUIET


def _may_go(services: Mapping[str, View], view: View, hopeless: set[str]) -> bool:
    if not all(need in services and services[need].satisfies for need in view.needs):
        return False
    return not any(
        services[name].wanted and services[name].state in _ON_ITS_WAY
        for name in view.after
        if name in services and name not in hopeless
    )


def why(services: Mapping[str, View], name: str) -> str:
    """Say what a waiting service waits for; empty when it waits for nothing."""
    view = services[name]
    if view.state is not State.WAITING:
        return ""
    for need in view.needs:
        if need not in services:
            return f"needs {need}, which has no unit"
        if not services[need].satisfies:
            return f"needs {need}, which is {services[need].state.value}"
    for other in view.after:
        if other in services and services[other].state in _ON_ITS_WAY:
            return f"is after {other}, which is {services[other].state.value}"
    return ""
