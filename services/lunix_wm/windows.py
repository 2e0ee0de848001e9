"""What has been told of windows, and what is to be told now: pure, pictures of all windows in, facts out.

Whoever knows the windows hands over all of them as they are now; the difference to what was told last is told. So
nothing is told twice, a burst becomes one fact, and what is listed is always the state after the last fact.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lunix_common.schemas.wm import Window


class Fact(NamedTuple):
    """An event: the last token of its subject, and the window."""

    verb: str
    window: Window


class Told(NamedTuple):
    """The facts of this moment, and when to look again because one is held back."""

    facts: list[Fact]
    due_s: float | None


class Windows:
    """The windows as they were told last, in the order in which they were opened."""

    def __init__(self) -> None:
        self._told: dict[str, Window] = {}
        self._changed_s: dict[str, float] = {}

    def __iter__(self) -> Iterator[Window]:
        return iter(self._told.values())

    def get(self, id_: str) -> Window | None:
        """One of them."""
        return self._told.get(id_)

    def look(self, now: Mapping[str, Window], at_s: float, every_s: float = 0.0) -> Told:
        """Compare with the windows of this moment.

        Closed ones come first, then new ones, then changes, and the new focus last: so at most one is told as focused
        at any time. A window whose ``changed`` was told less than ``every_s`` ago is held back, unless its focus moved.
        """
        facts = [Fact("closed", window) for id_, window in self._told.items() if id_ not in now]
        for fact in facts:
            del self._told[fact.window.id]
            self._changed_s.pop(fact.window.id, None)
        focused: list[Fact] = []
        due: list[float] = []
        for id_, window in now.items():
            before = self._told.get(id_)
            if before == window:
                continue
            if before is None:
                # It is told as without the focus first: who follows `opened` alone sees each window once.
                facts.append(Fact("opened", window.model_copy(update={"focused": False})))
            elif before.focused == window.focused:
                ready_s = self._changed_s.get(id_, -every_s) + every_s
                if ready_s > at_s:
                    due.append(ready_s)
                    continue
                self._changed_s[id_] = at_s
                facts.append(Fact("changed", window))
            elif not window.focused:
                facts.append(Fact("changed", window))
            if window.focused and not (before and before.focused):
                focused.append(Fact("focused", window))
            self._told[id_] = window
        return Told(facts + focused, min(due, default=None))
