"""Waiting for a path to change, through any chain of symbolic links.

Each folder and each link on the way is watched itself (moved, deleted), not its parent: so a busy
parent such as /tmp wakes nobody. Only where the way breaks off, the last folder that exists is
watched for a new entry. After each change the way is walked anew. One inotify descriptor serves all
watched paths; each is known by a key.
"""

import os
import stat

from lunix_init import os_libc as libc

_SELF = libc.IN_DELETE_SELF | libc.IN_MOVE_SELF
# A link that is replaced tells it by its link count. Not for folders: there it would also tell of
# every chmod of whatever is in them, and /tmp is on the way of many.
_LINK = _SELF | libc.IN_ATTRIB
_ENTRY = libc.IN_CREATE | libc.IN_MOVED_TO
_CONTENTS = _ENTRY | libc.IN_DELETE | libc.IN_MOVED_FROM | libc.IN_CLOSE_WRITE
_MAX_LINKS = 40


class Watches:
    """All watched paths."""

    def __init__(self) -> None:
        self.fd = libc.inotify_init1()
        self._keys: dict[int, dict[str, str]] = {}  # watch -> key -> the name it waits for, or ""

    def watch(self, key: str, path: str, *, contents: bool = False) -> bool:
        """Watch a path, and the entries of the folder that it is; true when it exists.

        To be called again after each change that `read` tells. It returns only when the way that
        was walked is the one that is watched: whatever changes afterwards is told.
        """
        while True:
            old = {wd for wd, keys in self._keys.items() if key in keys}
            steps, exists = walk(path)
            kept: set[int] = set()
            for step, name in steps:
                mask = _ENTRY | _SELF if name else _mask(step)
                kept.add(self._add(key, step, mask, name))
            if contents and exists:
                for step, mask in _inside(path):
                    kept.add(self._add(key, step, mask, ""))
            self._forget(key, old - kept)
            if walk(path) == (steps, exists):
                return exists

    def drop(self, key: str) -> None:
        """Do not watch a path any more."""
        self._forget(key, {wd for wd, keys in self._keys.items() if key in keys})

    def read(self) -> set[str]:
        """Return the keys of the paths where something changed."""
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return set()
        found: set[str] = set()
        for event in libc.inotify_events(data):
            if event.mask & libc.IN_Q_OVERFLOW:
                found.update(key for keys in self._keys.values() for key in keys)
            for key, name in self._keys.get(event.watch, {}).items():
                if not name or name == event.name or not event.mask & _ENTRY:
                    found.add(key)
            if event.mask & libc.IN_IGNORED:
                self._keys.pop(event.watch, None)
        return found

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)

    def _add(self, key: str, path: str, mask: int, name: str) -> int:
        try:
            wd = libc.inotify_add_watch(self.fd, path, mask | libc.IN_MASK_ADD | libc.IN_DONT_FOLLOW)
        except OSError:  # gone meanwhile: the second walk will see it
            return -1
        keys = self._keys.setdefault(wd, {})
        keys[key] = name if keys.get(key, name) == name else ""
        return wd

    def _forget(self, key: str, watches: set[int]) -> None:
        for wd in watches:
            keys = self._keys.get(wd, {})
            keys.pop(key, None)
            if not keys and wd in self._keys:
                del self._keys[wd]
                try:
                    libc.inotify_rm_watch(self.fd, wd)
                except OSError:  # the kernel has dropped it by itself
                    continue


def walk(path: str) -> tuple[list[tuple[str, str]], bool]:
    """Follow a path: the folders and links on the way, and whether it leads somewhere.

    The last step carries the name that is missing there, when it does not.
    """
    steps = [("/", "")]
    todo = [part for part in path.split("/") if part]
    here, links = "/", 0
    while todo:
        name = todo.pop(0)
        if name in (".", ".."):
            here = os.path.dirname(here) if name == ".." else here  # noqa: PTH120
            continue
        step = f"{here.rstrip('/')}/{name}"
        try:
            mode = os.lstat(step).st_mode
        except OSError:
            steps.append((here, name))
            return steps, False
        steps.append((step, ""))
        if stat.S_ISLNK(mode):
            links += 1
            if links > _MAX_LINKS:
                return steps, False
            target = os.readlink(step)  # noqa: PTH115
            here = "/" if target.startswith("/") else here
            todo = [part for part in target.split("/") if part] + todo
        else:
            here = step
    return steps, True


def _mask(path: str) -> int:
    return _LINK if os.path.islink(path) else _SELF  # noqa: PTH114


def _inside(path: str) -> list[tuple[str, int]]:
    """Return what to watch for the contents of a folder: itself, and where its links lead."""
    real = os.path.realpath(path)
    found = [(real, _CONTENTS)]
    try:
        entries = list(os.scandir(real))
    except OSError:
        return found
    for entry in entries:
        if entry.is_symlink():
            steps, exists = walk(entry.path)
            found += [(step, _ENTRY | _SELF if name else _mask(step)) for step, name in steps]
            if exists:
                found.append((os.path.realpath(entry.path), _LINK | libc.IN_CLOSE_WRITE))
    return found
