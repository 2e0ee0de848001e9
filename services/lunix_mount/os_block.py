"""A block device that is about to be mounted: its node, its disk's number, and what sysfs says of the disk.

The number of a disk (``diskseq``, Linux 5.15) is never used twice. While the device is open the kernel gives neither
its name nor its number to another one: what is checked here is what is mounted.
"""

import errno
import fcntl
import os
import re
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_BLKGETDISKSEQ, _BLKROGET = 0x80081280, 0x125E
_USB = re.compile(r"/usb[0-9]+/")
SYSFS = Path("/sys")


@dataclass
class Block:
    """An open block device. Close it."""

    descriptor: int
    node: str
    major: int
    minor: int
    disk: str
    """The kernel's name of the disk."""
    diskseq: int | None
    removable: bool
    """The kernel calls the disk so, or it is on USB."""
    read_only: bool

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)


def open_block(node: str) -> Block:
    """Open a node, or a link to one; raise ``OSError``: ``ENOTBLK`` where it is none.

    Looked at before it is opened: to open a watchdog, say, does something.
    """
    path = os.path.realpath(node)
    if not stat.S_ISBLK(os.stat(path).st_mode):  # noqa: PTH116 - a text, not a Path
        raise OSError(errno.ENOTBLK, os.strerror(errno.ENOTBLK), node)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISBLK(status.st_mode):
            raise OSError(errno.ENOTBLK, os.strerror(errno.ENOTBLK), node)
        major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
        disk = _disk(major, minor)
        return Block(
            descriptor,
            path,
            major,
            minor,
            disk.name,
            _diskseq(descriptor, disk),
            _attribute(disk, "removable") == "1" or _USB.search(str(disk)) is not None,
            _is_read_only(descriptor),
        )
    except BaseException:
        os.close(descriptor)
        raise


def is_there(major: int, minor: int, diskseq: int | None) -> bool:
    """Whether this device is still there, and not another one of its number."""
    if not (SYSFS / f"dev/block/{major}:{minor}").exists():
        return False
    now = _attribute(_disk(major, minor), "diskseq")
    return diskseq is None or now is None or now == str(diskseq)


def kernel_types() -> set[str]:
    """The file systems for block devices of which the kernel has the drivers loaded: ``/proc/filesystems``."""
    lines = Path("/proc/filesystems").read_text(encoding="ascii").splitlines()
    return {line.strip() for line in lines if not line.startswith("nodev")}


def _disk(major: int, minor: int) -> Path:
    here = Path(os.path.realpath(SYSFS / f"dev/block/{major}:{minor}"))
    return here.parent if (here / "partition").exists() else here


def _attribute(folder: Path, name: str) -> str | None:
    try:
        return (folder / name).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def _diskseq(descriptor: int, disk: Path) -> int | None:
    with suppress(OSError):
        raw = fcntl.ioctl(descriptor, _BLKGETDISKSEQ, bytes(8))
        return int.from_bytes(raw, "little" if struct.pack("=H", 1)[0] else "big")
    told = _attribute(disk, "diskseq")
    return int(told) if told else None


def _is_read_only(descriptor: int) -> bool:
    return bool(struct.unpack("i", fcntl.ioctl(descriptor, _BLKROGET, bytes(4)))[0])
