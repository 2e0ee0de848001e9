"""What processes were called when they began their program, for when they end and nobody can ask any more."""

from collections import OrderedDict
from typing import NamedTuple


class Known(NamedTuple):
    """A process when it began its program."""

    name: bytes
    ppid: int | None
    uid: int | None
    began_ns: int
    """Of the monotonic clock."""


class KnownProcesses:
    """The last ones that began a program, at most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[int, Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def put(self, pid: int, known: Known) -> None:
        """Take note of a process that began a program; the one that began longest ago makes room."""
        self._known.pop(pid, None)
        self._known[pid] = known
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    def take(self, pid: int) -> Known | None:
        """What is known of a process that ended, and forget it."""
        return self._known.pop(pid, None)

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()
