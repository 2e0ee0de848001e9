"""The end of everything: what no service answers for any more, and is still there.

When every service has stopped, processes may be left that carry no mark (orphans that wiped their
environment). They get SIGTERM, a grace period, then SIGKILL; only then does init itself end.
"""

import os
import signal
import time
from enum import IntEnum
from functools import partial

from lunix_init import os_tree
from lunix_init.log import Log
from lunix_init.loop import Loop, Timer

GRACE_S = 2.0


class Phase(IntEnum):
    """How far it is."""

    SERVICES = 0  # services still stop
    TERM = 1
    KILL = 2
    OVER = 3


class Leftovers:
    """Ends every process below init."""

    def __init__(self, loop: Loop, log: Log) -> None:
        self._loop, self._log = loop, log
        self.phase = Phase.SERVICES
        self._held: dict[int, int] = {}
        self._timer: Timer | None = None

    @property
    def over(self) -> bool:
        """Whether nothing is left, or nothing more can be done."""
        return self.phase is Phase.OVER

    def begin(self) -> None:
        """Begin, once; harmless afterwards."""
        if self.phase is Phase.SERVICES:
            self._next()

    def _next(self) -> None:
        self.phase = Phase(self.phase + 1)
        if self._timer:
            self._timer.cancel()
        if self.over:
            if self._held:
                pids = sorted(self._held.values())
                self._log.error("processes that cannot be killed", pids=pids)
            return
        self._timer = self._loop.at(time.monotonic() + GRACE_S, self._next)
        for fd in self._held:
            os_tree.send(fd, signal.SIGKILL)
        self._signal()

    def _signal(self) -> None:
        number = signal.SIGTERM if self.phase is Phase.TERM else signal.SIGKILL
        for proc in os_tree.descendants(os.getpid()):
            if proc.pid in self._held.values():
                continue
            fd = os_tree.open_pidfd(proc)
            if fd is not None:
                self._log.info("left over", pid=proc.pid, signal=number.name)
                os_tree.send(fd, number)
                self._held[fd] = proc.pid
                self._loop.add(fd, partial(self._on_death, fd))
        if not self._held:
            self.phase = Phase.OVER

    def _on_death(self, fd: int) -> None:
        self._loop.remove(fd)
        os.close(fd)
        del self._held[fd]
        if not self._held and not self.over:
            self._signal()
