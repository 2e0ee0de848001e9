"""The machine's sleep: told before and after, by logind where it runs, and asked for by ``power.suspend``."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lunix_common.bus import Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.power import Begun, Mode, Resumed, Suspending, SuspendRequest, Via
from lunix_power import os_sleep
from lunix_power.settings import Settings

if TYPE_CHECKING:
    from lunix_power.logind import Logind

log = logging.getLogger("power")

FLUSH_S = 2.0
"""The bus may be away; the machine sleeps all the same."""


class Sleep:
    """Tells of it, and brings it about. ``awake`` is called when it is over."""

    def __init__(self, context: Context[Settings], awake: Callable[[], None]) -> None:
        self._context = context
        self._awake = awake
        self._logind: Logind | None = None
        self._mode: Mode | None = None
        self._began_s: float | None = None

    async def follow(self) -> None:
        """Begin to hear of it; return when it is known whether D-Bus is there."""
        if not self._context.settings.logind:
            return
        try:
            from lunix_power.logind import Listeners, Logind
        except ImportError:
            self._context.bus.part_is_off("logind", "dbus-fast is not installed: pip install 'lunix[dbus]'")
            return
        self._logind = Logind(Listeners(self._suspending_by_logind, self._resumed_by_logind))
        await self._context.stack.enter_async_context(self._logind.dbus)
        self._context.tasks.create_task(self._logind.run(), name="power.logind")
        await self._logind.dbus.tried()

    async def suspend(self, request: Request[SuspendRequest]) -> Begun:
        """Answer ``power.suspend``."""
        mode = request.payload.mode
        if self._mode is not None or self._began_s is not None:
            raise RequestError(409, "the machine is about to sleep already")
        if self._logind is not None and self._logind.here:
            return await self._by_logind(self._logind, mode)
        return self._by_the_kernel(mode)

    async def _by_logind(self, logind: "Logind", mode: Mode) -> Begun:
        from lunix_dbus import DbusAway, DbusError

        if self._context.dry_run:
            log.info("would have the machine sleep", extra={"mode": mode, "by": "logind"})
            return Begun(mode=mode, via="logind")
        self._mode = mode
        try:
            await logind.suspend(mode)
        except DbusError as error:
            raise RequestError(409, str(error)) from error
        except DbusAway as error:
            raise RequestError(503, str(error)) from error
        finally:
            self._mode = None if self._began_s is None else self._mode
        return Begun(mode=mode, via="logind")

    def _by_the_kernel(self, mode: Mode) -> Begun:
        path = self._context.settings.sleep_state
        word = os_sleep.state_of(path, mode)
        if word is None:
            raise RequestError(409, f"this machine cannot {mode}: {path} does not offer it")
        if self._context.dry_run:
            log.info("would have the machine sleep", extra={"mode": mode, "path": str(path), "state": word.decode()})
        else:
            self._mode = mode
            self._context.tasks.create_task(self._sleep(word), name="power.sleep")
        return Begun(mode=mode, via="kernel")

    async def _sleep(self, word: bytes) -> None:
        try:
            await self._suspending("kernel")
            await asyncio.to_thread(os_sleep.sleep, self._context.settings.sleep_state, word)
        except OSError as error:
            log.error("the machine did not sleep", extra={"error": str(error)})
        finally:
            self._resumed("kernel")

    async def _suspending_by_logind(self) -> None:
        await self._suspending("logind")

    def _resumed_by_logind(self) -> None:
        self._resumed("logind")

    async def _suspending(self, via: Via) -> None:
        """Tell it, and give those who hear it their time."""
        self._began_s = _asleep_s()
        log.info("the machine is about to sleep", extra={"by": via})
        self._context.bus.emit("power.suspending", Suspending(mode=self._mode, via=via))
        try:
            async with asyncio.timeout(FLUSH_S):
                await self._context.bus.flush()
        except TimeoutError:
            log.warning("the machine sleeps before everybody was told: the bus is away")
        await asyncio.sleep(self._context.settings.suspend_delay_s)

    def _resumed(self, via: Via) -> None:
        slept_s = _asleep_s() - (self._began_s if self._began_s is not None else _asleep_s())
        self._began_s, self._mode = None, None
        log.info("the machine is awake", extra={"slept_s": round(slept_s, 3)})
        resumed = Resumed(slept_s=round(max(slept_s, 0), 3), resumed_at=datetime.now(UTC), via=via)
        self._context.bus.emit("power.resumed", resumed)
        self._awake()


def _asleep_s() -> float:
    """How long the machine has slept since it was started: one of these clocks stands while it does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
