"""sysfs(5): a device and its parents, with attributes that are read when they are asked for.

Paths are plain text here: to make a ``Path`` takes three times as long as the system call that it is for.
"""

# ruff: noqa: PTH112, PTH115

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from lunix_natsdev.lanes import ancestors
from lunix_natsdev.manage.link_names import Ancestor

SYSFS = Path("/sys")
_ATTRIBUTE_BYTES = 4096


class Attributes(Mapping[str, bytes]):
    """The files of a device's folder as a mapping; each is read once, what cannot be read is not in it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._read: dict[str, bytes | None] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._read:
            self._read[name] = _read(f"{self._folder}/{name}")
        value = self._read[name]
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in os.scandir(self._folder) if entry.is_file())

    def __len__(self) -> int:
        return sum(1 for _name in self)


def _read(path: str) -> bytes | None:
    # A driver may refuse what its hardware does not answer, and anything may be gone by now.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.read(descriptor, _ATTRIBUTE_BYTES).removesuffix(b"\n")
        finally:
            os.close(descriptor)
    except OSError:
        return None


def chain(devpath: bytes, sysfs: Path = SYSFS, *, whole: bool = True) -> list[Ancestor]:
    """The device and the devices above it, nearest first; for one that is gone, what its path tells.

    Where not ``whole``, the device alone: each one above costs some ten system calls.
    """
    own = [_ancestor(devpath, sysfs)]
    above = ancestors(devpath) if whole else ()
    return own + [found for found in (_ancestor(path, sysfs) for path in above) if found.subsystem]


def _ancestor(devpath: bytes, sysfs: Path) -> Ancestor:
    folder = f"{sysfs}{os.fsdecode(devpath)}"
    attributes = Attributes(folder)
    subsystem = _linked(f"{folder}/subsystem") or _kind(folder)
    uevent = attributes.get("uevent", b"").decode("utf-8", "replace") if subsystem else ""
    devtype = next((line[8:] for line in uevent.split("\n") if line.startswith("DEVTYPE=")), "")
    return Ancestor(
        name=folder.rpartition("/")[2].replace("!", "/"),
        subsystem=subsystem,
        devtype=devtype,
        driver=_linked(f"{folder}/driver") if subsystem else "",
        attributes=attributes,
    )


def _kind(folder: str) -> str:
    # An ATA port is a device without a subsystem; what it is says the class device in it.
    name = folder.rpartition("/")[2]
    return "ata_port" if name.startswith("ata") and os.path.isdir(f"{folder}/ata_port") else ""


def _linked(link: str) -> str:
    try:
        return os.readlink(link).rpartition("/")[2]
    except OSError:
        return ""
