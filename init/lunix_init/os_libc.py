"""What Python lacks of the C library: each function is named as its system call.

`CDLL(None)` is the library that this process is linked to (`find_library` runs programs, and finds
nothing on musl). Every call raises `OSError` with errno, and with the path where there is one.
"""

import ctypes
import errno
import os
import signal
import struct
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

_libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MNT_DETACH = 2

MADV_PAGEOUT = 21

RB_AUTOBOOT = 0x01234567
RB_HALT_SYSTEM = 0xCDEF0123
RB_POWER_OFF = 0x4321FEDC
RB_DISABLE_CAD = 0

IN_ATTRIB = 0x4
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x1000000
IN_DONT_FOLLOW = 0x2000000
IN_MASK_ADD = 0x20000000

CLOSE_RANGE_CLOEXEC = 4
_CLOSE_RANGE, _PROCESS_MADVISE = 436, 440  # on every machine that Python runs on


def _call(name: str, *args: object, path: str | None = None) -> int:
    found: int = getattr(_libc, name)(*args)
    if found < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}", path)
    return found


def prctl(option: int, arg2: int | bytes = 0, arg3: int = 0) -> int:
    """Do what `prctl` does."""
    value = arg2 if isinstance(arg2, bytes) else ctypes.c_ulong(arg2)
    zero = ctypes.c_ulong(0)
    return _call("prctl", ctypes.c_int(option), value, ctypes.c_ulong(arg3), zero, zero)


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    """Do what `mount` does."""
    words = (source.encode(), target.encode(), kind.encode())
    _call("mount", *words, ctypes.c_ulong(flags), data.encode() or None, path=target)


def umount2(target: str, flags: int = 0) -> None:
    """Do what `umount2` does."""
    _call("umount2", os.fsencode(target), ctypes.c_int(flags), path=target)


def process_madvise(pidfd: int, places: Sequence[tuple[int, int]], advice: int) -> int:
    """Do what `process_madvise` does for places of (start, length); returns how many bytes were advised."""
    vector = (ctypes.c_size_t * (2 * len(places)))(*(number for place in places for number in place))
    numbers = (ctypes.c_long(_PROCESS_MADVISE), ctypes.c_int(pidfd), vector, ctypes.c_size_t(len(places)))
    return _call("syscall", *numbers, ctypes.c_int(advice), ctypes.c_uint(0))


def reboot(command: int) -> None:
    """Do what `reboot` does: in a PID namespace it ends the namespace (see the man page)."""
    _call("reboot", ctypes.c_int(command - (1 << 32) if command >> 31 else command))


def close_range(first: int, last: int, flags: int = 0) -> None:
    """Do what `close_range` does, which musl has no function for; where the kernel has none, close one by one."""
    numbers = (ctypes.c_ulong(first), ctypes.c_ulong(last), ctypes.c_ulong(flags))
    try:
        _call("syscall", ctypes.c_long(_CLOSE_RANGE), *numbers)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (names, not paths)
            if first <= int(name) <= last:
                if flags & CLOSE_RANGE_CLOEXEC:
                    os.set_inheritable(int(name), False)
                else:
                    os.closerange(int(name), int(name) + 1)


def close_all_but(kept: Collection[int]) -> None:
    """Close every descriptor above standard error, but for a few."""
    low = 3
    for fd in sorted(kept):
        if fd > low:
            close_range(low, fd - 1)
        low = max(low, fd + 1)
    close_range(low, 0x7FFFFFFF)


CLONE_PIDFD = 0x1000
CLONE_INTO_CGROUP = 0x200000000
_CLONE3 = 435  # on every machine that Python runs on
_CLONE_ARGS = struct.Struct("=11Q")  # struct clone_args, as of Linux 5.7
_held = ctypes.PyDLL(None, use_errno=True)  # keeps Python's lock: nothing else may run within a fork


def clone3(cgroup: int) -> tuple[int, int]:
    """Fork into the cgroup that a descriptor stands for; returns pid and pidfd, 0 and -1 in the child.

    Python's own bookkeeping is that of `os.fork`. The C library's is not done: its handlers of forks do not run, and it
    takes the child for the thread that its parent was. That is enough for one that soon runs another program.
    """
    pidfd = ctypes.c_int(-1)
    flags = CLONE_INTO_CGROUP | CLONE_PIDFD
    told = _CLONE_ARGS.pack(flags, ctypes.addressof(pidfd), 0, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, cgroup)
    arguments = ctypes.create_string_buffer(told, len(told))
    try:
        before, child, parent = (
            getattr(ctypes.pythonapi, f"PyOS_{name}") for name in ("BeforeFork", "AfterFork_Child", "AfterFork_Parent")
        )
    except AttributeError:  # an interpreter that hides its functions
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    before()
    pid: int = _held.syscall(ctypes.c_long(_CLONE3), arguments, ctypes.c_size_t(len(told)))
    if not pid:
        child()
        return 0, -1
    number = ctypes.get_errno()
    parent()
    if pid < 0:
        raise OSError(number, f"clone3: {os.strerror(number)}")
    return pid, pidfd.value


class _CapHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapData(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def capset(bits: int) -> None:
    """Make the effective, permitted and inheritable sets of this process just `bits`."""
    header = _CapHeader(0x20080522, 0)
    low, high = bits & 0xFFFFFFFF, bits >> 32
    data = (_CapData * 2)(_CapData(low, low, low), _CapData(high, high, high))
    _call("capset", ctypes.byref(header), ctypes.byref(data))


def inotify_init1(flags: int = os.O_CLOEXEC | os.O_NONBLOCK) -> int:
    """Do what `inotify_init1` does; returns the descriptor."""
    return _call("inotify_init1", ctypes.c_int(flags))


def inotify_add_watch(fd: int, path: str, mask: int) -> int:
    """Do what `inotify_add_watch` does; returns the watch."""
    return _call("inotify_add_watch", fd, os.fsencode(path), ctypes.c_uint32(mask), path=path)


def inotify_rm_watch(fd: int, watch: int) -> None:
    """Do what `inotify_rm_watch` does."""
    _call("inotify_rm_watch", fd, watch)


class InotifyEvent(NamedTuple):
    """One inotify event: the watch, what happened, and the name in the directory."""

    watch: int
    mask: int
    name: str


def inotify_events(data: bytes) -> Iterator[InotifyEvent]:
    """Cut what was read from an inotify descriptor (inotify(7))."""
    at = 0
    while at + 16 <= len(data):
        watch = int.from_bytes(data[at : at + 4], sys.byteorder, signed=True)
        mask, _, size = (int.from_bytes(data[at + off : at + off + 4], sys.byteorder) for off in (4, 8, 12))
        name = data[at + 16 : at + 16 + size].rstrip(b"\0")
        yield InotifyEvent(watch, mask, os.fsdecode(name))
        at += 16 + size
