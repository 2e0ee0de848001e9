r"""sysfs(5): which devices there are, what identifies one, and the attributes of one.

Paths are bytes, because an interface may be called by any bytes. Everything may be gone at any moment: what is not
there reads as ``None``.
"""

# Paths of bytes are none for pathlib, and its objects cost more than the system call.
# ruff: noqa: PTH115, PTH116, PTH120, PTH208
import os
from collections.abc import Iterable, Iterator
from posixpath import join, normpath

from lunix_natsdev.device import FromSysfs, attributes_of
from lunix_natsdev.lanes import ancestors
from lunix_natsdev.uevent import Uevent, pairs, shown

ROOT = b"/sys"
_ATTRIBUTE_BYTES = 4096


def inode(devpath: bytes) -> int | None:
    """The number of the device's directory: kernfs never gives one twice in a boot, and a rename keeps it."""
    try:
        return os.stat(ROOT + devpath).st_ino
    except OSError:
        return None


def attribute(devpath: bytes, name: str) -> str | None:
    r"""An attribute's text without the white space around it; bytes that are not UTF-8 as ``\xNN``."""
    raw = _read(ROOT + devpath + b"/" + name.encode())
    return None if raw is None else shown(raw).strip(" \n\0") or None


def subsystem(devpath: bytes) -> str | None:
    """The name of the device's subsystem; ``None`` for what is no device."""
    try:
        return shown(os.readlink(ROOT + devpath + b"/subsystem").rpartition(b"/")[2])
    except OSError:
        return None


def properties(devpath: bytes) -> dict[str, str] | None:
    """The properties of the device's ``uevent`` file, with ACTION ``add``, DEVPATH and SUBSYSTEM as an event has them.

    ``None`` where there is no device. A device's own strings are in that file too, and may hold line feeds: so the
    device number is compared with the ``dev`` attribute, and a device node is only believed with a number.
    """
    kind = subsystem(devpath)
    raw = _read(ROOT + devpath + b"/uevent")
    if kind is None or raw is None:
        return None
    own = {"ACTION": "add", "DEVPATH": shown(devpath), "SUBSYSTEM": kind}
    found = own | {key: value for key, value in pairs(shown(raw).split("\n")).items() if key not in own}
    number = f"{found.get('MAJOR')}:{found.get('MINOR')}"
    if ("MAJOR" in found or "DEVNAME" in found) and attribute(devpath, "dev") != number:
        for key in ("MAJOR", "MINOR", "DEVNAME"):
            found.pop(key, None)
    return found


def look(event: Uevent) -> FromSysfs | None:
    """What sysfs says about an event's device, or ``None`` when it is gone."""
    number = inode(event.devpath)
    if number is None:
        return None
    wanted = attributes_of(event.subsystem, event.properties.get("DEVTYPE"))
    return FromSysfs(number, {name: attribute(event.devpath, name) for name in wanted})


def present() -> Iterator[Uevent]:
    """Every device that is there, parents first, as the event that announced it."""
    for devpath in sorted(paths()):
        found = properties(devpath)
        if found is not None:
            yield Uevent("add", devpath, found, 0)


def paths() -> set[bytes]:
    """The paths of all devices, in any order: those of each bus and class, and those above them that are devices."""
    found: set[bytes] = set()
    for folder in _folders():
        for name in _list(folder):
            path = _target(join(folder, name))
            if path is not None:
                found.add(path)
    above = {path for devpath in found for path in ancestors(devpath)} - found
    return found | {path for path in above if os.path.lexists(ROOT + path + b"/subsystem")}


def trigger(devpath: bytes, text: str) -> None:
    """Ask for an event by a write to the device's ``uevent`` file; raise ``OSError``.

    ``text`` is ``ACTION [UUID [KEY=VALUE …]]``: the kernel's ``Documentation/ABI/testing/sysfs-uevent``.
    """
    descriptor = os.open(ROOT + devpath + b"/uevent", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _folders() -> Iterator[bytes]:
    for name in _list(ROOT + b"/bus"):
        yield join(ROOT, b"bus", name, b"devices")
    for name in _list(ROOT + b"/class"):
        yield join(ROOT, b"class", name)


def _list(folder: bytes) -> Iterable[bytes]:
    try:
        return os.listdir(folder)
    except OSError:
        return ()


def _target(link: bytes) -> bytes | None:
    """Where the link of a bus or class leads, below ``/sys``; classes also hold files, such as ``bonding_masters``."""
    try:
        target = normpath(join(os.path.dirname(link), os.readlink(link)))
    except OSError:
        return None
    return target.removeprefix(ROOT) if target.startswith(ROOT + b"/devices/") else None


def _read(path: bytes) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return os.read(descriptor, _ATTRIBUTE_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        # Beside the ways in which it can be gone, a driver refuses what its hardware does not answer: EIO, EAGAIN, …
        return None
