"""Which block devices somebody wrote to: inotify(7) on their nodes, for the close of a writer.

What is on such a device may have changed, so it is looked at again. The probe opens read-only, and so wakes nobody.
"""

import os
from collections.abc import Callable

from lunix_common import os_libc

_BUFFER_BYTES = 65_536


class Watch:
    """Calls ``written`` with the key of each device that was written to."""

    def __init__(self, written: Callable[[str], None]) -> None:
        """Open it; raise ``OSError``."""
        self._written = written
        self._fd = os_libc.inotify_init1()
        self._watched: dict[str, int] = {}
        self._keys: dict[int, str] = {}

    def fileno(self) -> int:
        """The descriptor to wait on; then call ``read``."""
        return self._fd

    def add(self, key: str, path: str) -> None:
        """Watch the node at ``path``; one watch a device. A node that is gone is not watched."""
        try:
            number = os_libc.inotify_add_watch(self._fd, path, os_libc.IN_CLOSE_WRITE)
        except OSError:
            return
        self._watched[key] = number
        self._keys[number] = key

    def remove(self, key: str) -> None:
        """Watch no longer."""
        number = self._watched.pop(key, None)
        if number is not None and self._keys.pop(number, None) is not None:
            try:
                os_libc.inotify_rm_watch(self._fd, number)
            except OSError:
                # The node went first, and its watch with it; IN_IGNORED is still to be read.
                return

    def read(self) -> None:
        """Take in what happened. An overflow of the queue counts as a write to each."""
        try:
            data = os.read(self._fd, _BUFFER_BYTES)
        except BlockingIOError:
            return
        for key in self._parse(data):
            self._written(key)

    def _parse(self, data: bytes) -> list[str]:
        keys: dict[str, None] = {}
        for number, mask, _name in os_libc.inotify_events(data):
            if number == -1:
                keys.update(dict.fromkeys(self._watched))
            elif mask & os_libc.IN_IGNORED:
                key = self._keys.pop(number, None)
                if key is not None and self._watched.get(key) == number:
                    del self._watched[key]
            elif number in self._keys:
                keys[self._keys[number]] = None
        return list(keys)

    def close(self) -> None:
        """Close it; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
