"""mknod(2), chown(2), chmod(2) and symlink(2) below a ``/dev``, which may be a devtmpfs, a tmpfs or a test's folder.

No name leads out of it, and nothing but a symbolic link is ever replaced or removed where a link should be.
"""

import os
import stat
from pathlib import Path

from lunix_natsdev.manage.links import is_safe

# One name serves: there is one device manager, and it makes one node at a time.
_FRESH = ".#natsdev"


class DevRoot:
    """The folder of device nodes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.is_devtmpfs = _is_devtmpfs(root)
        """Whether the kernel makes and removes the nodes itself."""

    def path(self, name: str) -> Path:
        """The path of a node or link; raise ``ValueError`` for a name that leads out of the folder."""
        if not is_safe(name):
            raise ValueError(f"{name!r} is not a name below {self.root}")
        return self.root / name

    def status(self, name: str) -> os.stat_result | None:
        """The node's status, or ``None`` where there is none."""
        try:
            return self.path(name).lstat()
        except FileNotFoundError:
            return None

    def mknod(self, name: str, kind: int, number: int) -> None:
        """Make a node of ``kind`` (``S_IFBLK`` or ``S_IFCHR``), as yet for root alone, in place of another one."""
        path = self.path(name)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        fresh = path.with_name(_FRESH)
        fresh.unlink(missing_ok=True)
        os.mknod(fresh, kind | 0o600, number)
        fresh.replace(path)

    def own(self, name: str, uid: int, gid: int, mode: int) -> None:
        """Give the node its owner, group and mode."""
        path = self.path(name)
        # Between a wider mode and the owner it is meant for there must be no moment: owner first.
        os.chown(path, uid, gid, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(mode)

    def unlink_node(self, name: str, kind: int, number: int) -> None:
        """Remove a node, but only if it is still this device's."""
        status = self.status(name)
        if status is not None and stat.S_IFMT(status.st_mode) == kind and status.st_rdev == number:
            self.path(name).unlink(missing_ok=True)
            self._prune(self.path(name))

    def symlink(self, name: str, target: str) -> None:
        """Point the link ``name`` to the node ``target``, in one step for those who look; raise ``FileExistsError``.

        The error is for a name that something other than a symbolic link has.
        """
        path, node = self.path(name), self.path(target)
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        there = self.status(name)
        if there is not None and not stat.S_ISLNK(there.st_mode):
            wanted = self.status(target)
            if wanted is not None and there.st_rdev and there.st_rdev == wanted.st_rdev:
                # Where no udev runs, libdevmapper makes nodes in /dev/mapper itself.
                return
            raise FileExistsError(f"{path} is not a symbolic link")
        relative = os.path.relpath(node, path.parent)
        fresh = path.with_name(_FRESH)
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(relative)
        fresh.replace(path)

    def unlink(self, name: str) -> None:
        """Remove the link ``name``, and folders that are empty then."""
        path = self.path(name)
        if path.is_symlink():
            path.unlink()
            self._prune(path)

    def stale(self, folders: tuple[str, ...], kept: set[str]) -> list[str]:
        """Links below these folders that are not among ``kept``: what an earlier run left behind."""
        found = [path for folder in folders for path in (self.root / folder).rglob("*") if path.is_symlink()]
        names = (str(path.relative_to(self.root)) for path in found)
        return sorted(name for name in names if name not in kept)

    def _prune(self, path: Path) -> None:
        for folder in path.parents:
            if folder == self.root or not folder.is_relative_to(self.root):
                return
            try:
                folder.rmdir()
            except OSError:
                return


def _is_devtmpfs(root: Path) -> bool:
    """Whether a devtmpfs is mounted there: the last line of proc(5)'s mountinfo about this folder counts."""
    kind = ""
    place = os.fsencode(root.resolve())
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        before, _, after = line.partition(b" - ")
        if before.split(b" ")[4] == place:
            kind = after.split(b" ")[0].decode("ascii", "replace")
    return kind == "devtmpfs"
