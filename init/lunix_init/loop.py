"""The event loop of PID 1: descriptors, deadlines and signals, in one epoll.

It sleeps until a descriptor is ready or the next deadline comes, and has nothing periodic. Signals
reach it as bytes on a pipe (the wake-up descriptor of Python's own handler).
"""

import heapq
import os
import select
import signal
import time
from collections.abc import Callable, Iterable


class Timer:
    """A deadline (CLOCK_MONOTONIC, seconds) and what to do then."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], None] | None) -> None:
        self.when, self.callback = when, callback

    def cancel(self) -> None:
        """Do nothing when the deadline comes."""
        self.callback = None


class Loop:
    """Descriptors and their callbacks, and deadlines in order."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], None]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0
        self.wakeups = 0

    def add(self, fd: int, callback: Callable[[], None], events: int = select.EPOLLIN) -> None:
        """Call back whenever the descriptor is ready."""
        self._epoll.register(fd, events)
        self._callbacks[fd] = callback

    def modify(self, fd: int, events: int) -> None:
        """Wait for other events on a descriptor."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Wait for a descriptor no more; harmless when nobody does."""
        if self._callbacks.pop(fd, None):
            self._epoll.unregister(fd)

    def at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call back once at a time (`time.monotonic`)."""
        timer = Timer(when, callback)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, timer))
        return timer

    def run_once(self) -> None:
        """Sleep until something is to be done, and do it."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        timeout = None
        if self._timers:
            timeout = max(0.0, self._timers[0][0] - time.monotonic())
        ready = self._epoll.poll(timeout, 64)
        self.wakeups += 1
        for fd, _ in ready:
            # A callback may have removed the descriptor of one that comes after it.
            callback = self._callbacks.get(fd)
            if callback:
                callback()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.callback:
                timer.callback()

    def close(self) -> None:
        """Close the epoll descriptor."""
        self._epoll.close()


class Signals:
    """Signals as bytes on a pipe."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self.fd, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _heard)

    def read(self) -> set[int]:
        """Return the signals that came."""
        try:
            return set(os.read(self.fd, 4096))
        except BlockingIOError:
            return set()


def _heard(_number: int, _frame: object) -> None:
    """Do nothing: the byte on the wake-up descriptor is what counts."""
