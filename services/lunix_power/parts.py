"""What was told of each adapter, battery and lid, and what has to be told now."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lunix_common.schemas.power import Part
from lunix_power.levels import Thresholds, level
from lunix_power.supply import Supply


class Fact(NamedTuple):
    """An event: ``power.<kind>.<event>``."""

    event: str
    part: Part


class Lid(NamedTuple):
    """A lid's switch."""

    name: str
    closed: bool


class Parts:
    """The parts as they were told last, in the order in which they were found."""

    def __init__(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self._told: dict[str, Part] = {}

    def __iter__(self) -> Iterator[Part]:
        return iter(self._told.values())

    def supplies(self, found: Iterable[Supply]) -> list[Fact]:
        """All supplies that there are now; what has to be told, in order."""
        parts = [self._of_supply(one) for one in found]
        return self._gone(("ac", "battery"), parts) + [fact for part in parts for fact in self._changed(part)]

    def lids(self, found: Iterable[Lid]) -> list[Fact]:
        """All lids that there are now."""
        parts = [Part(id=f"lid:{lid.name}", kind="lid", name=lid.name, closed=lid.closed) for lid in found]
        return self._gone(("lid",), parts) + [fact for part in parts for fact in self._changed(part)]

    def _of_supply(self, supply: Supply) -> Part:
        id_ = f"{supply.kind}:{supply.name}"
        known = {name: value for name, value in supply._asdict().items() if name in Part.model_fields}
        if supply.kind == "ac":
            return Part(id=id_, **known)
        before = self._told.get(id_)
        lowness = level(supply, (before.level if before else None) or "ok", self.thresholds)
        return Part(id=id_, level=lowness, charge_percent=supply.percent, **known)

    def _gone(self, kinds: tuple[str, ...], parts: list[Part]) -> list[Fact]:
        there = {part.id for part in parts}
        gone = [part for part in self._told.values() if part.kind in kinds and part.id not in there]
        for part in gone:
            del self._told[part.id]
        return [Fact("removed", part) for part in gone]

    def _changed(self, part: Part) -> list[Fact]:
        before = self._told.get(part.id)
        events = ["added"] if before is None else list(_events(before, part))
        if events:
            # Where more than one thing changed, each event carries all of it.
            self._told[part.id] = part
        return [Fact(event, part) for event in events]


def _events(before: Part, now: Part) -> Iterator[str]:
    if now.kind == "lid":
        if before.closed != now.closed:
            yield "closed" if now.closed else "open"
        return
    if now.kind == "ac":
        if before.online != now.online:
            yield "online" if now.online else "offline"
        return
    told = False
    if before.status != now.status and now.status != "unknown":
        told = True
        yield now.status or "unknown"
    if before.level != now.level and _ORDER.index(now.level) > _ORDER.index(before.level):
        told = True
        yield now.level or "ok"
    same = (before.status, before.level, before.charge_percent) == (now.status, now.level, now.charge_percent)
    if not told and not same:
        yield "changed"


_ORDER = (None, "ok", "low", "critical")
