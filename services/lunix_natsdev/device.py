"""One device as lunix shows it, made of the kernel's properties, sysfs, udev's properties and what is above it. Pure.

A device inherits what it hangs from: a disk in a stick shows the stick's vendor, product and serial number, and names
the stick as ``usb``. So each is described from its nearest parent alone.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lunix_common.schemas.hardware import Device
from lunix_natsdev.uevent import SYNTHETIC, Uevent, shown

Names = Callable[[str, str, str], tuple[str | None, str | None]]
"""``("usb", vendor id, product id)`` → the names of both in the hardware data base."""

SECTOR_BYTES = 512
"""sysfs counts a disk's size in these, whatever its own sectors are."""

# Kobjects that send uevents below /devices and are no devices: libudev does not enumerate them either.
NO_DEVICES = frozenset({"queues"})

_BUSES = frozenset({
    "acpi", "amba", "ccw", "i2c", "ieee1394", "mmc", "pci", "pcmcia", "platform", "pnp", "sdio", "serio", "spi",
    "thunderbolt", "usb", "virtio", "vmbus", "xen",
})  # fmt: skip
_ATTRIBUTES: Mapping[tuple[str, str | None], tuple[str, ...]] = {
    ("usb", "usb_device"): ("idVendor", "idProduct", "manufacturer", "product", "serial"),
    ("block", "disk"): ("size", "removable", "ro", "diskseq", "serial"),
    ("block", "partition"): ("size", "ro"),
    ("scsi", "scsi_device"): ("vendor", "model"),
    ("nvme", None): ("model", "serial"),
    ("mmc", None): ("name", "serial"),
}
# Facts about one event, which a device does not keep; SUBSYSTEM and DEVPATH have fields of their own.
_PASSING = frozenset({"ACTION", "SEQNUM", "DEVPATH", "SUBSYSTEM", "DEVPATH_OLD", SYNTHETIC})
_PCI_ID = re.compile(r"([0-9A-Fa-f]{4}):([0-9A-Fa-f]{4})")
_ATA = re.compile(rb"/ata[0-9]+/")
_KINDS = re.compile(r"(loop|zram|ram|dm|md|nbd|nvme|mmcblk|ubiblock|mtdblock)(?![a-z])")
_TRANSPORTS = {"mmcblk": "mmc"}
_INHERITED = ("bus", "vendor_id", "product_id", "vendor", "product", "serial", "usb")
_OF_THE_DISK = ("removable", "read_only", "transport", "diskseq")


@dataclass(frozen=True, slots=True)
class FromSysfs:
    """What sysfs said about a device."""

    inode: int
    attributes: Mapping[str, str | None]


class Contents(NamedTuple):
    """What is on a block device: the fields ``fs_*`` and ``part_*`` of ``Device``."""

    fs_type: str | None = None
    fs_label: str | None = None
    fs_uuid: str | None = None
    fs_usage: str | None = None
    part_table: str | None = None
    part_uuid: str | None = None
    part_label: str | None = None


def attributes_of(subsystem: str, devtype: str | None) -> tuple[str, ...]:
    """The sysfs attributes that such a device's description needs."""
    return _ATTRIBUTES.get((subsystem, devtype), ())


def is_device(event: Uevent) -> bool:
    """Whether the event is about a device, and not about a module, a driver or a queue."""
    return event.devpath.startswith(b"/devices/") and event.subsystem not in NO_DEVICES


def subsystem_of(event: Uevent) -> str:
    """The subsystem that the device is shown under: the interfaces of a USB device are not ``usb``."""
    interface = event.subsystem == "usb" and event.properties.get("DEVTYPE") == "usb_interface"
    return "usb_interface" if interface else event.subsystem


def describe(
    event: Uevent,
    found: FromSysfs | None,
    *,
    id: str,  # noqa: A002 - the name of the field
    parent: Device | None,
    contents: Contents | None,
    names: Names,
) -> Device:
    """The device after an event. ``found`` is ``None`` when it is gone from sysfs already."""
    properties = event.properties
    attributes: Mapping[str, str | None] = found.attributes if found else {}
    fields: dict[str, Any] = {name: getattr(parent, name) for name in _INHERITED} if parent else {}
    if parent is not None:
        fields["parent"] = parent.id
        if parent.subsystem == "usb":
            fields["usb"] = parent.id
    fields |= _own(event, attributes, names)
    if event.subsystem == "block":
        fields |= _block(event, attributes, parent, fields.get("bus"))
        fields |= filled(contents or Contents(), properties)
    return Device(
        id=id,
        subsystem=subsystem_of(event),
        name=name_of(event.devpath),
        devpath=shown(event.devpath),
        devtype=properties.get("DEVTYPE"),
        devnode=_devnode(properties),
        major=_number(properties.get("MAJOR")),
        minor=_number(properties.get("MINOR")),
        links=sorted(properties.get("DEVLINKS", "").split()),
        driver=properties.get("DRIVER"),
        properties={key: value for key, value in properties.items() if key not in _PASSING},
        **fields,
    )


def name_of(devpath: bytes) -> str:
    """The kernel's name; it writes ``!`` in paths for the ``/`` in a name."""
    return shown(devpath.rpartition(b"/")[2]).replace("!", "/")


def from_udev(properties: Mapping[str, str]) -> Contents:
    """What udevd's own probe found."""
    usage = properties.get("ID_FS_USAGE")
    return Contents(
        fs_type=properties.get("ID_FS_TYPE"),
        fs_label=_decoded(properties.get("ID_FS_LABEL_ENC")) or properties.get("ID_FS_LABEL"),
        fs_uuid=properties.get("ID_FS_UUID"),
        fs_usage=usage if usage in ("filesystem", "crypto", "raid", None) else "other",
        part_table=properties.get("ID_PART_TABLE_TYPE"),
        part_uuid=properties.get("ID_PART_ENTRY_UUID") or properties.get("PARTUUID"),
        part_label=_decoded(properties.get("ID_PART_ENTRY_NAME")) or properties.get("PARTNAME"),
    )


def filled(contents: Contents, properties: Mapping[str, str]) -> dict[str, str | None]:
    """What a probe found and, where it found nothing, what the properties tell: the kernel's have the partition's."""
    found = {key: value for key, value in contents._asdict().items() if value is not None}
    return from_udev(properties)._asdict() | found


def _own(event: Uevent, attributes: Mapping[str, str | None], names: Names) -> dict[str, Any]:
    """What the device says about itself, in place of what it would inherit."""
    subsystem = event.subsystem
    fields: dict[str, Any] = {"bus": subsystem} if subsystem in _BUSES else {}
    if subsystem == "usb" and event.properties.get("DEVTYPE") == "usb_device":
        return fields | _usb(event.properties, attributes, names)
    if subsystem == "pci":
        return fields | _pci(event.properties, names)
    model = attributes.get("model") or attributes.get("name")
    if model and b"/usb" not in event.devpath:
        # A disk's own model says more than the name of the controller that it hangs from.
        own = {"vendor": attributes.get("vendor"), "product": model, "serial": attributes.get("serial")}
        fields |= own | {"vendor_id": None, "product_id": None}
    elif attributes.get("serial"):
        fields["serial"] = attributes["serial"]
    if subsystem == "scsi" and _ATA.search(event.devpath):
        fields["bus"] = "ata"
    return fields


def _usb(properties: Mapping[str, str], attributes: Mapping[str, str | None], names: Names) -> dict[str, Any]:
    vendor_id, product_id = attributes.get("idVendor"), attributes.get("idProduct")
    if not vendor_id or not product_id:
        first, _, rest = properties.get("PRODUCT", "").partition("/")
        vendor_id, product_id = (part.zfill(4) if part else None for part in (first, rest.partition("/")[0]))
    vendor, product = names("usb", vendor_id, product_id) if vendor_id and product_id else (None, None)
    return {
        "vendor_id": vendor_id,
        "product_id": product_id,
        "vendor": attributes.get("manufacturer") or vendor,
        "product": attributes.get("product") or product,
        "serial": attributes.get("serial"),
        # A device behind a hub hangs from the hub, but ``usb`` names the whole device that something is a part of.
        "usb": None,
    }


def _pci(properties: Mapping[str, str], names: Names) -> dict[str, Any]:
    found = _PCI_ID.fullmatch(properties.get("PCI_ID", ""))
    if found is None:
        return {}
    vendor_id, product_id = found[1].lower(), found[2].lower()
    vendor, product = names("pci", vendor_id, product_id)
    return {"vendor_id": vendor_id, "product_id": product_id, "vendor": vendor, "product": product, "serial": None}


def _block(
    event: Uevent, attributes: Mapping[str, str | None], parent: Device | None, bus: str | None
) -> dict[str, Any]:
    size, read_only = _number(attributes.get("size")), attributes.get("ro")
    fields: dict[str, Any] = {}
    if event.properties.get("DEVTYPE") == "partition" and parent is not None:
        fields = {name: getattr(parent, name) for name in _OF_THE_DISK}
    else:
        removable, kind = attributes.get("removable"), _KINDS.match(name_of(event.devpath))
        fields["removable"] = None if removable is None else removable == "1"
        fields["transport"] = _TRANSPORTS.get(kind[1], kind[1]) if kind else bus
        fields["diskseq"] = _number(event.properties.get("DISKSEQ") or attributes.get("diskseq"))
    fields["size_bytes"] = None if size is None else size * SECTOR_BYTES
    if read_only is not None:
        fields["read_only"] = read_only == "1"
    return fields


def _devnode(properties: Mapping[str, str]) -> str | None:
    name = properties.get("DEVNAME")
    if not name:
        return None
    # udev tells the whole path, the kernel the part below /dev.
    return name if name.startswith("/dev/") else f"/dev/{name}"


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 20 else None


def _decoded(text: str | None) -> str | None:
    r"""The text with udev's ``\xNN`` escapes undone where the bytes are UTF-8."""
    if text is None or "\\x" not in text:
        return text
    pieces = re.split(r"\\x([0-9a-fA-F]{2})", text)
    raw = b"".join(bytes([int(piece, 16)]) if odd % 2 else piece.encode() for odd, piece in enumerate(pieces))
    return shown(raw)
