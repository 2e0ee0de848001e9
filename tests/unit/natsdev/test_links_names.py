"""What device nodes may be called: the names that udev gives, from what sysfs shows of a device and its parents."""

import pytest

from lunix_natsdev.manage.link_names import Ancestor, by_path, diskseq, is_worth_probing, names
from lunix_natsdev.probed import Probed, decode


def disk(name: str = "sda", **attributes: str | bytes) -> Ancestor:
    return Ancestor(name, "block", "disk", attributes=texts(attributes))


def part(number: int, name: str = "sda") -> Ancestor:
    return Ancestor(f"{name}{number}", "block", "partition", attributes={"partition": b"%d" % number})


def texts(attributes: dict[str, str | bytes]) -> dict[str, bytes]:
    pairs = ((key.replace("__", "/"), value) for key, value in attributes.items())
    return {key: value.encode() if isinstance(value, str) else value for key, value in pairs}


SCSI = Ancestor("6:0:0:0", "scsi", "scsi_device", attributes={"vendor": b"SanDisk ", "model": b"Ultra Fit       "})
SCSI_PARENTS = (Ancestor("target6:0:0", "scsi", "scsi_target"), Ancestor("host6", "scsi", "scsi_host"))
INTERFACE = Ancestor("1-2.1:1.0", "usb", "usb_interface", attributes={"bInterfaceNumber": b"00"})
STRINGS = {"serial": "4C5300", "manufacturer": "SanDisk", "product": "Ultra", "idVendor": "0781", "idProduct": "5583"}
USB = Ancestor("1-2.1", "usb", "usb_device", attributes={key: value.encode() for key, value in STRINGS.items()})
HUB = Ancestor("usb1", "usb", "usb_device", attributes={"serial": b"0000:00:14.0"})
CONTROLLER = Ancestor("0000:00:14.0", "pci")
STICK = (SCSI, *SCSI_PARENTS, INTERFACE, USB, HUB, CONTROLLER, Ancestor("0000:00:01.0", "pci"))


def test_a_stick_is_called_by_its_model_serial_and_way() -> None:
    assert names([disk(), *STICK], None) == [
        "disk/by-id/usb-SanDisk_Ultra_Fit_4C5300-0:0",
        "disk/by-path/pci-0000:00:14.0-usb-0:2.1:1.0-scsi-0:0:0:0",
    ]


def test_a_partition_is_called_by_its_disk_and_its_number() -> None:
    assert names([part(2), disk(), *STICK], None) == [
        "disk/by-id/usb-SanDisk_Ultra_Fit_4C5300-0:0-part2",
        "disk/by-path/pci-0000:00:14.0-usb-0:2.1:1.0-scsi-0:0:0:0-part2",
    ]


def test_a_usb_disk_without_scsi_is_called_by_the_devices_own_strings() -> None:
    assert names([disk(), INTERFACE, USB], None)[0] == "disk/by-id/usb-SanDisk_Ultra_4C5300"
    nameless = Ancestor("1-1", "usb", "usb_device", attributes={"idVendor": b"0781", "idProduct": b"5583"})
    assert names([disk(), nameless], None) == ["disk/by-id/usb-0781_5583"]


def test_an_ata_disk_is_called_by_what_it_answers_to_identify() -> None:
    identify = bytearray(512)
    identify[20:40] = swapped(b"S1234".rjust(20))
    identify[54:94] = swapped(b"Samsung SSD 850".ljust(40))
    attributes = {"vpd_pg89": bytes(60) + bytes(identify), "wwid": b"naa.5002538d40f1a2b3"}
    scsi = Ancestor("2:0:0:0", "scsi", "scsi_device", attributes=attributes)
    port = Ancestor("ata7", "ata_port", attributes={"ata_port/ata7/port_no": b"3"})
    assert names([disk(), scsi, port, CONTROLLER], None) == [
        "disk/by-id/ata-Samsung_SSD_850_S1234",
        "disk/by-id/wwn-0x5002538d40f1a2b3",
        "disk/by-path/pci-0000:00:14.0-ata-3.0",
        "disk/by-path/pci-0000:00:14.0-ata-3",
    ]
    multiplied = Ancestor("2:4:0:0", "scsi", "scsi_device")
    assert by_path([disk(), multiplied, port, CONTROLLER]) == "pci-0000:00:14.0-ata-3.4.0"


def swapped(text: bytes) -> bytes:
    return b"".join(text[at + 1 : at + 2] + text[at : at + 1] for at in range(0, len(text), 2))


def test_a_scsi_disk_that_says_nothing_has_only_its_way() -> None:
    scsi = Ancestor("2:0:1:0", "scsi", "scsi_device", attributes={"vpd_pg89": bytes(60 + 94), "wwid": b"t10.ATA"})
    assert names([disk(), scsi, CONTROLLER], None) == ["disk/by-path/pci-0000:00:14.0-scsi-0:0:1:0"]
    assert by_path([disk(), Ancestor("odd", "scsi", "scsi_device"), CONTROLLER]) == "pci-0000:00:14.0"


def test_an_nvme_namespace_is_called_by_its_controller_and_its_own_number() -> None:
    controller = Ancestor("nvme0", "nvme", attributes=texts({"model": "WD Black ", "serial": " 1234 "}))
    namespace = Ancestor("nvme0n1", "block", "disk", attributes=texts({"wwid": "eui.001b44", "nsid": "2"}))
    assert names([namespace, controller, CONTROLLER], None) == [
        "disk/by-id/nvme-WD_Black_1234",
        "disk/by-id/nvme-eui.001b44",
        "disk/by-path/pci-0000:00:14.0-nvme-2",
    ]
    assert names([disk("nvme0n1"), Ancestor("nvme0", "nvme")], None) == ["disk/by-path/nvme-1"]


def test_a_memory_card_and_a_virtual_disk_are_called_by_their_serial_numbers() -> None:
    card = Ancestor("mmc0:0001", "mmc", attributes=texts({"name": "SD32G", "serial": "0x1234abcd"}))
    host = Ancestor("3f202000.mmc", "platform")
    assert names([disk("mmcblk0"), card, Ancestor("mmc0", "mmc_host"), host], None) == [
        "disk/by-id/mmc-SD32G_0x1234abcd",
        "disk/by-path/platform-3f202000.mmc",
    ]
    virtio = Ancestor("virtio2", "virtio")
    assert names([disk("vda", serial="my-data"), virtio, CONTROLLER], None) == [
        "disk/by-id/virtio-my-data",
        "disk/by-path/pci-0000:00:14.0",
    ]
    assert names([disk("vda"), virtio, CONTROLLER], None) == ["disk/by-path/pci-0000:00:14.0"]


def test_a_mapped_device_is_called_by_its_name() -> None:
    mapped = disk("dm-0", dm__name="my root", dm__uuid="CRYPT-LUKS2-0011")
    assert names([mapped], None) == [
        r"disk/by-id/dm-name-my\x20root",
        "disk/by-id/dm-uuid-CRYPT-LUKS2-0011",
        r"mapper/my\x20root",
    ]


def test_an_acpi_device_is_part_of_the_way() -> None:
    assert by_path([disk(), Ancestor("PNP0F03:00", "acpi")]) == "acpi-PNP0F03:00"


def test_what_is_on_a_device_gives_it_names() -> None:
    probed = Probed(
        type="vfat", usage="filesystem", uuid="ABCD-1234", raw_label=b"my stick", part_uuid="12345678-01",
        raw_part_label=b"EFI System",
    )  # fmt: skip
    assert names([disk()], probed) == [
        "disk/by-uuid/ABCD-1234",
        r"disk/by-label/my\x20stick",
        "disk/by-partuuid/12345678-01",
        r"disk/by-partlabel/EFI\x20System",
    ]


@pytest.mark.parametrize("usage", ["raid", None])
def test_what_only_holds_a_part_of_something_has_no_name_of_the_whole(usage: str | None) -> None:
    probed = decode(b"uuid\0u\0label\0l\0" + (f"usage\0{usage}\0".encode() if usage else b""))
    assert names([disk()], probed) == []


def test_an_empty_device_has_no_names() -> None:
    assert names([disk("loop0")], Probed()) == []
    assert names([disk("loop0")], Probed(usage="filesystem")) == []
    assert names([disk("ram0")], Probed(usage="filesystem", uuid="u")) == []


def test_a_serial_adapter_is_called_by_its_model_interface_and_port() -> None:
    port = Ancestor("ttyUSB0", "usb-serial", attributes={"port_number": b"0"})
    tty = Ancestor("ttyUSB0", "tty")
    assert names([tty, port, INTERFACE, USB, HUB, CONTROLLER], None) == [
        "serial/by-id/usb-SanDisk_Ultra_4C5300-if00-port0",
        "serial/by-path/pci-0000:00:14.0-usb-0:2.1:1.0-port0",
    ]
    nameless = Ancestor("1-1", "usb", "usb_device", attributes={"idVendor": b"0403", "idProduct": b"6001"})
    assert names([tty, Ancestor("i", "usb", "usb_interface"), nameless], None)[0] == "serial/by-id/usb-0403_6001-if"


def test_a_serial_adapter_without_a_known_way_has_no_name_for_it() -> None:
    interface = Ancestor("gadget", "usb", "usb_interface")
    assert len(names([Ancestor("ttyACM0", "tty"), interface, USB], None)) == 2
    bare = Ancestor("gadget", "platform-less", "usb_interface")
    assert names([Ancestor("ttyACM0", "tty"), bare, USB], None) == ["serial/by-id/usb-SanDisk_Ultra_4C5300-if"]


def test_other_devices_have_no_other_names() -> None:
    assert names([Ancestor("tty1", "tty")], None) == []
    assert names([Ancestor("event0", "input"), INTERFACE, USB], None) == []


def test_an_interface_alone_has_no_way() -> None:
    interface = Ancestor("i", "usb", "usb_interface")
    usb = Ancestor("u", "usb", "usb_device")
    assert names([Ancestor("ttyACM0", "tty"), Ancestor("x", "usb", "usb_device"), usb], None) == []
    assert names([Ancestor("ttyACM0", "tty"), interface], None) == []


def test_the_number_of_the_disk_is_known_for_its_partitions_too() -> None:
    assert diskseq([disk(diskseq="7")]) == 7
    assert diskseq([part(1), disk(diskseq="7")]) == 7
    assert diskseq([part(1), disk()]) is None
    assert diskseq([disk(diskseq="many")]) is None


def test_only_what_may_hold_something_is_probed() -> None:
    assert is_worth_probing("sda1", 512)
    assert not is_worth_probing("sr0", 0)
    assert not is_worth_probing("sda", None)
    assert not is_worth_probing("zram0", 512)
    assert not is_worth_probing("fd0", 512)
