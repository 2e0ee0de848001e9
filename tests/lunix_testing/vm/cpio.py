"""Writes initramfs archives: the "newc" cpio format (Documentation/driver-api/early-userspace/buffer-format.rst).

Done here rather than by cpio(1): no root is needed for owners, and what is written depends on the entries alone.
"""

import stat
from collections.abc import Iterable
from dataclasses import dataclass

_TRAILER = "TRAILER!!!"


@dataclass(frozen=True)
class Entry:
    """One member: its path without a leading slash, its st_mode, and its content or link target."""

    path: str
    mode: int
    content: bytes = b""


def folder(path: str, mode: int = 0o755) -> Entry:
    """A folder; the kernel makes no parents by itself, so they come first."""
    return Entry(path, stat.S_IFDIR | mode)


def file(path: str, content: bytes, mode: int = 0o644) -> Entry:
    """A regular file."""
    return Entry(path, stat.S_IFREG | mode, content)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path, stat.S_IFLNK | 0o777, target.encode())


def archive(entries: Iterable[Entry]) -> bytes:
    """The archive of the entries, owned by root, at time 0; archives may be concatenated."""
    packed = bytearray()
    for number, entry in enumerate(entries, start=1):
        packed += _pack(entry, number)
    packed += _pack(Entry(_TRAILER, 0), 0)
    return bytes(packed)


def _pack(entry: Entry, number: int) -> bytes:
    name = entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(entry.content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
