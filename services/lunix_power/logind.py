"""systemd-logind: it tells before the machine sleeps and after, waits for us in between, and has it sleep.

https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.login1.html
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from lunix_common.schemas.power import Mode
from lunix_dbus import Dbus, DbusAway, DbusError, Match

log = logging.getLogger("power")

NAME, PATH, MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
_METHODS: dict[Mode, str] = {"suspend": "Suspend", "hibernate": "Hibernate"}


class Listeners(NamedTuple):
    """Who is told. The machine waits until ``suspending`` has returned."""

    suspending: Callable[[], Awaitable[None]]
    resumed: Callable[[], None]


class Logind:
    """Follows logind, and holds its delay lock while it runs."""

    def __init__(self, listeners: Listeners) -> None:
        self._tell = listeners
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._lock: int | None = None
        self.here = False
        """Whether it runs."""
        # Its lock is a descriptor.
        self.dbus = Dbus("system", descriptors=True)
        self.dbus.watch(NAME, self._owner)
        self.dbus.subscribe(Match(NAME, MANAGER, "PrepareForSleep"), lambda it: self._prepare(it.body[0]))

    async def run(self) -> None:
        """Work off what it tells, for ever."""
        try:
            while True:
                what = await self._queue.get()
                if what == "sleep":
                    await self._tell.suspending()
                    self._let_go()
                elif what == "awake":
                    self._tell.resumed()
                    await self._hold()
                elif what == "here":
                    await self._hold()
                else:
                    self._let_go()
        finally:
            self._let_go()

    async def suspend(self, mode: Mode) -> None:
        """Have it sleep; raise ``DbusError`` or ``DbusAway``."""
        method = _METHODS[mode]
        [can] = await self.dbus.call(NAME, PATH, MANAGER, f"Can{method}")
        if can != "yes":
            raise DbusError(can, f"systemd-logind does not let us {mode} this machine: it says {can!r}")
        await self.dbus.call(NAME, PATH, MANAGER, method, "b", [False], timeout=25)

    def _owner(self, owner: str | None) -> None:
        self.here = owner is not None
        self._queue.put_nowait("here" if owner else "away")

    def _prepare(self, begins: bool) -> None:
        self._queue.put_nowait("sleep" if begins else "awake")

    async def _hold(self) -> None:
        """Have it wait for us the next time."""
        self._let_go()
        words = ["sleep", "lunix-power", "the bus is told", "delay"]
        try:
            [self._lock] = await self.dbus.call(NAME, PATH, MANAGER, "Inhibit", "ssss", words)
        except (DbusError, DbusAway) as error:
            log.warning("logind will not wait for us before the machine sleeps", extra={"error": str(error)})

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
