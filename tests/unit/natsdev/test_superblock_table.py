"""Partition tables: which there is, whose partitions have which identity, and what is only taken for one."""

from collections.abc import Callable

import pytest

from lunix_natsdev.superblock.table import is_covered, partitions
from lunix_testing import images
from lunix_testing.images import MIB, Disk, le

GUID_TEXT = "33221100-5544-7766-8899-aabbccddeeff"


@pytest.mark.parametrize("sector", [512, 1024, 2048, 4096])
def test_gpt_is_found_for_every_sector_size(sector: int) -> None:
    table = partitions(images.gpt(sector))
    assert table is not None
    assert (table.type, table.uuid, table.part_uuid(1)) == ("gpt", GUID_TEXT, GUID_TEXT)
    assert table.part_label(1) == "pärt".encode()
    assert table.covers(MIB)
    assert table.covers(2 * MIB - 1)
    assert not table.covers(2 * MIB)


def test_the_copy_of_a_gpt_serves_where_the_first_is_gone() -> None:
    table = partitions(images.gpt(at=32 * MIB - 512))
    assert table is not None
    assert table.uuid == GUID_TEXT


def test_a_partition_that_the_table_does_not_have_has_no_identity() -> None:
    table = partitions(images.gpt())
    assert table is not None
    assert (table.part_uuid(2), table.part_label(2)) == ("", b"")
    assert (table.part_uuid(0), table.part_uuid(5000)) == ("", "")


@pytest.mark.parametrize(
    "changes", [{0: b"EFI PARX"}, {12: le(91, 4)}, {12: le(513, 4)}, {24: le(7, 8)}, {84: le(100, 4)}]
)
def test_a_damaged_gpt_is_none(changes: dict[int, bytes]) -> None:
    assert partitions(images.gpt(changes=changes)) is None


def test_a_gpt_with_a_wrong_checksum_is_none() -> None:
    disk = images.gpt()
    disk.patches[512] = disk.patches[512][:56] + b"X" + disk.patches[512][57:]
    assert partitions(disk) is None


def test_a_gpt_without_a_protective_entry_is_a_dos_table_as_the_kernel_sees_it() -> None:
    table = partitions(images.gpt(protective=0x0C))
    assert table is not None
    assert table.type == "dos"


def test_dos_partitions_are_named_by_the_disk_and_their_number() -> None:
    table = partitions(images.dos())
    assert table is not None
    assert (table.type, table.uuid, table.part_uuid(1), table.part_uuid(12)) == (
        "dos",
        "12345678",
        "12345678-01",
        "12345678-0c",
    )
    assert table.part_label(1) == b""


def test_a_dos_table_without_a_number_gives_no_identity() -> None:
    table = partitions(images.dos(number=0))
    assert table is not None
    assert (table.uuid, table.part_uuid(1)) == ("", "")


@pytest.mark.parametrize("make", [images.fat16, images.fat32, images.exfat, images.ntfs])
def test_a_boot_sector_is_no_partition_table(make: Callable[[], Disk]) -> None:
    assert partitions(make()) is None


def test_a_table_with_an_impossible_boot_flag_is_none() -> None:
    assert partitions(images.dos(boot=0x12)) is None


def test_an_empty_table_on_a_physical_volume_is_none_but_one_with_partitions_counts() -> None:
    empty = images.lvm2()
    empty.patches[510] = b"\x55\xaa"
    assert partitions(empty) is None
    used = images.lvm2()
    used.patches |= images.dos().patches
    assert partitions(used) is not None


def test_an_empty_table_without_one_counts() -> None:
    assert partitions(Disk(MIB, {510: b"\x55\xaa"})) is not None


def test_a_device_without_the_signature_or_of_less_than_a_sector_has_no_table() -> None:
    assert partitions(Disk(MIB, {})) is None
    assert partitions(Disk(511, {})) is None


def test_what_a_partition_covers_is_known() -> None:
    assert is_covered(images.dos(), MIB)
    assert not is_covered(images.dos(), MIB - 1)
    assert not is_covered(Disk(MIB, {}), 0)
