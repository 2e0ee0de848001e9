"""The toasts that are on the screen or held back by a pause: pure, the clock is given.

    add → shown ─┬─ deadline ─→ closed (expired)
       ↘        ├─ close ────→ closed (closed, dismissed), or an action and closed (action)
        held ───┴─ crowded, shutdown, replaced
          ↘ the pause ends → shown, in the order in which they came

Each call returns the facts that came of it, in order: the state has changed already when they are published. Times
are seconds of a monotonic clock.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lunix_common.schemas.common import Model
from lunix_common.schemas.toast import (
    CloseReason,
    Paused,
    Toast,
    ToastAction,
    ToastClosed,
    ToastEvent,
    ToastRequest,
    Urgency,
)

DEFAULT_TIMEOUTS_MS: Mapping[Urgency, int] = {"low": 5_000, "normal": 10_000, "critical": 0}
MOST_TOASTS = 1_000
MOST_CHARACTERS = 1_000_000
"""Of all toasts together: a thousand of the longest would take more memory than a small device has."""

_WEIGHT: Mapping[Urgency, int] = {"low": 0, "normal": 1, "critical": 2}


class Fact(NamedTuple):
    """Something to publish: the pattern of the event and its payload."""

    pattern: str
    payload: Model


class Crowded(Exception):
    """There is no room for a toast, and every one that is there is more urgent."""


class Gone(Exception):
    """There is no toast of this id."""


class NoSuchAction(Exception):
    """The toast does not offer this action."""


@dataclass(frozen=True)
class Limits:
    """What a person may set."""

    timeouts_ms: Mapping[Urgency, int]
    """By urgency, for a toast that names no time itself; 0 stays."""
    toasts: int = MOST_TOASTS
    characters: int = MOST_CHARACTERS


@dataclass(frozen=True, slots=True)
class _Entry:
    toast: ToastEvent
    deadline: float | None
    """When it expires; ``None`` for one that stays, or is held back."""
    characters: int


class Store:
    """All toasts by id, in the order in which they came."""

    def __init__(self, run: str, limits: Limits) -> None:
        self.limits = limits
        """May be set anew; toasts that are there keep their times."""
        self.paused = False
        self._run = run
        self._count = 0
        self._entries: dict[str, _Entry] = {}
        self._tags: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Toast]:
        return (entry.toast for entry in self._entries.values())

    @property
    def held(self) -> int:
        """How many wait for the pause to end."""
        return sum(not toast.shown for toast in self)

    def deadline(self) -> float | None:
        """When the next toast expires; ``None`` where none does."""
        return min((entry.deadline for entry in self._entries.values() if entry.deadline is not None), default=None)

    def add(self, request: ToastRequest, now: float, moment: datetime) -> tuple[str, list[Fact]]:
        """Take a toast in and return its id and what came of it; raise ``Crowded``.

        One that replaces another keeps its id, its place and, in a pause, its being on the screen. Where there are
        too many, the oldest of the least urgent ones that are no more urgent than the new one make room.
        """
        place, other = self._replaced(request)
        crowded = self._crowded_out_by(request, {place, other})
        facts = [fact for id_ in crowded for fact in self._remove(id_, "crowded")]
        if other is not None:
            facts += self._remove(other, "replaced")
        seen = place is not None and self._entries[place].toast.shown
        shown = seen or not self.paused or request.urgency == "critical"
        if place is None:
            self._count += 1
            place = f"{self._run}-{self._count}"
        timeout_ms = self.limits.timeouts_ms[request.urgency] if request.timeout_ms is None else request.timeout_ms
        mine = {"timeout_ms": timeout_ms, "id": place, "created_at": moment, "shown": shown}
        toast = ToastEvent.model_validate(dict(request) | mine)
        self._keep(toast, now)
        return place, [*facts, _appearance(toast)]

    def close(self, id_: str, reason: CloseReason, action: str | None = None) -> list[Fact]:
        """Close a toast, or choose one of its actions; raise ``Gone`` or ``NoSuchAction``."""
        if id_ not in self._entries:
            raise Gone(id_)
        if action is None:
            return self._remove(id_, reason)
        toast = self._entries[id_].toast
        if action not in [offered.key for offered in toast.actions]:
            raise NoSuchAction(action)
        chosen = ToastAction(id=id_, action=action, tag=toast.tag)
        return [Fact("toast.action", chosen), *self._remove(id_, "action")]

    def expire(self, now: float) -> list[Fact]:
        """Close what has been on the screen for its time, the earliest deadline first."""
        due = [
            (entry.deadline, id_)
            for id_, entry in self._entries.items()
            if entry.deadline is not None and entry.deadline <= now
        ]
        due.sort(key=lambda one: one[0])
        return [fact for _, id_ in due for fact in self._remove(id_, "expired")]

    def pause(self, now: float, *, paused: bool) -> list[Fact]:
        """Begin or end a pause. What is on the screen stays there; what was held back is shown at the end."""
        if paused is self.paused:
            return []
        self.paused = paused
        if paused:
            return [Fact("toast.paused", Paused(paused=True, held=0))]
        waiting = [entry for entry in self._entries.values() if not entry.toast.shown]
        facts = [Fact("toast.resumed", Paused(paused=False, held=0))]
        for entry in waiting:
            toast = entry.toast.model_copy(update={"shown": True})
            self._keep(toast, now)
            facts.append(_appearance(toast))
        return facts

    def shut_down(self) -> list[Fact]:
        """Close all."""
        return [fact for id_ in tuple(self._entries) for fact in self._remove(id_, "shutdown")]

    def _replaced(self, request: ToastRequest) -> tuple[str | None, str | None]:
        """The toast whose place the new one takes, and another one that goes because it has the same tag."""
        same = None if request.tag is None else self._tags.get(request.tag)
        if request.replaces is None or request.replaces not in self._entries:
            return same, None
        return request.replaces, same if same != request.replaces else None

    def _crowded_out_by(self, request: ToastRequest, leaving: Collection[str | None]) -> list[str]:
        """Who has to go beside those that leave anyway; raise ``Crowded`` where only more urgent ones could."""
        staying = {id_: entry for id_, entry in self._entries.items() if id_ not in leaving}
        characters = _characters(request) + sum(entry.characters for entry in staying.values())
        crowded: list[str] = []
        if len(staying) < self.limits.toasts and characters <= self.limits.characters:
            return crowded
        candidates = [id_ for id_, entry in staying.items() if _weight(entry.toast) <= _weight(request)]
        for id_ in sorted(candidates, key=lambda id_: _weight(staying[id_].toast)):
            crowded.append(id_)
            characters -= staying[id_].characters
            if len(staying) - len(crowded) < self.limits.toasts and characters <= self.limits.characters:
                return crowded
        raise Crowded

    def _keep(self, toast: ToastEvent, now: float) -> None:
        before = self._entries.get(toast.id)
        if before is not None and before.toast.tag is not None:
            del self._tags[before.toast.tag]
        if toast.tag is not None:
            self._tags[toast.tag] = toast.id
        deadline = now + toast.timeout_ms / 1000 if toast.shown and toast.timeout_ms else None
        self._entries[toast.id] = _Entry(toast, deadline, _characters(toast))

    def _remove(self, id_: str, reason: CloseReason) -> list[Fact]:
        toast = self._entries.pop(id_).toast
        if toast.tag is not None:
            del self._tags[toast.tag]
        return [Fact("toast.closed", ToastClosed(id=id_, reason=reason))]


def _appearance(toast: ToastEvent) -> Fact:
    return Fact("toast.shown" if toast.shown else "toast.held", toast)


def _weight(toast: ToastRequest) -> int:
    return _WEIGHT[toast.urgency]


def _characters(toast: ToastRequest) -> int:
    actions = sum(len(action.key) + len(action.label) for action in toast.actions)
    return len(toast.summary) + len(toast.body) + len(toast.icon or "") + len(toast.tag or "") + actions
