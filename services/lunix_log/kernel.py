"""What the kernel says, with the gaps of what it has overwritten before we could read it."""

import asyncio
import logging
import select
from contextlib import ExitStack
from datetime import UTC, datetime

from lunix_common.daemon import Context
from lunix_log import kmsg
from lunix_log.intake import Intake, Origin
from lunix_log.keeper import Keeper
from lunix_log.os_kmsg import Kmsg, booted
from lunix_log.settings import Settings

log = logging.getLogger("log")

AT_ONCE = 64


def follow(context: Context[Settings], world: ExitStack, intake: Intake, keeper: Keeper) -> bool:
    """Take what the kernel says, from what was told last on; false where it does not let us."""
    if not context.settings.kernel:
        context.bus.part_is_off("kernel", "log.kernel is off in the configuration")
        return False
    try:
        opened = Kmsg()
    except OSError as error:
        why = f"/dev/kmsg: {error.strerror}"
        log.warning("the kernel is not heard", extra={"why": why})
        context.bus.part_is_off("kernel", f"what the kernel says is not told: {why}")
        return False
    world.callback(opened.close)
    reader = KernelReader(opened, intake, keeper)
    world.callback(reader.close)
    reader.open()
    return True


class KernelReader:
    """Reads ``/dev/kmsg``."""

    def __init__(self, opened: Kmsg, intake: Intake, keeper: Keeper) -> None:
        self._kmsg = opened
        self._intake = intake
        self._keeper = keeper
        self._last = keeper.state.kernel
        self._booted = booted()
        self._backlog = True
        self._opened_at = datetime.now(UTC)
        self._first_time = self._last is None
        self._loop = asyncio.get_running_loop()
        # After an overrun the file tells an error (EPOLLERR) beside, and libuv, on which uvloop stands, stops to watch
        # such a descriptor. One of epoll's own never does.
        self._epoll = select.epoll()
        self._epoll.register(opened.fileno(), select.EPOLLIN)

    def open(self) -> None:
        """Begin with what there is."""
        self._loop.add_reader(self._epoll.fileno(), self._readable)

    def close(self) -> None:
        """End it; idempotent. Call it before the file is closed."""
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()

    def _readable(self) -> None:
        for _ in range(AT_ONCE):
            raw = self._kmsg.read()
            if raw is None:
                if self._backlog:
                    self._backlog = False
                # A clock that was set since then moves the times of all that is to come.
                self._booted = booted()
                return
            self._take(raw)

    def _take(self, raw: bytes) -> None:
        try:
            number, parsed = kmsg.parse(raw, self._booted)
        except kmsg.Malformed as error:
            log.warning("a record of the kernel counts for nothing", extra={"error": str(error)})
            self._intake.lost("kernel", "kernel", 1, "unreadable")
            return
        last = self._last
        if last is not None:
            if number <= last:
                return
            if number > last + 1:
                self._intake.lost("kernel", "kernel", number - last - 1, "overflow")
        self._last = number
        # What the kernel said long before anybody listened is history; after a restart of ours it is news.
        past = self._first_time and parsed.happened_at is not None and parsed.happened_at < self._opened_at
        self._intake.take(parsed, Origin("kernel", "kernel", limited=not self._backlog, news=not past))
        self._keeper.kernel(number)
