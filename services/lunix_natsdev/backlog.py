"""The events that were read from the socket and are not handled yet, and what they tell about the ones before. Pure.

The kernel sends ``remove`` before it takes the directory away, and so before another device can have the path. If none
waits here after a look into sysfs, the look was at the right device. So whoever looks reads the socket empty after it,
and then asks ``where_now``.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from lunix_natsdev.uevent import Uevent

M = TypeVar("M")

_LIVES = frozenset({"add", "remove", "move"})


class _Departure(NamedTuple):
    number: int
    to: bytes | None
    """Where the device was renamed to; ``None``: it was removed."""


class Backlog(Generic[M]):
    """Events, with marks of type ``M`` between them, first in, first out."""

    def __init__(self) -> None:
        self._waiting: deque[Uevent | M] = deque()
        self._departures: dict[bytes, deque[_Departure]] = {}
        self._pushed = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, item: Uevent | M) -> None:
        """Add at the end."""
        self._pushed += 1
        self._waiting.append(item)
        departure = self._departure(item)
        if departure is not None:
            path, to = departure
            self._departures.setdefault(path, deque()).append(_Departure(self._pushed, to))

    def pop(self) -> Uevent | M:
        """Take the first; raise ``IndexError`` where nothing waits."""
        item = self._waiting.popleft()
        departure = self._departure(item)
        if departure is not None:
            left = self._departures[departure[0]]
            left.popleft()
            if not left:
                del self._departures[departure[0]]
        return item

    def where_now(self, devpath: bytes) -> bytes | None:
        """Where a device is now that was at this path before all events that wait; ``None`` when it is gone."""
        number = 0
        while left := self._departures.get(devpath):
            found = next((departure for departure in left if departure.number > number), None)
            if found is None:
                break
            number, to = found
            if to is None:
                return None
            devpath = to
        return devpath

    def paths(self) -> set[bytes]:
        """The paths at which devices come or go in the events that wait."""
        return set(self._paths())

    def _paths(self) -> Iterator[bytes]:
        for item in self._waiting:
            if isinstance(item, Uevent) and item.action in _LIVES and item.synthetic is None:
                yield item.devpath
                if item.old_devpath is not None:
                    yield item.old_devpath

    @staticmethod
    def _departure(item: object) -> tuple[bytes, bytes | None] | None:
        if not isinstance(item, Uevent) or item.synthetic is not None:
            return None
        if item.action == "remove":
            return item.devpath, None
        if item.action == "move" and item.old_devpath is not None:
            return item.old_devpath, item.devpath
        return None
