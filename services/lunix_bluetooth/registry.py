"""What was told of each adapter and device, and what has to be told now.

BlueZ's objects have paths, and a device that two adapters know has two; an item has an address. An *item* is what the
objects of one address come to. What was told is kept apart from what is seen:

    seen connected, told not                 → connected
    seen not connected, told connected       → held; seen connected again within ``settle_s``: nothing was told
                                             → disconnected, when it has lasted, or we were asked for it
    not seen, told                           → (disconnected,) removed
    not seen because BlueZ went away, told   → held for ``return_s``, in which it may come back with everything

A listing is what was told, so a mirror of the events equals it.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from lunix_bluetooth import objects
from lunix_bluetooth.names import ADAPTER, DEVICE, FOLLOWED, adapter_of, device_or_adapter
from lunix_bluetooth.objects import Interfaces
from lunix_common.schemas.bluetooth import Part, Reason, SignalLevel

Event = Literal[
    "added", "removed", "changed", "connected", "disconnected", "paired", "unpaired", "trusted", "untrusted", "battery",
    "low", "high",
]  # fmt: skip

REASONS: Mapping[str, Reason] = {
    "org.bluez.Reason.Timeout": "timeout",
    "org.bluez.Reason.Local": "local",
    "org.bluez.Reason.Remote": "remote",
    "org.bluez.Reason.Authentication": "authentication",
    "org.bluez.Reason.Suspend": "suspend",
}
"""What the signal ``Disconnected`` of BlueZ 5.82 and later says."""

_APART = {"connected", "paired", "trusted", "battery_percent", "rssi_dbm", "signal"}
"""Fields that have events of their own, or none."""


class Rules(NamedTuple):
    """Times in seconds of any clock that does not jump, strengths in dBm."""

    settle_s: float = 2.0
    return_s: float = 10.0
    low_dbm: int = -85
    high_dbm: int = -65


class Fact(NamedTuple):
    """An event, and the item after it."""

    event: Event
    part: Part
    resync: bool = False
    reason: Reason | None = None


class _Held(NamedTuple):
    due_s: float
    resync: bool


class Registry:
    """The objects as they are seen, and the items as they were told. Mutate it, then take the ``facts``."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._objects: dict[str, dict[str, dict[str, Any]]] = {}
        self._id_at: dict[str, str] = {}
        self._paths: defaultdict[str, set[str]] = defaultdict(set)
        self._told: dict[str, Part] = {}
        self._dirty: dict[str, None] = {}
        self._held: dict[str, _Held] = {}
        self._reasons: dict[str, Reason] = {}
        self._asked: set[str] = set()
        self._unconfirmed: set[str] = set()
        self._away_until_s = float("-inf")

    # --- look -------------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Part]:
        """The items as they were told, in the order in which they came."""
        return iter(self._told.values())

    def told(self, id_: str) -> Part | None:
        """An item as it was told last."""
        return self._told.get(id_)

    def seen_at(self, path: str) -> Part | None:
        """The device or adapter at this path, as it is seen."""
        id_ = self._id_at.get(device_or_adapter(path) or "")
        return self._seen(id_) if id_ else None

    def paths(self, id_: str) -> list[str]:
        """Where BlueZ has it; the one that leads first."""
        return sorted(self._paths.get(id_, ()), key=lambda path: (not self._leads(path), path))

    def adapter_paths(self) -> dict[str, str]:
        """The paths of the adapters that are seen, by address."""
        found = ((path, objects.adapter(self._objects[path])) for path in sorted(self._id_at) if path in self._objects)
        return {part.address: path for path, part in found if part is not None}

    @property
    def next_s(self) -> float | None:
        """When ``facts`` has to be taken though nothing happens."""
        dues = [held.due_s for held in self._held.values()]
        if self._unconfirmed:
            dues.append(self._away_until_s)
        return min(dues, default=None)

    # --- take in ----------------------------------------------------------------------------------------------------

    def replace(self, found: Mapping[str, Interfaces]) -> None:
        """All objects that there are now."""
        self._forget_all()
        for path in sorted(found):
            self.added(path, found[path])

    def added(self, path: str, interfaces: Interfaces) -> None:
        """Interfaces of an object appeared."""
        followed = {name: dict(properties) for name, properties in interfaces.items() if name in FOLLOWED}
        if followed:
            self._objects.setdefault(path, {}).update(followed)
            self._touch(path)

    def removed(self, path: str, interfaces: list[str]) -> None:
        """Interfaces of an object are gone; with an adapter or a device goes all that is below it."""
        if ADAPTER in interfaces or DEVICE in interfaces:
            for below in [one for one in self._objects if one.startswith(f"{path}/")]:
                del self._objects[below]
                self._touch(below)
        here = self._objects.get(path, {})
        for name in interfaces:
            here.pop(name, None)
        if not here:
            self._objects.pop(path, None)
        self._touch(path)

    def changed(self, path: str, interface: str, values: Mapping[str, Any], invalidated: list[str]) -> None:
        """Properties changed; those of an object that was never added are passed over."""
        here = self._objects.get(path, {}).get(interface)
        if here is not None:
            here.update(values)
            for name in invalidated:
                here.pop(name, None)
            self._touch(path)

    def reason(self, path: str, reason: Reason) -> None:
        """Why the device at this path is being disconnected; told before or after that it is."""
        if (id_ := self._id_at.get(path)) is not None:
            self._reasons[id_] = reason

    def asked(self, id_: str, asked: bool) -> None:
        """Whether we were asked to disconnect it: such an end is not held back."""
        (self._asked.add if asked else self._asked.discard)(id_)

    def away(self, now_s: float) -> None:
        """BlueZ is gone; what was told is true until it is back, or ``return_s`` is over."""
        self._forget_all()
        self._unconfirmed = set(self._told)
        self._asked.clear()
        self._held.clear()
        self._away_until_s = now_s + self.rules.return_s

    def _forget_all(self) -> None:
        for path in tuple(self._id_at):
            self._objects.pop(path, None)
            self._touch(path)
        self._objects.clear()

    def _touch(self, path: str) -> None:
        """Note which items an object counts for: that of its path before, and now."""
        base = device_or_adapter(path)
        if base is None:
            return
        before = self._id_at.pop(base, None)
        if before is not None:
            self._paths[before].discard(base)
            if not self._paths[before]:
                del self._paths[before]
            self._dirty[before] = None
        here = self._view(base)
        if here is not None:
            self._id_at[base] = here.id
            self._paths[here.id].add(base)
            self._dirty[here.id] = None

    # --- tell -------------------------------------------------------------------------------------------------------

    def facts(self, now_s: float, *, resync: bool = False) -> list[Fact]:
        """What has to be told now; with ``resync`` because everything was read again."""
        due = [id_ for id_, held in self._held.items() if held.due_s <= now_s]
        late = self._unconfirmed if now_s >= self._away_until_s else ()
        ids = dict.fromkeys((*self._dirty, *due, *sorted(late)))
        self._dirty = {}
        return [fact for id_ in ids for fact in self._tell(id_, now_s, resync=resync)]

    def _tell(self, id_: str, now_s: float, *, resync: bool) -> list[Fact]:
        before, seen = self._told.get(id_), self._seen(id_)
        resync = resync or id_ in self._unconfirmed
        if seen is None:
            if before is None or (id_ in self._unconfirmed and now_s < self._away_until_s):
                return []
            return self._gone(before, resync=resync)
        self._unconfirmed.discard(id_)
        if before is None:
            return self._come(seen, resync=resync)
        return self._differs(before, seen, now_s, resync=resync)

    def _gone(self, before: Part, *, resync: bool) -> list[Fact]:
        id_ = before.id
        reason = self._why(id_, "bluez" if id_ in self._unconfirmed else "removed")
        del self._told[id_]
        self._held.pop(id_, None)
        self._unconfirmed.discard(id_)
        last = before.model_copy(update={"connected": False}) if before.connected else before
        facts = [Fact("disconnected", last, resync, reason)] if before.connected else []
        return [*facts, Fact("removed", last, resync)]

    def _come(self, seen: Part, *, resync: bool) -> list[Fact]:
        level = self._level(seen, None)
        part = self._told[seen.id] = seen.model_copy(update={"signal": level}) if level else seen
        events: list[Event] = ["added"]
        if level is not None:
            events.append(level)
        if part.connected:
            events.append("connected")
        return [Fact(event, part, resync) for event in events]

    def _differs(self, before: Part, seen: Part, now_s: float, *, resync: bool) -> list[Fact]:
        id_ = seen.id
        ends = bool(before.connected) and not seen.connected
        if ends:
            held = self._held.setdefault(id_, _Held(now_s + self.rules.settle_s, resync))
            ends = now_s >= held.due_s or id_ in self._asked
            resync = resync or (ends and held.resync)
        if seen.connected and (id_ in self._held or not before.connected):
            self._reasons.pop(id_, None)
        if ends or seen.connected:
            self._held.pop(id_, None)
        level = self._level(seen, before.signal)
        connected = bool(seen.connected or (before.connected and not ends))
        now = seen
        if now.kind == "device":
            now = seen.model_copy(update={"signal": level, "connected": connected})
        events = list(_events(before, now))
        if events:
            # Where more than one thing changed, each event carries all of it.
            self._told[id_] = now
        reason = self._why(id_, "unknown") if ends else None
        return [Fact(one, self._told[id_], resync, reason if one == "disconnected" else None) for one in events]

    def _why(self, id_: str, otherwise: Reason) -> Reason:
        told = self._reasons.pop(id_, None)
        if id_ in self._asked:
            self._asked.discard(id_)
            return "local"
        return told or otherwise

    def _level(self, seen: Part, before: SignalLevel | None) -> SignalLevel | None:
        """Between the two thresholds it stays what it was, and while nobody scans nobody knows."""
        if seen.rssi_dbm is None:
            return before
        if seen.rssi_dbm >= self.rules.high_dbm:
            return "high"
        return "low" if seen.rssi_dbm <= self.rules.low_dbm else before

    # --- see --------------------------------------------------------------------------------------------------------

    def _seen(self, id_: str) -> Part | None:
        views = [self._view(path) for path in sorted(self._paths.get(id_, ()))]
        found = [view for view in views if view is not None]
        return found[0] if found and found[0].kind == "adapter" else objects.merged(found)

    def _view(self, path: str) -> Part | None:
        interfaces = self._objects.get(path, {})
        if DEVICE not in interfaces:
            return objects.adapter(interfaces)
        mine = objects.adapter(self._objects.get(adapter_of(path), {}))
        below = [self._objects[one] for one in self._objects if one.startswith(f"{path}/")]
        return objects.device(interfaces, below, mine.address if mine else None)

    def _leads(self, path: str) -> bool:
        view, item = self._view(path), self.seen_at(path)
        return view is not None and item is not None and view.adapter == item.adapter


def _events(before: Part, now: Part) -> Iterator[Event]:
    if before.paired != now.paired:
        yield "paired" if now.paired else "unpaired"
    if before.trusted != now.trusted:
        yield "trusted" if now.trusted else "untrusted"
    if before.battery_percent != now.battery_percent and now.battery_percent is not None:
        yield "battery"
    if before.model_dump(exclude=_APART) != now.model_dump(exclude=_APART):
        yield "changed"
    if before.signal != now.signal and now.signal is not None:
        yield now.signal
    if before.connected != now.connected:
        yield "connected" if now.connected else "disconnected"
