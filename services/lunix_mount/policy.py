"""With which options a volume is mounted, and what only an admin may. Pure.

Whoever asks: ``nosuid`` and ``nodev``, for a stick that brings a set-uid shell is a way to root.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_SYNCHRONOUS = 1, 2, 4, 8, 16
MS_DIRSYNC, MS_NOATIME, MS_NODIRATIME, MS_RELATIME, MS_STRICTATIME, MS_LAZYTIME = (
    128,
    1024,
    2048,
    1 << 21,
    1 << 24,
    1 << 25,
)

_ON: Mapping[str, int] = {
    "ro": MS_RDONLY,
    "nosuid": MS_NOSUID,
    "nodev": MS_NODEV,
    "noexec": MS_NOEXEC,
    "sync": MS_SYNCHRONOUS,
    "dirsync": MS_DIRSYNC,
    "noatime": MS_NOATIME,
    "nodiratime": MS_NODIRATIME,
    "relatime": MS_RELATIME,
    "strictatime": MS_STRICTATIME,
    "lazytime": MS_LAZYTIME,
}
_OFF: Mapping[str, int] = {
    "rw": MS_RDONLY,
    "suid": MS_NOSUID,
    "dev": MS_NODEV,
    "exec": MS_NOEXEC,
    "async": MS_SYNCHRONOUS,
    "defaults": 0,
}

KERNEL_NAMES: Mapping[str, tuple[str, ...]] = {"ntfs": ("ntfs3", "ntfs-3g")}
"""What blkid calls a file system, and the drivers that are tried for it; a name with ``-`` is a helper program."""
HELPERS = frozenset({"ntfs-3g"})
_NEVER_WRITTEN = frozenset({"iso9660", "squashfs", "erofs", "cramfs", "romfs"})
_OWNED: Mapping[str, str] = {
    "vfat": "uid={uid},gid={gid},umask={umask:04o},shortname=mixed,utf8=1,flush",
    "exfat": "uid={uid},gid={gid},umask={umask:04o}",
    "ntfs3": "uid={uid},gid={gid},umask={umask:04o}",
    "ntfs-3g": "uid={uid},gid={gid},umask={umask:04o}",
    "udf": "uid={uid},gid={gid},umask={umask:04o}",
}
"""File systems that know no owners of Linux's: all files are this one's."""


class Owner(NamedTuple):
    """To whom the files of a file system without owners belong."""

    uid: int = 0
    gid: int = 0
    umask: int = 0o022


class Denied(Exception):
    """The caller's role may not do this; the text says what it may."""


class Options(NamedTuple):
    """What mount(2) is given."""

    flags: int
    data: str

    @property
    def as_text(self) -> str:
        """As for a helper program, which takes all in one."""
        words = [word for word, flag in _ON.items() if self.flags & flag]
        return ",".join([*words, self.data] if self.data else words)


def drivers(fs_type: str) -> tuple[str, ...]:
    """What is tried for a file system that blkid calls so."""
    return KERNEL_NAMES.get(fs_type, (fs_type,))


def options(driver: str, owner: Owner, *, read_only: bool, noexec: bool, more: Iterable[str] = ()) -> Options:
    """The options for a driver; ``more`` are an admin's own, which overrule."""
    flags = MS_NOSUID | MS_NODEV | (MS_NOEXEC if noexec else 0)
    if read_only or driver in _NEVER_WRITTEN:
        flags |= MS_RDONLY
    data = [_OWNED[driver].format(**owner._asdict())] if driver in _OWNED else []
    for word in more:
        if word in _ON:
            flags |= _ON[word]
        elif word in _OFF:
            flags &= ~_OFF[word]
        else:
            data.append(word)
    return Options(flags, ",".join(data))


class Wanted(NamedTuple):
    """What a caller who is no admin asks for."""

    fs_type: str | None
    """As it was found on the device."""
    asked_type: str | None
    options: tuple[str, ...]
    removable: bool
    chosen: bool
    """The caller chose the place."""
    allowed: bool
    """It is below one of ``mount.allow_where``."""


def check(wanted: Wanted, fs_types: Collection[str]) -> None:
    """Raise ``Denied`` where only an admin may."""
    if wanted.options:
        raise Denied("only an admin may choose the options of a mount")
    if not wanted.removable:
        raise Denied("only an admin may mount what is on a disk that is not removable")
    if wanted.chosen and not wanted.allowed:
        raise Denied("only an admin may mount there: leave `where` out, or choose a place below mount.allow_where")
    if wanted.asked_type not in (None, wanted.fs_type):
        raise Denied("only an admin may mount something as another file system than it is found to be")
    if wanted.fs_type is not None and wanted.fs_type not in fs_types:
        raise Denied(f"only an admin may mount a file system {wanted.fs_type}: it is not among mount.fs_types")
