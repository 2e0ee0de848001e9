"""inotify(7) on the files of a state directory that say what a machine joined, and as whom operators act there."""

import asyncio
import os
import struct
from collections.abc import Callable, Collection
from pathlib import Path

from lunix_common import os_libc

_EVENT = struct.Struct("=iIII")
_MASK = os_libc.IN_CLOSE_WRITE | os_libc.IN_MOVED_TO | os_libc.IN_DELETE | os_libc.IN_ONLYDIR


class FilesWatch:
    """Calls ``changed`` when a file of these names in a folder is written, replaced or removed."""

    def __init__(self, folder: Path, names: Collection[str], changed: Callable[[], None]) -> None:
        """Begin; raise ``OSError`` where the folder is not there."""
        self._names, self._changed = {os.fsencode(name) for name in names}, changed
        self._inotify = os_libc.inotify_init1()
        try:
            os_libc.inotify_add_watch(self._inotify, str(folder), _MASK)
        except OSError:
            os.close(self._inotify)
            raise
        asyncio.get_running_loop().add_reader(self._inotify, self._read)

    def close(self) -> None:
        """End it; idempotent."""
        if self._inotify >= 0:
            asyncio.get_running_loop().remove_reader(self._inotify)
            os.close(self._inotify)
            self._inotify = -1

    def _read(self) -> None:
        data, at, ours = os.read(self._inotify, 65536), 0, False
        while at < len(data):
            _watch, mask, _cookie, length = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0")
            at += _EVENT.size + length
            ours = ours or name in self._names or bool(mask & os_libc.IN_Q_OVERFLOW)
        if ours:
            self._changed()
