r"""The uevents of the kernel and of udevd, from bytes to a record. Pure, in linear time, and no input makes it raise.

    add@/devices/virtual/net/eth0 NUL ACTION=add NUL DEVPATH=/devices/virtual/net/eth0 NUL SUBSYSTEM=net NUL … SEQNUM=7

udevd sends the same properties, and those that its rules found, behind a header of 40 bytes. Sources:
``kobject_uevent_env`` in the kernel's ``lib/kobject_uevent.c``, ``monitor_netlink_header`` in systemd's
``src/libsystemd/sd-device/device-monitor.c``. Names and values are whatever a device or a
user gave: any bytes but NUL. In properties those that are not UTF-8 stand as ``\xNN``; paths are kept as bytes, because
they name files below ``/sys``.
"""

import re
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

SYNTHETIC = "SYNTH_UUID"
"""The property of an event that a program asked for by a write to the device's ``uevent`` file."""

_HEADER = re.compile(rb"([a-z]{1,32})@((?:/[^/\0]+)+)")
_ACTION = re.compile(r"[a-z]{1,32}")
_PATH = re.compile(rb"(?:/[^/\0]+)+")
_UDEV_HEADER = struct.Struct("=8s4sIII")
"""Prefix, magic, size of the header, where the properties begin, how long they are; hashes for filters follow."""
_UDEV = (b"libudev\0", b"\xfe\xed\xca\xfe")
_NUMBER = re.compile(r"[0-9]{1,20}")


class Uevent(NamedTuple):
    """What happened to a device, as the kernel (or udevd after it) told it."""

    action: str
    devpath: bytes
    """Below ``/sys``: ``/devices/virtual/net/eth0``."""
    properties: Mapping[str, str]
    """All of the datagram's, with ACTION, DEVPATH and SUBSYSTEM."""
    seqnum: int
    """The kernel's count of events. Events of two devices may arrive out of its order."""
    old_devpath: bytes | None = None
    """After a rename: where it was."""

    @property
    def subsystem(self) -> str:
        """The kernel's subsystem: ``net``, ``block``, ``usb``."""
        return self.properties["SUBSYSTEM"]

    @property
    def synthetic(self) -> str | None:
        """The mark that the program which asked for this event gave it; ``0`` where it gave none."""
        return self.properties.get(SYNTHETIC)


class Malformed(NamedTuple):
    """A datagram that is no uevent."""

    reason: str
    start: str
    """Its first bytes, for the log."""


def parse(datagram: bytes) -> Uevent | Malformed:
    """Read one datagram of the kernel's multicast group."""
    head, _, body = datagram.partition(b"\0")
    found = _HEADER.fullmatch(head)
    if found is None:
        return _malformed("it does not begin with ACTION@DEVPATH", datagram)
    action, devpath = found[1].decode(), found[2]
    if b"/../" in devpath + b"/":
        return _malformed("its path leads upwards", datagram)
    properties = pairs(body.decode("utf-8", "backslashreplace").split("\0"))
    seqnum = properties.get("SEQNUM", "")
    if properties.get("ACTION") != action or properties.get("DEVPATH") != shown(devpath):
        return _malformed("its header and its properties tell different things", datagram)
    if not properties.get("SUBSYSTEM") or not _NUMBER.fullmatch(seqnum):
        return _malformed("it has no SUBSYSTEM or no SEQNUM", datagram)
    return Uevent(action, devpath, properties, int(seqnum), _path(body, b"DEVPATH_OLD=") if action == "move" else None)


def parse_processed(datagram: bytes) -> Uevent | Malformed:
    """Read one datagram of udevd's multicast group."""
    if len(datagram) < _UDEV_HEADER.size:
        return _malformed("it is too short for udevd's", datagram)
    prefix, magic, _size, begin, length = _UDEV_HEADER.unpack_from(datagram)
    if (prefix, magic) != _UDEV:
        return _malformed("it does not begin as udevd's do", datagram)
    body = datagram[begin : begin + length]
    properties = pairs(body.decode("utf-8", "backslashreplace").split("\0"))
    action, seqnum, devpath = properties.get("ACTION", ""), properties.get("SEQNUM", ""), _path(body, b"DEVPATH=")
    if devpath is None or not _ACTION.fullmatch(action):
        return _malformed("it has no ACTION or no DEVPATH", datagram)
    if b"/../" in devpath + b"/":
        return _malformed("its path leads upwards", datagram)
    if not properties.get("SUBSYSTEM") or not _NUMBER.fullmatch(seqnum):
        return _malformed("it has no SUBSYSTEM or no SEQNUM", datagram)
    return Uevent(action, devpath, properties, int(seqnum), _path(body, b"DEVPATH_OLD=") if action == "move" else None)


def pairs(fields: Iterable[str]) -> dict[str, str]:
    """``KEY=VALUE`` texts as a dictionary.

    Of a repeated key the first counts: the kernel writes its own before what comes from a driver or a device. Fields
    without ``=`` are none.
    """
    found: dict[str, str] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if equals and key not in found:
            found[key] = value
    return found


def shown(name: bytes) -> str:
    r"""The name as text, with ``\xNN`` for each byte that is not UTF-8."""
    return name.decode("utf-8", "backslashreplace")


def _path(body: bytes, key: bytes) -> bytes | None:
    """The first path of this key, as bytes; ``None`` where there is none that could be one."""
    begin = 0 if body.startswith(key) else body.find(b"\0" + key) + 1
    if not body.startswith(key, begin):
        return None
    found = _PATH.fullmatch(body[begin:].partition(b"\0")[0].partition(b"=")[2])
    return found[0] if found else None


def _malformed(reason: str, datagram: bytes) -> Malformed:
    return Malformed(reason, shown(datagram[:64]))
