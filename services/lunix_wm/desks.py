"""The desk of this moment: opened when its display is there, left when that goes, opened again when it returns."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from lunix_common.schemas.wm import Window
from lunix_wm import choose
from lunix_wm.desk import Desk
from lunix_x11.os_returns import NewSockets, opened

log = logging.getLogger("wm")


class Desks:
    """Calls ``changed`` whenever windows may have changed, and ``lacking`` with why there are none (or ``None``)."""

    def __init__(self, changed: Callable[[], None], lacking: Callable[[str | None], None]) -> None:
        self.desk: Desk | None = None
        self.settled = asyncio.Event()
        """The first attempt is over: the windows are known, or cannot be."""
        self._changed = changed
        self._lacking = lacking
        self._why: str | None = None

    def windows(self) -> Mapping[str, Window]:
        """Those of this moment."""
        return self.desk.windows() if self.desk is not None else {}

    async def run(self) -> None:
        """Keep a desk for as long as the daemon runs."""
        try:
            sockets = NewSockets(choose.sockets())
        except OSError as error:
            self._failed(error)
            return
        try:
            while True:
                desk = await opened(choose.open_desk, sockets, self._failed)
                await self._use(desk)
        finally:
            sockets.close()

    async def _use(self, desk: Desk) -> None:
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def ended(why: str) -> None:
            if not gone.done():
                gone.set_result(why)

        log.info("windows are told", extra={"of": desk.name})
        self.desk = desk
        try:
            desk.watch(self._known, ended)
            why = await gone
        finally:
            self.desk = None
            desk.stop()
        log.warning("windows are told no more", extra={"of": desk.name, "error": why})
        self._tell_lacking(f"{desk.name} is gone: {why}")
        self._changed()

    def _known(self) -> None:
        if self.desk is not None:
            self._tell_lacking(self.desk.lacking)
            self._changed()
            self.settled.set()

    def _failed(self, error: OSError) -> None:
        if str(error) != self._why:
            log.warning("there are no windows", extra={"error": str(error)})
        self._tell_lacking(str(error))
        self.settled.set()

    def _tell_lacking(self, why: str | None) -> None:
        self._why = why
        self._lacking(why)
