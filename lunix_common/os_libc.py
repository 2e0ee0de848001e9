"""The system calls that Python lacks, from libc: named as the call, raising ``OSError`` with errno."""

import ctypes
import os
import struct
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_DELETE, IN_DELETE_SELF = 0x8, 0x80, 0x100, 0x200, 0x400
IN_ONLYDIR, IN_IGNORED, IN_Q_OVERFLOW = 0x0100_0000, 0x8000, 0x4000
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
MNT_DETACH, UMOUNT_NOFOLLOW = 0x2, 0x8
_INOTIFY_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
_INOTIFY_EVENT = struct.Struct("=iIII")


class InotifyEvent(NamedTuple):
    """Something happened to what is watched, or to ``name`` in a watched directory."""

    watch: int
    """-1 where the queue was too short for all that happened (``IN_Q_OVERFLOW``)."""
    mask: int
    name: bytes


@cache
def _libc() -> ctypes.CDLL:
    # find_library runs a compiler or ldconfig, and finds nothing on musl; the process has libc loaded already.
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def inotify_init1() -> int:
    """A descriptor that tells of changes in watched directories and files, non-blocking. inotify(7)."""
    return _checked(_libc().inotify_init1(_INOTIFY_FLAGS))


def inotify_add_watch(descriptor: int, path: str, mask: int) -> int:
    """Watch ``path`` and return the watch's number."""
    return _checked(_libc().inotify_add_watch(descriptor, os.fsencode(path), ctypes.c_uint32(mask)), path)


def inotify_rm_watch(descriptor: int, watch: int) -> None:
    """End a watch."""
    _checked(_libc().inotify_rm_watch(descriptor, watch))


def inotify_events(data: bytes) -> Iterator[InotifyEvent]:
    """The events in what was read from the descriptor."""
    at = 0
    while at < len(data):
        watch, mask, _cookie, length = _INOTIFY_EVENT.unpack_from(data, at)
        at += _INOTIFY_EVENT.size + length
        yield InotifyEvent(watch, mask, data[at - length : at].rstrip(b"\0"))


def prctl(option: int, argument: int) -> None:
    """Change a property of the calling thread, prctl in section 2 of the manual."""
    _checked(_libc().prctl(option, ctypes.c_ulong(argument), 0, 0, 0))


def mount(source: str, target: str, fs_type: str, flags: int, data: str) -> None:
    """Mount a file system, mount in section 2 of the manual."""
    words = [os.fsencode(word) for word in (source, target, fs_type)]
    _checked(_libc().mount(*words, ctypes.c_ulong(flags), os.fsencode(data)), target)


def umount2(target: str, flags: int) -> None:
    """Unmount what is mounted there."""
    _checked(_libc().umount2(os.fsencode(target), flags), target)
