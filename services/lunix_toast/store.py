"""The toasts that are on the screen or held back by a pause: pure, the clock is given.

    add → shown ─┬─ deadline ─→ closed (expired)                            ─┬─→ the history ─ pop → shown
       ↘   ↕    ├─ close ────→ closed (closed, dismissed), or an action and  │
        held ───┤              closed (action)                              ─┤
          ↘     └─ crowded, shutdown, replaced                              ─┘
           the pause or its snooze ends → shown, in the order in which they came

Each call returns the facts that came of it, in order: the state has changed already when they are published. Times
are seconds of a monotonic clock.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
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
from lunix_toast.history import History
from lunix_toast.pausing import WEIGHT, Pause
from lunix_toast.sizes import MOST_CHARACTERS, characters

DEFAULT_TIMEOUTS_MS: Mapping[Urgency, int] = {"low": 5_000, "normal": 10_000, "critical": 0}
MOST_TOASTS, MOST_HISTORY = 1_000, 100


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
    history: int = MOST_HISTORY


@dataclass(frozen=True, slots=True)
class _Entry:
    toast: ToastEvent
    deadline: float | None
    """When it expires, or its snooze ends; ``None`` for one that stays, or that a pause holds back."""
    characters: int


class Store:
    """All toasts by id, in the order in which they came."""

    def __init__(self, run: str, limits: Limits, wall: Callable[[], datetime]) -> None:
        """``wall`` tells the time of day, for the history."""
        self.limits = limits
        """``limit`` sets them anew."""
        self.history = History(limits.history)
        self._pause: Pause | None = None
        self._wall = wall
        self._run = run
        self._count = 0
        self._entries: dict[str, _Entry] = {}
        self._tags: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Toast]:
        return (entry.toast for entry in self._entries.values())

    @property
    def paused(self) -> bool:
        """Whether there is a pause."""
        return self._pause is not None

    @property
    def held(self) -> int:
        """How many wait for the pause to end."""
        return sum(_waits(toast) for toast in self)

    @property
    def state(self) -> Paused:
        """The pause, as it is published."""
        return Paused(paused=False, held=0) if self._pause is None else self._pause.told(self.held)

    def limit(self, limits: Limits) -> None:
        """Take over other limits; toasts that are there keep their times."""
        self.limits = limits
        self.history.resize(limits.history)

    def deadline(self) -> float | None:
        """When ``expire`` has to be called next; ``None`` where nothing has an end."""
        ends = [entry.deadline for entry in self._entries.values() if entry.deadline is not None]
        if self._pause is not None and self._pause.end is not None:
            ends.append(self._pause.end)
        return min(ends, default=None)

    def has(self, request: ToastRequest) -> bool:
        """Whether the toast would take the place of another one."""
        return self._replaced(request)[0] is not None

    def get(self, id_: str) -> Toast | None:
        """The toast of this id."""
        entry = self._entries.get(id_)
        return entry.toast if entry is not None else None

    def add(
        self, request: ToastRequest, now: float, moment: datetime, *, by_another: bool = False
    ) -> tuple[str, list[Fact]]:
        """Take a toast in and return its id and what came of it; raise ``Crowded``.

        One that replaces another keeps its id, its place and, in a pause, its being on the screen. Where there are
        too many, the oldest of the least urgent ones that are no more urgent than the new one make room. One that is
        shown ``by_another`` is on the screen whatever pause there is.
        """
        place, other = self._replaced(request)
        crowded = self._crowded_out_by(request, {place, other})
        facts = [fact for id_ in crowded for fact in self._remove(id_, "crowded")]
        if other is not None:
            facts += self._remove(other, "replaced")
        if place is None:
            self._count += 1
            place = f"{self._run}-{self._count}"
        return place, [*facts, self._appear(place, request, now, moment, by_another=by_another)]

    def pop(self, id_: str | None, now: float, moment: datetime) -> tuple[str, list[Fact]]:
        """Show a toast of the history again, under its id; raise ``Gone`` or ``Crowded``."""
        past = self.history.get(id_)
        if past is None:
            raise Gone(id_ or "")
        again = ToastRequest.model_validate({name: getattr(past, name) for name in ToastRequest.model_fields})
        if again.tag in self._tags:
            again = again.model_copy(update={"tag": None})
        crowded = self._crowded_out_by(again, ())
        self.history.take(past.id)
        facts = [fact for other in crowded for fact in self._remove(other, "crowded")]
        return past.id, [*facts, self._appear(past.id, again, now, moment)]

    def close(self, id_: str, reason: CloseReason, action: str | None = None) -> list[Fact]:
        """Close a toast, or choose one of its actions; raise ``Gone`` or ``NoSuchAction``."""
        if id_ not in self._entries:
            raise Gone(id_)
        if action is None:
            return self._remove(id_, reason)
        toast = self._entries[id_].toast
        if action not in [offered.key for offered in toast.actions]:
            raise NoSuchAction(action)
        chosen = Fact("toast.action", ToastAction(id=id_, action=action, tag=toast.tag))
        return [chosen] if toast.resident else [chosen, *self._remove(id_, "action")]

    def snooze(self, id_: str, for_ms: int, now: float, moment: datetime) -> list[Fact]:
        """Take a toast from the screen for so long; raise ``Gone``."""
        if id_ not in self._entries:
            raise Gone(id_)
        until = moment + timedelta(milliseconds=for_ms)
        # From now on it is ours: the other server forgets what is closed there.
        away = {"shown": False, "held_until": until, "by_another": False}
        toast = self._entries[id_].toast.model_copy(update=away)
        self._keep(toast, now + for_ms / 1000)
        return [_appearance(toast)]

    def expire(self, now: float) -> list[Fact]:
        """Close what has been on the screen for its time, show what was snoozed for its, and end a pause."""
        due = [
            (entry.deadline, id_)
            for id_, entry in self._entries.items()
            if entry.deadline is not None and entry.deadline <= now
        ]
        due.sort(key=lambda one: one[0])
        facts: list[Fact] = []
        for _, id_ in due:
            toast = self._entries[id_].toast
            facts += [self._wake(toast, now)] if toast.held_until else self._remove(id_, "expired")
        if self._pause is not None and self._pause.end is not None and self._pause.end <= now:
            facts += self.pause(now, None)
        return facts

    def pause(self, now: float, pause: Pause | None) -> list[Fact]:
        """Begin, change or end a pause. What is on the screen stays there; what is held back no more is shown."""
        if pause == self._pause:
            return []
        self._pause = pause
        waiting = [entry.toast for entry in self._entries.values() if _waits(entry.toast)]
        freed = [toast for toast in waiting if pause is None or not pause.holds(toast)]
        shown = [self._wake(toast, now) for toast in freed]
        return [Fact("toast.resumed" if pause is None else "toast.paused", self.state), *shown]

    def shut_down(self) -> list[Fact]:
        """Close all."""
        return [fact for id_ in tuple(self._entries) for fact in self._remove(id_, "shutdown")]

    def _appear(
        self, place: str, request: ToastRequest, now: float, moment: datetime, *, by_another: bool = False
    ) -> Fact:
        """Keep a toast under this id, on the screen where nothing holds it back."""
        before = self._entries[place].toast if place in self._entries else None
        until = before.held_until if before is not None and request.urgency != "critical" else None
        until = None if by_another else until
        seen = by_another or (before is not None and before.shown)
        shown = until is None and (seen or self._pause is None or not self._pause.holds(request))
        timeout_ms = self.limits.timeouts_ms[request.urgency] if request.timeout_ms is None else request.timeout_ms
        mine = {"timeout_ms": timeout_ms, "id": place, "created_at": moment, "shown": shown, "held_until": until}
        toast = ToastEvent.model_validate(dict(request) | mine | {"by_another": by_another})
        self._keep(toast, self._entries[place].deadline if until is not None else _end(toast, now))
        return _appearance(toast)

    def _wake(self, toast: ToastEvent, now: float) -> Fact:
        """Show what a snooze or a pause held back; after a snooze a pause may hold it still."""
        shown = self._pause is None or not self._pause.holds(toast)
        toast = toast.model_copy(update={"shown": shown, "held_until": None})
        self._keep(toast, _end(toast, now))
        return _appearance(toast)

    def _replaced(self, request: ToastRequest) -> tuple[str | None, str | None]:
        """The toast whose place the new one takes, and another one that goes because it has the same tag."""
        same = None if request.tag is None else self._tags.get(request.tag)
        if request.replaces is None or request.replaces not in self._entries:
            return same, None
        return request.replaces, same if same != request.replaces else None

    def _crowded_out_by(self, request: ToastRequest, leaving: Collection[str | None]) -> list[str]:
        """Who has to go beside those that leave anyway; raise ``Crowded`` where only more urgent ones could."""
        staying = {id_: entry for id_, entry in self._entries.items() if id_ not in leaving}
        taken = characters(request) + sum(entry.characters for entry in staying.values())
        crowded: list[str] = []
        if len(staying) < self.limits.toasts and taken <= self.limits.characters:
            return crowded
        candidates = [id_ for id_, entry in staying.items() if _weight(entry.toast) <= _weight(request)]
        for id_ in sorted(candidates, key=lambda id_: _weight(staying[id_].toast)):
            crowded.append(id_)
            taken -= staying[id_].characters
            if len(staying) - len(crowded) < self.limits.toasts and taken <= self.limits.characters:
                return crowded
        raise Crowded

    def _keep(self, toast: ToastEvent, deadline: float | None) -> None:
        before = self._entries.get(toast.id)
        if before is not None and before.toast.tag is not None:
            del self._tags[before.toast.tag]
        if toast.tag is not None:
            self._tags[toast.tag] = toast.id
        self._entries[toast.id] = _Entry(toast, deadline, characters(toast))

    def _remove(self, id_: str, reason: CloseReason) -> list[Fact]:
        toast = self._entries.pop(id_).toast
        if toast.tag is not None:
            del self._tags[toast.tag]
        self.history.add(toast, reason, self._wall())
        return [Fact("toast.closed", ToastClosed(id=id_, reason=reason))]


def _appearance(toast: ToastEvent) -> Fact:
    return Fact("toast.shown" if toast.shown else "toast.held", toast)


def _waits(toast: Toast) -> bool:
    """Whether a pause holds it back."""
    return not toast.shown and toast.held_until is None


def _end(toast: ToastEvent, now: float) -> float | None:
    """When it expires, having come on the screen now."""
    return now + toast.timeout_ms / 1000 if toast.shown and toast.timeout_ms else None


def _weight(toast: ToastRequest) -> int:
    return WEIGHT[toast.urgency]
