"""How one device is described."""

from typing import Any

import pytest

from lunix_common.schemas.hardware import Device
from lunix_natsdev.device import Contents, FromSysfs, attributes_of, describe, is_device, name_of, subsystem_of
from lunix_natsdev.uevent import Uevent
from lunix_testing.uevents import DISK, STICK, USB, event, found, names

USB_EVENT = event("add", USB, "usb", DEVTYPE="usb_device", PRODUCT="781/5567/100", DEVNAME="bus/usb/001/002")
BLANK: dict[str, Any] = {"id": "d1", "subsystem": "block", "name": "x", "devpath": "/devices/x"}


def device(
    uevent: Uevent, sysfs: FromSysfs | None = None, parent: Device | None = None, contents: Contents | None = None
) -> Device:
    return describe(uevent, sysfs, id="d7", parent=parent, contents=contents, names=names)


def stick() -> Device:
    strings = {"idVendor": "0781", "idProduct": "5567", "manufacturer": "SanDisk", "serial": "4C53"}
    return describe(USB_EVENT, found(1, **strings), id="usb", parent=None, contents=None, names=names)


def test_a_usb_device_shows_its_own_strings_and_the_data_base_where_it_has_none() -> None:
    whole = stick()
    assert (whole.vendor_id, whole.product_id) == ("0781", "5567")
    assert (whole.vendor, whole.product, whole.serial) == ("SanDisk", "Cruzer Blade", "4C53")
    assert (whole.bus, whole.devnode, whole.usb) == ("usb", "/dev/bus/usb/001/002", None)


def test_a_usb_device_that_is_gone_from_sysfs_has_its_numbers_from_the_event() -> None:
    whole = device(USB_EVENT)
    assert (whole.vendor_id, whole.product_id, whole.vendor) == ("0781", "5567", "SanDisk Corp.")


def test_a_usb_device_of_which_nothing_is_known_has_no_numbers() -> None:
    assert device(event("add", USB, "usb", DEVTYPE="usb_device")).vendor_id is None


def test_a_usb_device_behind_a_hub_names_the_hub_as_parent_only() -> None:
    behind = device(USB_EVENT, parent=stick())
    assert (behind.parent, behind.usb) == ("usb", None)


def test_an_interface_of_a_usb_device_has_a_subsystem_of_its_own() -> None:
    interface = event("add", USB + b"/1-2:1.0", "usb", DEVTYPE="usb_interface")
    assert subsystem_of(interface) == "usb_interface"
    assert subsystem_of(USB_EVENT) == "usb"
    assert device(interface, parent=stick()).usb == "usb"


def test_a_disk_in_a_stick_shows_the_stick_it_hangs_from() -> None:
    scsi = device(event("add", STICK, "scsi", DEVTYPE="scsi_device"), found(2, vendor="Generic", model="?"), stick())
    disk_event = event("add", DISK, "block", DEVTYPE="disk", DEVNAME="sda", MAJOR="8", MINOR="0", DISKSEQ="9")
    disk = device(disk_event, found(3, size="2048", removable="1", ro="0"), scsi)
    assert (disk.bus, disk.transport, disk.usb, disk.vendor, disk.product) == (
        "usb", "usb", "usb", "SanDisk", "Cruzer Blade",
    )  # fmt: skip
    assert (disk.size_bytes, disk.removable, disk.read_only, disk.diskseq) == (2048 * 512, True, False, 9)
    assert (disk.devnode, disk.major, disk.minor) == ("/dev/sda", 8, 0)


def test_a_partition_takes_from_its_disk_what_sysfs_has_only_there() -> None:
    disk = Device(**BLANK, removable=True, diskseq=9, transport="usb", read_only=True)
    part = device(
        event("add", DISK + b"/sda1", "block", DEVTYPE="partition", PARTNAME="Home"), found(4, size="8"), disk
    )
    assert (part.removable, part.diskseq, part.transport, part.read_only) == (True, 9, "usb", True)
    assert (part.size_bytes, part.part_label) == (4096, "Home")


def test_a_disk_behind_ata_is_named_by_its_own_model() -> None:
    controller = device(event("add", b"/devices/pci0", "pci", PCI_ID="8086:0D57"))
    assert (controller.bus, controller.vendor, controller.vendor_id, controller.product_id) == (
        "pci", "Intel", "8086", "0d57",
    )  # fmt: skip
    path = b"/devices/pci0/ata1/host0/target0:0:0/0:0:0:0"
    disk = device(event("add", path, "scsi", DEVTYPE="scsi_device"), found(2, vendor="ATA", model="X 870"), controller)
    assert (disk.bus, disk.vendor, disk.product, disk.vendor_id) == ("ata", "ATA", "X 870", None)


def test_a_pci_device_with_a_strange_number_has_none() -> None:
    assert device(event("add", b"/devices/pci0", "pci", PCI_ID="80_6:0D57")).vendor_id is None


def test_a_serial_number_of_a_disks_own_replaces_the_inherited_one() -> None:
    disk = device(event("add", b"/devices/v/block/vda", "block", DEVTYPE="disk"), found(1, serial="S1"))
    assert (disk.serial, disk.removable, disk.size_bytes) == ("S1", None, None)


@pytest.mark.parametrize(
    ("name", "transport"),
    [(b"loop0", "loop"), (b"nvme0n1", "nvme"), (b"mmcblk0", "mmc"), (b"dm-3", "dm"), (b"sda", None), (b"loops", None)],
)
def test_the_transport_of_a_disk_follows_from_its_kind(name: bytes, transport: str | None) -> None:
    assert device(event("add", b"/devices/b/" + name, "block", DEVTYPE="disk"), found(1)).transport == transport


def test_what_a_probe_found_is_shown_and_the_rest_is_the_kernels() -> None:
    uevent = event("add", DISK, "block", DEVTYPE="disk", PARTUUID="11-01")
    disk = device(uevent, found(1), contents=Contents(fs_type="ext4", fs_label="x", fs_usage="filesystem"))
    assert (disk.fs_type, disk.fs_label, disk.fs_usage, disk.part_uuid) == ("ext4", "x", "filesystem", "11-01")


def test_what_udev_found_is_shown_with_its_escapes_undone() -> None:
    udev = {
        "DEVNAME": "/dev/sda1", "DEVLINKS": "/dev/disk/by-uuid/b /dev/disk/by-label/a", "ID_FS_TYPE": "vfat",
        "ID_FS_LABEL": "a_b", "ID_FS_LABEL_ENC": "a\\x20b\\xff", "ID_FS_USAGE": "strange", "ID_PART_TABLE_TYPE": "gpt",
        "ID_PART_ENTRY_NAME": "EFI",
    }  # fmt: skip
    disk = device(event("add", DISK, "block", DEVTYPE="disk", **udev), found(1))
    assert (disk.devnode, disk.links) == ("/dev/sda1", ["/dev/disk/by-label/a", "/dev/disk/by-uuid/b"])
    assert (disk.fs_type, disk.fs_label, disk.fs_usage) == ("vfat", "a b\\xff", "other")
    assert (disk.part_table, disk.part_label) == ("gpt", "EFI")


def test_facts_about_one_event_are_no_properties_of_the_device() -> None:
    shown = device(event("change", b"/devices/x", SYNTH_UUID="0", SYNTH_ARG_A="1", DRIVER="d"))
    assert shown.properties == {"SYNTH_ARG_A": "1", "DRIVER": "d"}
    assert shown.driver == "d"


@pytest.mark.parametrize("number", ["", "x", "-1", "²", "9" * 40])
def test_a_number_that_is_none_is_left_out(number: str) -> None:
    assert device(event("add", b"/devices/x", MAJOR=number)).major is None


def test_the_kernels_exclamation_mark_stands_for_a_slash() -> None:
    assert name_of(b"/devices/b/cciss!c0d0") == "cciss/c0d0"


def test_modules_and_queues_are_no_devices() -> None:
    assert is_device(event("add", b"/devices/x"))
    assert not is_device(event("add", b"/module/loop", "module"))
    assert not is_device(event("add", b"/devices/x/queues/rx-0", "queues"))


def test_of_most_devices_no_attribute_is_read() -> None:
    assert attributes_of("net", None) == ()
    assert "size" in attributes_of("block", "disk")
