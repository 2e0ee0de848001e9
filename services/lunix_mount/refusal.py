"""Why something could not be mounted or unmounted: a code as in HTTP, and a sentence for people. Pure.

400 makes no sense · 403 not for this role · 404 no such device or mount · 409 in use, or in the way · 415 nothing here
can mount it · 422 damaged, or no file system · 429 too many at once · 503 natsdev is needed for this · 504 not there in
time · 507 no room
"""

import errno
import os
from collections.abc import Mapping

BAD, DENIED, MISSING, IN_THE_WAY, UNKNOWN, CORRUPT = 400, 403, 404, 409, 415, 422
NO_RIGHTS = (
    "lunix-mount may not mount and unmount here: that needs root, or CAP_SYS_ADMIN; "
    "have lunix run as root: `lunix up` of root's, or `lunix install`"
)
"""Why, and what to do."""
TOO_MANY, FAILED, NO_NATSDEV, TOO_LATE, FULL = 429, 500, 503, 504, 507


class Refused(Exception):
    """It was not done."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


_MOUNT: Mapping[int, tuple[int, str]] = {
    errno.EBUSY: (IN_THE_WAY, "{what} is in use, or mounted there already"),
    errno.EINVAL: (CORRUPT, "{what}: no valid {driver}, or an option that {driver} does not know"),
    errno.EUCLEAN: (CORRUPT, "{what}: the {driver} is damaged and has to be repaired"),
    errno.EBADMSG: (CORRUPT, "{what}: the {driver} is damaged: a checksum is wrong"),
    errno.EIO: (CORRUPT, "{what} cannot be read"),
    errno.ENODEV: (UNKNOWN, "this kernel has no driver for {driver}"),
    errno.EOPNOTSUPP: (UNKNOWN, "this kernel's {driver} does not know all that {what} uses"),
    errno.ENXIO: (MISSING, "{what} is gone"),
    errno.ENOENT: (MISSING, "{what} is gone"),
    errno.ENOMEDIUM: (MISSING, "there is no medium in {what}"),
    errno.ENOTBLK: (BAD, "{what} is no block device"),
    errno.EACCES: (DENIED, "{what} can only be read: ask for read_only"),
    errno.EROFS: (DENIED, "{what} can only be read: ask for read_only"),
    errno.EPERM: (DENIED, NO_RIGHTS),
    errno.ENOSPC: (FULL, "no room: too many mounts, or a full disk"),
    errno.ENOMEM: (FULL, "no memory"),
}
_UNMOUNT: Mapping[int, tuple[int, str]] = {
    errno.EBUSY: (IN_THE_WAY, "{what} is in use: close what uses it, or ask for lazy"),
    errno.EINVAL: (MISSING, "nothing is mounted on {what}"),
    errno.ENOENT: (MISSING, "nothing is mounted on {what}"),
    errno.EPERM: (DENIED, NO_RIGHTS),
}
_PLACE: Mapping[int, tuple[int, str]] = {
    errno.ENOENT: (MISSING, "there is no folder {what}"),
    errno.ENOTDIR: (IN_THE_WAY, "{what} is no folder"),
    errno.ELOOP: (DENIED, "{what} is a symbolic link, and none is followed"),
    errno.EACCES: (DENIED, "{what} cannot be made here"),
    errno.EPERM: (DENIED, "{what} cannot be made here"),
    errno.EROFS: (DENIED, "{what} cannot be made: its file system is read-only"),
    errno.ENOSPC: (FULL, "{what} cannot be made: the disk is full"),
    errno.ENAMETOOLONG: (BAD, "{what} is too long"),
}


def of_mount(error: OSError, what: str, driver: str) -> Refused:
    """What mount(2) said."""
    return _told(_MOUNT, error, what=what, driver=driver)


def of_unmount(error: OSError, what: str) -> Refused:
    """What umount(2) said."""
    return _told({**_PLACE, **_UNMOUNT}, error, what=what)


def of_place(error: OSError, what: str) -> Refused:
    """What opening or making a mount point said."""
    return _told(_PLACE, error, what=what)


def _told(known: Mapping[int, tuple[int, str]], error: OSError, **words: str) -> Refused:
    number = error.errno or 0
    code, text = known.get(number, (FAILED, f"{{what}}: {os.strerror(number)}"))
    return Refused(code, text.format(**words))
