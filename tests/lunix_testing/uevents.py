"""Events as the kernel makes them, for the tests of the pure cores."""

from lunix_natsdev.device import FromSysfs
from lunix_natsdev.uevent import Uevent, shown

USB = b"/devices/pci0000:00/0000:00:14.0/usb1/1-2"
STICK = USB + b"/1-2:1.0/host6/target6:0:0/6:0:0:0"
DISK = STICK + b"/block/sda"


def event(action: str, path: bytes, subsystem: str = "net", number: int = 1, /, **properties: str) -> Uevent:
    """An event with the properties that each has, and these."""
    return event_of(action, path, subsystem, number, properties)


def event_of(action: str, path: bytes, subsystem: str, number: int, properties: dict[str, str]) -> Uevent:
    """The same, with any names of properties."""
    own = {"ACTION": action, "DEVPATH": shown(path), "SUBSYSTEM": subsystem, "SEQNUM": str(number)}
    old = properties.get("DEVPATH_OLD")
    return Uevent(action, path, own | properties, number, old.encode() if old else None)


def found(inode: int, **attributes: str) -> FromSysfs:
    """What sysfs says."""
    return FromSysfs(inode, attributes)


def names(bus: str, vendor_id: str, product_id: str) -> tuple[str | None, str | None]:
    """A hardware data base of two devices."""
    known = {("usb", "0781", "5567"): ("SanDisk Corp.", "Cruzer Blade"), ("pci", "8086", "0d57"): ("Intel", None)}
    return known.get((bus, vendor_id, product_id), (None, None))
