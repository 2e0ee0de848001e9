"""Mount points as descriptors: openat(2) with O_PATH and O_NOFOLLOW, one component after the other.

A path is looked up once and never followed through a symbolic link. What is done then is done to the folder that was
found, whatever somebody makes of its path meanwhile: ``/proc/self/fd/N`` is that folder itself.
"""

import errno
import os
import stat
from dataclasses import dataclass
from typing import NamedTuple

from lunix_common import os_libc
from lunix_mount import place
from lunix_mount.mountinfo import text

_FOLDER = os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


def _error(number: int | None, path: bytes) -> OSError:
    return OSError(number, os.strerror(number or 0), text(path))


def _open(parent: int, component: bytes, path: bytes) -> int:
    try:
        return os.open(component, _FOLDER, dir_fd=parent)
    except NotADirectoryError:
        is_link = stat.S_ISLNK(os.stat(component, dir_fd=parent, follow_symlinks=False).st_mode)
        raise _error(errno.ELOOP if is_link else errno.ENOTDIR, path) from None
    except OSError as error:
        raise _error(error.errno, path) from None


class Found(NamedTuple):
    """A folder that is there."""

    mounted: bool
    """Something is mounted on it."""
    empty: bool
    uid: int


@dataclass
class Spot:
    """A place in its folder, which is open; the place itself may not be there. Close it."""

    parent: int
    name: bytes
    path: bytes

    def open(self) -> int:
        """The folder at this place, or what is mounted on it."""
        return _open(self.parent, self.name, self.path)

    def make(self) -> bool:
        """Make the folder; tell whether it was not there."""
        try:
            os.mkdir(self.name, 0o755, dir_fd=self.parent)
        except FileExistsError:
            return False
        except OSError as error:
            raise _error(error.errno, self.path) from None
        return True

    def remove(self) -> None:
        """Remove the folder; raise ``OSError`` where it is in use or not empty."""
        os.rmdir(self.name, dir_fd=self.parent)

    def number(self) -> int | None:
        """The kernel's number of what is mounted exactly here; ``None`` where nothing is."""
        here = self.open()
        try:
            mine, above = mount_number(here), mount_number(self.parent)
        finally:
            os.close(here)
        return None if mine == above else mine

    def look(self) -> Found:
        """What is here; raise ``OSError`` where it is no folder."""
        here = self.open()
        try:
            listing = os.open(b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
            try:
                is_empty = next(os.scandir(listing), None) is None
            finally:
                os.close(listing)
            return Found(mount_number(here) != mount_number(self.parent), is_empty, os.fstat(here).st_uid)
        finally:
            os.close(here)

    def mount(self, source: str, fs_type: str, flags: int, data: str) -> None:
        """Mount on the folder that is here."""
        here = self.open()
        try:
            os_libc.mount(source, f"/proc/self/fd/{here}", fs_type, flags, data)
        finally:
            os.close(here)

    def unmount(self, number: int, *, lazy: bool) -> None:
        """Unmount what is here if that has this number; ``EINVAL`` where it has not.

        An open descriptor in a mount keeps it busy. So the place is named by its folder, in which nobody can rename a
        mount point, and not by itself.
        """
        if self.number() != number:
            raise _error(errno.EINVAL, self.path)
        self.detach(lazy=lazy)

    def detach(self, *, lazy: bool) -> None:
        """Unmount what is here, whatever it is: also where it cannot be looked at, because its device is gone."""
        flags = os_libc.UMOUNT_NOFOLLOW | (os_libc.MNT_DETACH if lazy else 0)
        os_libc.umount2(f"/proc/self/fd/{self.parent}/{os.fsdecode(self.name)}", flags)

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.parent)


def spot(path: bytes, *, make_parents: bool = False) -> Spot:
    """Open the folder that a path is in, through no symbolic link; raise ``OSError`` with the part that is wrong."""
    *above, name = place.parts(os.fsdecode(path))
    here = os.open("/", _FOLDER)
    try:
        for index, component in enumerate(above, 1):
            so_far = place.joined(above[:index])
            if make_parents:
                _make_missing(here, component, so_far)
            deeper = _open(here, component, so_far)
            os.close(here)
            here = deeper
    except BaseException:
        os.close(here)
        raise
    return Spot(here, name, path)


def _make_missing(parent: int, component: bytes, path: bytes) -> None:
    try:
        os.mkdir(component, 0o755, dir_fd=parent)
    except FileExistsError:
        return
    except OSError as error:
        raise _error(error.errno, path) from None


def mount_number(descriptor: int) -> int:
    """The kernel's number of the mount that an open file is in: proc(5), ``/proc/self/fdinfo``."""
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as facts:  # noqa: PTH123 - as short as that
        for line in facts:
            if line.startswith("mnt_id:"):
                return int(line.split()[1])
    raise _error(errno.ENOSYS, b"/proc/self/fdinfo")
