"""Which block device is meant."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.hardware import Device
from lunix_common.schemas.mount import MountRequest
from lunix_mount import volumes
from lunix_mount.mountinfo import Record
from lunix_mount.volumes import Index, Volume

STICK = "/devices/pci/usb1/1-2/host0/block/sda"


def device(name: str, devpath: str | None = None, **more: Any) -> Device:
    fields: dict[str, Any] = {
        "id": f"id-{name}",
        "subsystem": "block",
        "devnode": f"/dev/{name}",
        "major": 8,
        "minor": 1,
    } | more
    return Device(name=name, devpath=devpath or f"{STICK}/{name}", **fields)


def holding(name: str, fs_type: str = "vfat", **more: Any) -> Device:
    return device(name, fs_type=fs_type, fs_usage=more.pop("fs_usage", "filesystem"), **more)


DISK = device("sda", STICK, part_table="dos", usb="id-usb")
FIRST, SECOND = holding("sda1", usb="id-usb", fs_label="ONE"), holding("sda2", usb="id-usb", fs_label="TWO")
TENTH = holding("sda10", usb="id-usb")


def names(devices: list[Device]) -> list[str]:
    return [one.name for one in devices]


@given(st.permutations([DISK, FIRST, SECOND, TENTH]))
def test_the_volumes_of_a_device_come_in_the_order_of_their_partitions(every: list[Device]) -> None:
    for meant in (volumes.below("id-usb", None), volumes.below("id-sda", STICK), volumes.below("x", "/devices/pci")):
        assert names(volumes.found(every, meant)) == ["sda1", "sda2", "sda10"]


def test_a_partition_is_its_own_volume() -> None:
    assert names(volumes.found([DISK, FIRST, SECOND], volumes.below("id-sda2", f"{STICK}/sda2"))) == ["sda2"]


def test_paths_that_only_begin_alike_are_not_below() -> None:
    assert not volumes.found([FIRST], volumes.below("x", "/devices/p"))


def test_below_a_disk_that_is_a_volume_there_is_none_of_its_own() -> None:
    disc = holding("sda", "iso9660", devpath=STICK, part_table="dos")
    assert names(volumes.found([disc, FIRST], lambda _device: True)) == ["sda"]


def test_volumes_by_label_uuid_and_node() -> None:
    known = holding("sdb1", fs_uuid="ABCD-1234", fs_label="a/b", links=["/dev/disk/by-uuid/ABCD-1234"])
    assert volumes.with_uuid("abcd-1234")(known)
    assert not volumes.with_uuid("abcd-1235")(known)
    assert not volumes.with_uuid("abcd-1234")(DISK)
    assert volumes.with_label("a/b")(known)
    assert not volumes.with_label("b")(known)
    assert volumes.at("/dev/sdb1")(known)
    assert volumes.at("/dev/disk/by-uuid/ABCD-1234")(known)
    assert not volumes.at("/dev/sdb")(known)


def test_what_is_no_file_system_is_no_volume() -> None:
    assert not volumes.is_volume(holding("sda1", "swap", fs_usage="other"))
    assert not volumes.is_volume(DISK)
    assert not volumes.is_volume(holding("sda1", devnode=None))


def test_why_something_cannot_be_mounted() -> None:
    locked = holding("sda1", "crypto_LUKS", fs_usage="crypto")
    assert volumes.why_none([DISK, locked], volumes.at("/dev/sda1")) == (
        "/dev/sda1 holds crypto_LUKS: open what is inside of it first"
    )
    assert volumes.why_none([DISK, locked], volumes.at("/dev/sda")) is None
    assert volumes.why_none([], volumes.at("/dev/sda")) is None


def test_what_looks_removable() -> None:
    assert volumes.looks_removable(device("sda1", removable=True), [])
    assert volumes.looks_removable(device("sda1", transport="usb"), [])
    assert not volumes.looks_removable(device("sda1", transport="ata", removable=False), ["sd[b-z]*"])
    assert volumes.looks_removable(device("mmcblk1p2"), ["mmcblk1"])
    assert not volumes.looks_removable(device("mmcblk10p2"), ["mmcblk1"])
    assert volumes.looks_removable(device("loop3"), ["loop*"])


def test_only_nodes_below_dev_are_looked_at() -> None:
    assert volumes.node_path("/dev//disk/../sda1") == "/dev/sda1"
    for path in ("/dev", "/dev/../home/ada/link", "/dev/shm/link", "/dev/fd/3", "/home/x", "x", "/dev/a\0b"):
        assert volumes.node_path(path) is None


def test_two_are_of_one_disk_by_its_number() -> None:
    assert volumes.are_of_one_disk(device("sda1", diskseq=4), device("sda2", diskseq=4))
    assert not volumes.are_of_one_disk(device("sda1", diskseq=4), device("sdb1", diskseq=5))
    assert not volumes.are_of_one_disk(device("sda1"), device("sdb1"))
    assert volumes.are_of_one_disk(device("sda1"), device("sda1"))
    assert not volumes.are_of_one_disk(None, device("sdb1"))


def test_a_volume_is_what_natsdev_tells() -> None:
    told = holding("sda1", usb="id-usb", fs_label="ONE", fs_uuid="AB", diskseq=7)
    assert volumes.volume(told) == Volume("/dev/sda1", "vfat", "ONE", "AB", "id-sda1", "id-usb", (8, 1), 7)
    assert volumes.volume(holding("sda1", major=None)).number is None


def record(major: int, minor: int, source: bytes) -> Record:
    return Record(30, 1, major, minor, b"/", b"/a", (), "ext4", source, ())


def test_a_mount_has_its_device_by_number_or_where_that_is_none_by_node() -> None:
    index = Index({"id-sda1": FIRST})
    assert index.of(record(8, 1, b"/dev/anything")) is FIRST
    assert index.of(record(8, 9, b"/dev/sda1")) is None
    assert index.of(record(0, 40, b"/dev/sda1")) is FIRST
    assert index.of(record(0, 40, b"tmpfs")) is None


@given(st.lists(st.integers(0, 200), min_size=1, max_size=6, unique=True))
def test_numbers_in_names_count_as_numbers(numbers: list[int]) -> None:
    shown = sorted((f"sda{number}" for number in numbers), key=volumes.natural)
    assert shown == [f"sda{number}" for number in sorted(numbers)]


def test_of_what_is_missing_it_is_told_what_there_is() -> None:
    every = [FIRST, SECOND, holding("sdb1", fs_uuid="ABCD-1234", fs_label="{x}\x1b]52"), device("sdc")]
    for asked, told in (
        ({"label": "HOLIDAY"}, r"there is no volume with the label 'HOLIDAY': there are 'ONE', 'TWO', '{x}\x1b]52'"),
        ({"label": "TVO"}, "there is no volume with the label 'TVO': did you mean 'TWO'?"),
        ({"uuid": "abcd-1235"}, "there is no volume with the UUID 'abcd-1235': there are 'ABCD-1234'"),
        ({"device": "id-sdc"}, "no file system has appeared on 'id-sdc'"),
    ):
        assert volumes.missing(MountRequest.model_validate(asked), every) == told
    nothing = volumes.missing(MountRequest(label="ONE"), [device("sdc")])
    assert nothing == "there is no volume with the label 'ONE': there is none with any"


@given(st.text(min_size=1, max_size=255), st.lists(st.text(max_size=40), max_size=40))
def test_no_label_gets_into_the_text_as_it_is(wanted: str, labels: list[str]) -> None:
    every = [holding(f"sd{number}", fs_label=label) for number, label in enumerate(labels)]
    assert volumes.missing(MountRequest(label=wanted), every).isprintable()
