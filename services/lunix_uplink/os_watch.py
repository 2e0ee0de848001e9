"""inotify(7) on the files of a state directory that say what a machine joined, and as whom operators act there."""

import os
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from pathlib import Path

from lunix_common import os_libc
from lunix_common.os_inotify import watching

_MASK = os_libc.IN_CLOSE_WRITE | os_libc.IN_MOVED_TO | os_libc.IN_DELETE | os_libc.IN_ONLYDIR


@contextmanager
def files_watched(folder: Path, names: Collection[str], changed: Callable[[], None]) -> Generator[None]:
    """Call ``changed`` when a file of these names in a folder is written, replaced or removed, until the block ends.

    Raises ``OSError`` where the folder is not there.
    """
    wanted = {os.fsencode(name) for name in names}

    def happened(events: list[os_libc.InotifyEvent]) -> None:
        if any(event.name in wanted or event.mask & os_libc.IN_Q_OVERFLOW for event in events):
            changed()

    with watching(happened) as inotify:
        os_libc.inotify_add_watch(inotify, str(folder), _MASK)
        yield
