"""The order of events that take time: which one may run now, and which ones may run when another has ended. Pure.

An event waits for those before it that touch the same path, a path above or below it, or the same device number: so
order holds for each device, a disk is told before its partitions, and no device waits for an unrelated one. (udevd's
rule is the same.)

    enter → ready ─────────────→ leave → those that it held back and that nothing else holds
          ↘ blocked → … → ready ↗
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Ticket(Generic[T]):
    """An event's place. It is ready when nothing holds it back."""

    __slots__ = ("blockers", "item", "keys", "paths", "superseded", "waiters")

    def __init__(self, item: T, paths: tuple[bytes, ...], keys: tuple[str, ...]) -> None:
        self.item = item
        self.paths = paths
        self.keys = keys
        self.blockers: set[Ticket[T]] = set()
        self.superseded = False
        """A later event tells more, and waits already."""
        self.waiters: list[Ticket[T]] = []

    @property
    def ready(self) -> bool:
        """Whether it may run."""
        return not self.blockers

    def wait_for(self, others: Iterable["Ticket[T]"]) -> None:
        """Hold it back until these have left."""
        for other in others:
            if other is not self and other not in self.blockers:
                self.blockers.add(other)
                other.waiters.append(self)

    def release(self) -> list["Ticket[T]"]:
        """Let go of those that it held back; return the ones that are ready now, in the order of their entry."""
        released: list[Ticket[T]] = []
        for waiter in self.waiters:
            waiter.blockers.discard(self)
            if waiter.ready:
                released.append(waiter)
        self.waiters.clear()
        return released


class Lanes(Generic[T]):
    """The events that have entered and not yet left."""

    def __init__(self) -> None:
        self._inside: OrderedDict[Ticket[T], None] = OrderedDict()
        self._at: dict[bytes, Ticket[T]] = {}
        """The last event at each path; it waits for the ones before it at this path."""
        self._key: dict[str, Ticket[T]] = {}
        self._below: dict[bytes, OrderedDict[Ticket[T], None]] = {}
        """The events strictly below each path."""

    def __len__(self) -> int:
        return len(self._inside)

    def enter(
        self, item: T, paths: Iterable[bytes], keys: Iterable[str] = (), *, supersedes: bool = False
    ) -> Ticket[T]:
        """Give an event at these paths (two, for a rename), with these further keys, its place behind the others.

        ``supersedes``: what it tells about the device makes the one before it at its path worthless.
        """
        ticket = Ticket(item, tuple(dict.fromkeys(paths)), tuple(keys))
        for path in ticket.paths:
            if supersedes and path in self._at:
                self._at[path].superseded = True
            self._enter_path(ticket, path)
        for key in ticket.keys:
            if key in self._key:
                ticket.wait_for([self._key[key]])
            self._key[key] = ticket
        self._inside[ticket] = None
        return ticket

    def barrier(self, item: T) -> Ticket[T]:
        """A place behind all that are inside now, which holds nobody back."""
        ticket = Ticket(item, (), ())
        ticket.wait_for(self._inside)
        return ticket

    def leave(self, ticket: Ticket[T]) -> list[Ticket[T]]:
        """End an event; return those that may run now, in the order of their entry."""
        self._inside.pop(ticket, None)
        for path in ticket.paths:
            if self._at.get(path) is ticket:
                del self._at[path]
            for above in ancestors(path):
                below = self._below.get(above)
                if below is not None:
                    below.pop(ticket, None)
                    if not below:
                        del self._below[above]
        for key in ticket.keys:
            if self._key.get(key) is ticket:
                del self._key[key]
        return ticket.release()

    def _enter_path(self, ticket: Ticket[T], path: bytes) -> None:
        if path in self._at:
            ticket.wait_for([self._at[path]])
        self._at[path] = ticket
        ticket.wait_for(self._below.get(path, ()))
        for above in ancestors(path):
            if above in self._at:
                ticket.wait_for([self._at[above]])
            self._below.setdefault(above, OrderedDict())[ticket] = None


def ancestors(devpath: bytes) -> Iterator[bytes]:
    """The paths above, the nearest first: of ``/devices/a/b`` ``/devices/a`` and ``/devices``."""
    end = devpath.rfind(b"/")
    while end > 0:
        yield devpath[:end]
        end = devpath.rfind(b"/", 0, end)
