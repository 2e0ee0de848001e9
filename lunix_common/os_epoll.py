"""Waiting for priority events (``EPOLLPRI``) on an event loop.

``/proc/self/mountinfo``, sysfs attributes and PSI triggers are always readable and tell changes as priority events.
``add_reader`` on such a descriptor spins. A nested epoll that asks for ``EPOLLPRI`` alone becomes readable once a
change, and so can be watched like any other descriptor.
"""

import asyncio
import select
from collections.abc import Callable
from types import TracebackType
from typing import Self


class PriorityWatch:
    """Calls ``changed`` once for each change of ``descriptor``, which stays the caller's."""

    def __init__(self, descriptor: int, changed: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._changed = changed
        self._epoll: select.epoll | None = None

    def __enter__(self) -> Self:
        self._epoll = select.epoll()
        self._epoll.register(self._descriptor, select.EPOLLPRI | select.EPOLLERR)
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._ready, self._epoll)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _ready(self, epoll: select.epoll) -> None:
        # What this returns says nothing: to know that we are readable, the outer epoll has asked the file, and to ask
        # the file whether it changed is to be told once. It takes us from the list of what is ready.
        epoll.poll(0)
        self._changed()
