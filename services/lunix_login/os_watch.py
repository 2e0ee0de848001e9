"""inotify(7) on one file that may not be there, may be replaced, and is written to."""

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from lunix_common import os_libc
from lunix_common.os_inotify import watching

IN_MODIFY, IN_MOVE_SELF = 0x2, 0x800


class FileWatch:
    """Calls ``changed`` when the file is written to, replaced or made. Its folder is watched for new names alone."""

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        """Begin; raise ``OSError`` where its folder is not there."""
        # A link to another folder, as /var/run/utmp is, has to be followed.
        self._path = path.parent.resolve() / path.name
        self._changed = changed
        self._file: int | None = None
        with ExitStack() as stack:
            self._inotify = stack.enter_context(watching(self._happened))
            mask = os_libc.IN_CREATE | os_libc.IN_MOVED_TO
            self._folder = os_libc.inotify_add_watch(self._inotify, str(self._path.parent), mask)
            self._watch_file()
            self._stack = stack.pop_all()

    def close(self) -> None:
        """End it; idempotent."""
        self._stack.close()

    def _watch_file(self) -> None:
        # The old file may live on under another name, as after a rotation.
        if self._file is not None:
            with suppress(OSError):
                os_libc.inotify_rm_watch(self._inotify, self._file)
        self._file = None
        with suppress(FileNotFoundError):
            self._file = os_libc.inotify_add_watch(self._inotify, str(self._path), IN_MODIFY | IN_MOVE_SELF)

    def _happened(self, events: list[os_libc.InotifyEvent]) -> None:
        changed = False
        for watch, mask, name in events:
            if watch == self._folder and name == os.fsencode(self._path.name):
                self._watch_file()
                changed = True
            changed = changed or mask & os_libc.IN_Q_OVERFLOW != 0 or (watch == self._file and mask & IN_MODIFY != 0)
        if changed:
            self._changed()
