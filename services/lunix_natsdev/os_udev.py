"""libudev through pyudev: udevd's data base of the devices that are there. Its events come by netlink, see ``source``.

Properties are taken as bytes from libudev's lists: pyudev's own mapping looks each one up again, and raises for bytes
that are not UTF-8.
"""

from collections.abc import Iterator
from typing import Any

import pyudev
from pyudev import _util

from lunix_natsdev.uevent import Malformed, Uevent, shown

# pyudev has no type annotations.
_pyudev: Any = pyudev
_untyped_util: Any = _util


def is_usable() -> bool:
    """Whether libudev itself is there; pyudev looks for it when it is first needed."""
    try:
        _pyudev.Context()
    except (ImportError, OSError):
        return False
    return True


def present() -> Iterator[Uevent]:
    """Every device that is there, parents first."""
    devices = [_event(device) for device in _pyudev.Context().list_devices()]
    yield from sorted((event for event in devices if isinstance(event, Uevent)), key=lambda event: event.devpath)


def _event(device: Any) -> Uevent | Malformed:
    libudev = device._libudev  # noqa: SLF001 - see the module's docstring
    entries = _untyped_util.udev_list_iterate(libudev, libudev.udev_device_get_properties_list_entry(device))
    raw: dict[bytes, bytes] = {bytes(key): bytes(value or b"") for key, value in entries}
    devpath, seqnum = raw.get(b"DEVPATH", b""), raw.get(b"SEQNUM", b"0")
    if not devpath.startswith(b"/") or not raw.get(b"SUBSYSTEM") or not seqnum.isdigit():
        return Malformed("it has no DEVPATH, SUBSYSTEM or SEQNUM", shown(devpath[:64]))
    properties = {shown(key): shown(value) for key, value in raw.items()}
    old = raw.get(b"DEVPATH_OLD")
    return Uevent(properties.get("ACTION", "add"), devpath, properties, int(seqnum), old)
