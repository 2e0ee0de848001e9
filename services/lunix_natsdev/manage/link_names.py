"""What a device node may be called beside its name: ``by-id``, ``by-path``, ``by-uuid``, ``by-label``, ``by-partuuid``.

The names are those that udev's ``60-persistent-storage.rules``, ``60-serial.rules``, ``usb_id`` and ``path_id`` give,
so that an fstab which was written with udev goes on to work. Pure: the device and its parents in, names out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lunix_natsdev.manage.links import encode, squeeze
from lunix_natsdev.probed import Probed


@dataclass(frozen=True)
class Ancestor:
    """A device or one of its parents, as sysfs shows it."""

    name: str
    subsystem: str = ""
    devtype: str = ""
    driver: str = ""
    attributes: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """Files of its folder (``device/model``, too), without the line break at the end."""

    def text(self, attribute: str) -> str:
        """An attribute's text; empty where there is none."""
        return self.attributes.get(attribute, b"").decode("utf-8", "replace").strip()


Chain = Sequence[Ancestor]
"""A device, its parent, that one's parent and so on."""


NAMED = frozenset({"block", "tty"})
"""The subsystems whose devices have other names; only for these what is above a device matters."""


def names(chain: Chain, probed: Probed | None) -> list[str]:
    """All names for this device, below ``/dev``."""
    if chain[0].subsystem == "block":
        return [*_disk_names(chain), *_content_names(probed)] if not chain[0].name.startswith("ram") else []
    if chain[0].subsystem == "tty":
        return list(_serial_names(chain))
    return []


def _content_names(probed: Probed | None) -> Iterator[str]:
    if probed is None:
        return
    # What an array or a volume group is made of has the UUID of the whole: no link can say which part is meant.
    if probed.usage in {"filesystem", "other", "crypto"}:
        if probed.uuid:
            yield f"disk/by-uuid/{encode(probed.uuid)}"
        if probed.raw_label:
            yield f"disk/by-label/{encode(probed.raw_label)}"
    if probed.part_uuid:
        yield f"disk/by-partuuid/{encode(probed.part_uuid)}"
    if probed.raw_part_label:
        yield f"disk/by-partlabel/{encode(probed.raw_part_label)}"


def _disk_names(chain: Chain) -> Iterator[str]:
    partition = chain[0].text("partition")
    disk = chain[1:] if partition and len(chain) > 1 else chain
    suffix = f"-part{partition}" if partition else ""
    for identity in _disk_ids(disk):
        yield f"disk/by-id/{identity}{suffix}"
    paths = (by_path(disk), by_path(disk, unit=False))
    for path in dict.fromkeys(filter(None, paths)):
        yield f"disk/by-path/{path}{suffix}"
    mapper = disk[0].text("dm/name")
    if mapper and not partition:
        yield f"mapper/{encode(mapper)}"


def _disk_ids(disk: Chain) -> Iterator[str]:
    block = disk[0]
    if block.text("dm/name"):
        yield f"dm-name-{encode(block.text('dm/name'))}"
    if block.text("dm/uuid"):
        yield f"dm-uuid-{encode(block.text('dm/uuid'))}"
    for ancestor in disk[1:]:
        if ancestor.subsystem == "usb" and ancestor.devtype == "usb_device":
            yield f"usb-{_usb_storage_id(disk, ancestor)}"
            return
        if ancestor.subsystem == "virtio":
            if block.text("serial"):
                yield f"virtio-{squeeze(block.text('serial'))}"
            return
        if ancestor.subsystem == "nvme":
            yield from _nvme_ids(block, ancestor)
            return
        if ancestor.subsystem == "mmc":
            yield f"mmc-{squeeze(ancestor.text('name'))}_{squeeze(ancestor.text('serial'))}"
            return
        if ancestor.subsystem == "scsi" and ancestor.devtype == "scsi_device":
            yield from _scsi_ids(ancestor)


def _usb_storage_id(disk: Chain, usb: Ancestor) -> str:
    scsi = next((ancestor for ancestor in disk if ancestor.devtype == "scsi_device"), None)
    vendor = squeeze(scsi.text("vendor") if scsi else usb.text("manufacturer")) or usb.text("idVendor")
    model = squeeze(scsi.text("model") if scsi else usb.text("product")) or usb.text("idProduct")
    parts = [vendor, model, squeeze(usb.text("serial"))]
    identity = "_".join(filter(None, parts))
    # Several units of one card reader differ in target and unit alone.
    return f"{identity}-{':'.join(scsi.name.split(':')[2:4])}" if scsi else identity


def _nvme_ids(block: Ancestor, controller: Ancestor) -> Iterator[str]:
    model, number = squeeze(controller.text("model")), squeeze(controller.text("serial"))
    if model and number:
        yield f"nvme-{model}_{number}"
    if block.text("wwid"):
        yield f"nvme-{encode(block.text('wwid'))}"


def _scsi_ids(scsi: Ancestor) -> Iterator[str]:
    # Page 89h is what an ATA drive answers to IDENTIFY: words in which every two bytes are swapped, as the model is.
    page = scsi.attributes.get("vpd_pg89", b"")
    if len(page) >= 60 + 94:
        identify = page[60:]
        number, model = (squeeze(_swapped(identify[start:end])) for start, end in ((20, 40), (54, 94)))
        if model and number:
            yield f"ata-{model}_{number}"
    wwid = scsi.text("wwid")
    if wwid.startswith("naa."):
        yield f"wwn-0x{squeeze(wwid[4:])}"


def _swapped(words: bytes) -> bytes:
    return b"".join(words[at + 1 : at + 2] + words[at : at + 1] for at in range(0, len(words), 2))


def by_path(chain: Chain, *, unit: bool = True) -> str:
    """The way to the device, udev's ``ID_PATH``: ``pci-0000:00:14.0-usb-0:2:1.0-scsi-0:0:0:0``, or nothing.

    Without ``unit`` an ATA disk is called by its port alone, as udev did before and still does too.
    """
    pieces: list[str] = []
    for at, parent in enumerate(chain[1:], 1):
        piece = _path_piece(chain, at, parent, unit)
        # Behind a USB interface or a platform device the parents of the same kind say it again.
        if piece and not (pieces and pieces[-1].partition("-")[0] == piece.partition("-")[0]):
            pieces.append(piece)
    return "-".join(reversed(pieces))


def _path_piece(chain: Chain, at: int, parent: Ancestor, unit: bool) -> str:
    if parent.subsystem == "scsi" and parent.devtype == "scsi_device":
        return _scsi_piece(chain[at:], parent, unit)
    if parent.subsystem == "usb" and parent.devtype == "usb_interface":
        return f"usb-0:{parent.name.partition('-')[2]}"
    if parent.subsystem == "pci":
        # Of the chain of bridges only the device itself counts.
        return "" if any(before.subsystem == "pci" for before in chain[:at]) else f"pci-{parent.name}"
    if parent.subsystem == "nvme":
        return f"nvme-{chain[0].text('nsid') or '1'}"
    if parent.subsystem in {"platform", "acpi"}:
        return f"{parent.subsystem}-{parent.name}"
    return ""


def _scsi_piece(above: Chain, scsi: Ancestor, unit: bool) -> str:
    address = scsi.name.split(":")
    if len(address) != 4:
        return ""
    _host, bus, target, _lun = address
    for port in above:
        if port.subsystem == "ata_port":
            number = port.text(f"ata_port/{port.name}/port_no")
            # Behind a port multiplier disks differ in the bus, otherwise, as master and slave, in the target.
            place = f"{bus}.0" if bus != "0" else target
            return f"ata-{number}.{place}" if unit else f"ata-{number}"
    # The number of the host is the order of plugging, which says nothing: behind one controller it counts from 0.
    return ":".join(("scsi-0", *address[1:]))


def _serial_names(chain: Chain) -> Iterator[str]:
    usb = next((ancestor for ancestor in chain if ancestor.devtype == "usb_device"), None)
    interface = next((ancestor for ancestor in chain if ancestor.devtype == "usb_interface"), None)
    if usb is None or interface is None:
        return
    port = next((ancestor.text("port_number") for ancestor in chain if ancestor.text("port_number")), "")
    suffix = f"-port{port}" if port else ""
    vendor = squeeze(usb.text("manufacturer")) or usb.text("idVendor")
    model = squeeze(usb.text("product")) or usb.text("idProduct")
    identity = "_".join(filter(None, (vendor, model, squeeze(usb.text("serial")))))
    yield f"serial/by-id/usb-{identity}-if{squeeze(interface.text('bInterfaceNumber'))}{suffix}"
    path = by_path(chain)
    if path:
        yield f"serial/by-path/{path}{suffix}"


def is_worth_probing(name: str, size_bytes: int | None) -> bool:
    """Whether to look for a file system: not on what has no medium, nor on what makes a noise or cannot hold one."""
    return bool(size_bytes) and not name.startswith(_NOT_PROBED)


_NOT_PROBED = ("ram", "zram", "fd", "mtd", "nbd")


def diskseq(chain: Chain) -> int | None:
    """The kernel's number of the disk that this is or is a part of."""
    number = next((found for found in (ancestor.text("diskseq") for ancestor in chain[:2]) if found), "")
    return int(number) if number.isascii() and number.isdigit() else None
