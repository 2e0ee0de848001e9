"""``resolv.conf`` as a file that others write: read now, and told when it changes. inotify(7).

It is a file that is written to or replaced, or a link to one, or to one whose folder does not exist yet; in a container
it is a mount of its own. So the folders along the chain of links are watched, and the file itself.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

from lunix_common import os_libc
from lunix_common.os_inotify import watching
from lunix_network.resolv import Resolv, parse

_MOVED_FROM, _MOVE_SELF = 0x40, 0x800
_COME = os_libc.IN_CLOSE_WRITE | os_libc.IN_MOVED_TO | os_libc.IN_CREATE
_GONE = os_libc.IN_DELETE | _MOVED_FROM | os_libc.IN_DELETE_SELF | _MOVE_SELF
_FOLDER = _COME | _GONE | os_libc.IN_ONLYDIR
_FILE = os_libc.IN_CLOSE_WRITE
_LINKS = 40
"""More in a row the kernel does not follow either."""
_BYTES = 1 << 20


class ResolvFile:
    """A file, watched: ``changed`` is called when it, or what leads to it, may be another."""

    def __init__(self, path: Path, changed: Callable[[], None]) -> None:
        """Begin to watch; raise ``OSError`` where there are no more watches to have."""
        self._path = path
        self._changed = changed
        self._watches: dict[int, frozenset[bytes]] = {}
        self._chain: list[tuple[str, str]] = []
        with ExitStack() as stack:
            self._descriptor = stack.enter_context(watching(self._happened))
            self._watch()
            self._stack = stack.pop_all()

    def read(self) -> Resolv:
        """What it says; nothing where it is not there."""
        try:
            with self._path.open("rb") as file:
                return parse(file.read(_BYTES))
        except OSError:
            return Resolv((), (), ())

    def close(self) -> None:
        """End it; idempotent."""
        self._stack.close()

    def _watch(self) -> None:
        """Watch what there is now; again until nothing changed meanwhile."""
        chain = list(_chain(self._path))
        while True:
            old, self._watches = self._watches, {}
            for folder, name in chain:
                self._add(folder, name, _FOLDER)
            with suppress(OSError):
                self._add(os.path.realpath(self._path), "", _FILE)
            for watch in old.keys() - self._watches.keys():
                # One whose folder is gone has ended by itself.
                with suppress(OSError):
                    os_libc.inotify_rm_watch(self._descriptor, watch)
            self._chain, chain = chain, list(_chain(self._path))
            if self._chain == chain:
                return

    def _add(self, path: str, name: str, mask: int) -> None:
        try:
            watch = os_libc.inotify_add_watch(self._descriptor, path, mask)
        except (FileNotFoundError, NotADirectoryError):
            return
        self._watches[watch] = self._watches.get(watch, frozenset()) | {os.fsencode(name)}

    def _happened(self, events: list[os_libc.InotifyEvent]) -> None:
        if any(self._concerns(*event) for event in events):
            self._watch()
            self._changed()

    def _concerns(self, watch: int, mask: int, name: bytes) -> bool:
        return bool(mask & os_libc.IN_Q_OVERFLOW) or name in self._watches.get(watch, ()) or not name


def _chain(path: Path) -> Iterator[tuple[str, str]]:
    """The folders that a file hangs from, each with the name in it that counts."""
    current = str(path)
    for _ in range(_LINKS):
        folder, name = os.path.split(current)
        folder = os.path.realpath(folder)
        while not Path(folder).is_dir():
            folder, name = os.path.split(folder)
        yield folder, name
        try:
            current = str(Path(folder, Path(folder, name).readlink()))
        except OSError:
            return
