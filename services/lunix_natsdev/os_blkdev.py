"""A block device: exact reads, the disk that a partition is on, and BLKRRPART of ioctl_list(2).

This module is part of the child that looks at a device, and so imports as little as that.
"""

import os

from lunix_natsdev.superblock.base import Source

_BLKRRPART = 0x125F


class Device(Source):
    """An open block device or image file."""

    def __init__(self, path: str) -> None:
        # Without O_NONBLOCK the open of a drive waits for its medium; read-only leaves no close-after-write behind.
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.status = os.fstat(self.fd)
        super().__init__(os.lseek(self.fd, 0, os.SEEK_END))

    def close(self) -> None:
        """Close it."""
        os.close(self.fd)

    def pread(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes; a sector that cannot be read ends the device there."""
        if length <= 0 or offset >= self.size:
            return b""
        try:
            return os.pread(self.fd, length, offset)
        except OSError:
            return b""


def whole_disk(status: os.stat_result, sysfs: str = "/sys") -> tuple[str, int] | None:
    """The kernel's name of the disk that this partition is on and the partition's number; ``None`` for no partition."""
    here = f"{sysfs}/dev/block/{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    try:
        with open(f"{here}/partition", "rb") as number:  # noqa: PTH123 - pathlib costs 8 ms
            return os.path.basename(os.path.dirname(os.path.realpath(here))), int(number.read())  # noqa: PTH119, PTH120
    except (OSError, ValueError):
        return None


def reread(path: str) -> None:
    """Have the kernel read the partition table again; raise ``OSError`` where a partition is in use, or locked.

    A program that takes flock(2) on a disk says that it is not done with it: the rule is systemd's, "block device
    locking".
    """
    import fcntl

    device = Device(path)
    try:
        fcntl.flock(device.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.ioctl(device.fd, _BLKRRPART)
    finally:
        device.close()
