"""Rest after a start: what init, the zygote and services have written is paged out when none was started for a while.

A start touches much that is never needed again. Only where the Python of the image for small boards runs, whose
kernel keeps such pages compressed; it is one deadline after the last start, and nothing afterwards.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping

from lunix_init import os_pages
from lunix_init.loop import Loop, Timer
from lunix_init.machine import State
from lunix_init.service import Service

QUIET_S = 3.0


class Rest:
    """Waits for the last one to become ready."""

    def __init__(self, loop: Loop, services: Mapping[str, Service], zygote: Callable[[], int]) -> None:
        """`zygote` tells its pid, or 0."""
        self._loop, self._services, self._zygote = loop, services, zygote
        self._timer: Timer | None = None

    def after(self, _service: Service) -> None:
        """One has become ready: wait from now on."""
        if "lunix_settle" in sys.builtin_module_names:
            if self._timer:
                self._timer.cancel()
            self._timer = self._loop.at(time.monotonic() + QUIET_S, self._page_out)

    def _page_out(self) -> None:
        self._timer = None
        if any(service.state is State.STARTING for service in self._services.values()):
            return  # the last of them comes here again
        running = [service for service in self._services.values() if service.unit.python and service.pidfd >= 0]
        for pid in (os.getpid(), self._zygote(), *(service.pid for service in running)):
            with contextlib.suppress(OSError):  # it has ended meanwhile, or the kernel cannot
                os_pages.page_out(pid)
