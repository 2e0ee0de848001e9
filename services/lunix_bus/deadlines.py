"""The deadlines of all connections, by one timer for the next of them. Nothing is asked before it is due."""

import asyncio
import heapq
from itertools import count
from typing import Protocol


class Due(Protocol):
    """What has deadlines."""

    def check(self, now: float) -> float:
        """Do what is due, and return when to look again; infinity for never."""
        ...


class Deadlines:
    """A queue of moments of the loop's clock."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: list[tuple[float, int, Due]] = []
        self._armed: dict[Due, float] = {}
        self._numbers = count()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, due: Due, when: float) -> None:
        """Look at it then, or sooner; one entry of each counts, the soonest."""
        if when < self._armed.get(due, float("inf")):
            self._armed[due] = when
            heapq.heappush(self._queue, (when, next(self._numbers), due))
            self._arm()

    def remove(self, due: Due) -> None:
        """Never look at it again."""
        if self._armed.pop(due, None) is not None:
            self._queue = [entry for entry in self._queue if entry[2] is not due]
            heapq.heapify(self._queue)
            self._arm()

    def _arm(self) -> None:
        first = self._queue[0][0] if self._queue else None
        if self._timer is not None:
            if self._timer.when() == first:
                return
            self._timer.cancel()
            self._timer = None
        if first is not None:
            self._timer = self._loop.call_at(first, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        due: list[Due] = []
        while self._queue and self._queue[0][0] <= now:
            when, _, one = heapq.heappop(self._queue)
            if self._armed.get(one) == when:
                del self._armed[one]
                due.append(one)
        for one in due:
            self.put(one, one.check(now))
        self._arm()

    def close(self) -> None:
        """Forget everything."""
        self._queue, self._armed = [], {}
        self._arm()
