"""inotify(7) on the folders in which displays make their sockets: for one that was lost, or is not there yet.

The kernel tells of a socket when it is bound, and whoever binds it listens a moment later. So an attempt that comes too
early is repeated a few times, and then the next socket is waited for.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

from lunix_common import os_libc
from lunix_common.os_inotify import watching
from lunix_x11.display import parse

SOCKETS = Path("/tmp/.X11-unix")  # noqa: S108 - the place that X(7) names
BRIEFLY_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_MASK = os_libc.IN_CREATE | os_libc.IN_MOVED_TO
T = TypeVar("T")


class NewSockets:
    """Tells when a path is made that begins with one of these. Its folder may be made later, in one that is there."""

    def __init__(self, beginnings: Iterable[Path]) -> None:
        """Begin, in the running loop; raise ``OSError`` where a folder cannot be watched."""
        self._beginnings = tuple(map(str, beginnings))
        self._wanted = {Path(one).parent for one in self._beginnings}
        self._watches: dict[int, Path] = {}
        self._made = asyncio.Event()
        with ExitStack() as stack:
            self._inotify = stack.enter_context(watching(self._happened))
            for folder in self._wanted:
                self._watch(folder)
            self._stack = stack.pop_all()

    async def made(self) -> None:
        """Return when one was made since ``forget``."""
        await self._made.wait()

    def forget(self) -> None:
        """Take what was made so far as known."""
        self._made.clear()

    def close(self) -> None:
        """End it; idempotent."""
        self._stack.close()

    def _watch(self, folder: Path) -> None:
        try:
            self._watches[os_libc.inotify_add_watch(self._inotify, str(folder), _MASK)] = folder
        except FileNotFoundError:
            above = folder.parent
            self._watches[os_libc.inotify_add_watch(self._inotify, str(above), _MASK)] = above
            with suppress(FileNotFoundError):  # it may have been made in between
                self._watches[os_libc.inotify_add_watch(self._inotify, str(folder), _MASK)] = folder

    def _happened(self, events: list[os_libc.InotifyEvent]) -> None:
        for event in events:
            if event.mask & os_libc.IN_Q_OVERFLOW:
                self._made.set()
            elif event.watch in self._watches:
                self._appeared(self._watches[event.watch] / os.fsdecode(event.name))

    def _appeared(self, path: Path) -> None:
        if path in self._wanted:
            self._watch(path)
            # Sockets may be in it already.
            self._made.set()
        elif str(path).startswith(self._beginnings):
            self._made.set()


def of_display(environ: Mapping[str, str]) -> list[Path]:
    """The socket of the display that ``DISPLAY`` names; none where it names none, or one of another machine."""
    try:
        display = parse(environ.get("DISPLAY", ""))
    except ValueError:
        return []
    return [] if display.host else [SOCKETS / f"X{display.number}"]


async def opened(attempt: Callable[[], T], sockets: NewSockets, failed: Callable[[OSError], None]) -> T:
    """Try in a thread, and again whenever a socket was made, until it works; return what ``attempt`` does.

    ``failed`` is told of each ``OSError``.
    """
    delays: Iterator[float] = iter(())
    while True:
        sockets.forget()
        try:
            return await asyncio.to_thread(attempt)
        except OSError as error:
            failed(error)
        delay = next(delays, None)
        if delay is None:
            await sockets.made()
            delays = iter(BRIEFLY_S)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await sockets.made()
