"""From the source's descriptor into the backlog, as fast as events come: who handles them takes the time it needs."""

import asyncio
import logging

from lunix_common.os_netlink import Overflow, Reader
from lunix_natsdev.backlog import Backlog
from lunix_natsdev.source import Source
from lunix_natsdev.uevent import Malformed, Uevent

log = logging.getLogger("natsdev")

Mark = Overflow | asyncio.Future[None]
"""Stands between events: some were lost before it, or somebody waits for those before it."""

AT_ONCE = 256
"""Other tasks have their turn after so many."""
MOST = 16_384
"""Some 25 MB. Beyond this number events stay in the kernel's buffer."""


class Intake:
    """Reads the source whenever it is readable, and keeps what it told in order."""

    def __init__(self, source: Source) -> None:
        self.backlog: Backlog[Mark] = Backlog()
        self._source = source
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._lost = False
        self._error: OSError | None = None
        self._reader = Reader(source.fileno(), self._readable)

    def open(self) -> None:
        """Begin to read."""
        self._reader.resume()

    def close(self) -> None:
        """End it; idempotent. Call it before the source is closed."""
        self._reader.close()

    async def next(self) -> Uevent | Mark:
        """Wait for the next event or mark; raise the ``OSError`` that the source met."""
        while not self.backlog:
            if self._error is not None:
                raise self._error
            self._news.clear()
            await self._news.wait()
        return self.take()

    def take(self) -> Uevent | Mark:
        """The next event or mark of those that wait."""
        if not self._reader.reading and len(self.backlog) < MOST // 2:
            self._reader.resume()
        return self.backlog.pop()

    def mark(self) -> asyncio.Future[None]:
        """A future behind all that waits; who takes it out completes it."""
        future = self._loop.create_future()
        self._push(future)
        return future

    async def drain(self) -> None:
        """Return when the socket has been seen empty. Somebody else takes the events meanwhile."""
        while not self.read_all():  # noqa: ASYNC110 - there is work left, and it is others' turn
            await asyncio.sleep(0)

    def read_all(self) -> bool:
        """Read until the socket is empty; ``False`` where there was no room for all that waits in it."""
        while len(self.backlog) < MOST:
            if self._read(AT_ONCE):
                return True
        return False

    def lost(self) -> None:
        """Have what is known compared with sysfs, after what waits."""
        self._lost = True
        self._reader.look()

    def _read(self, most: int) -> bool:
        """Take some of what waits in the socket, and tell whether that was all."""
        for _ in range(most):
            received = self._source.receive()
            if received is None:
                self._all_read()
                return True
            if isinstance(received, Malformed):
                log.warning("a message counts for nothing", extra=received._asdict())
            elif isinstance(received, Overflow):
                self._lost = True
            else:
                self._push(received)
        return False

    def _all_read(self) -> None:
        # Events that waited when the buffer was full come first: those that it had no room for are later ones.
        if self._lost:
            self._lost = False
            self._push(Overflow.OVERFLOW)

    def _push(self, item: Uevent | Mark) -> None:
        self.backlog.push(item)
        self._news.set()

    def _readable(self) -> bool:
        more = False
        try:
            more = not self._read(AT_ONCE)
        except OSError as error:
            # Nobody stands above a callback of the loop: who waits for events is told.
            self._error = error
            self._news.set()
            self._reader.pause()
        if len(self.backlog) >= MOST:
            # Level-triggered, the loop would call again and again while there is no room.
            self._reader.pause()
        return more
