"""Rest after a start: what services have written as they became ready is paged out when none has for a while.

A start touches much that is never needed again. Only where the Python of the image for small boards runs, whose
kernel keeps such pages compressed; it is one deadline after the last start, and nothing afterwards.
"""

import contextlib
import sys
import time
from collections.abc import Mapping

from lunix_init import os_pages
from lunix_init.loop import Loop, Timer
from lunix_init.machine import State
from lunix_init.service import Service

QUIET_S = 3.0


class Rest:
    """Waits for the last one to become ready."""

    def __init__(self, loop: Loop, services: Mapping[str, Service]) -> None:
        self._loop, self._services = loop, services
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
        for service in self._services.values():
            if service.unit.python and service.pidfd >= 0:
                with contextlib.suppress(OSError):  # it has ended meanwhile, or the kernel cannot
                    os_pages.page_out(service.pid, service.pidfd)
