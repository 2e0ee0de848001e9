"""What is on a device: the choice between signatures, and what no bytes may do."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunix_natsdev.superblock.base import Image, ShortRead, dashed, guid, power_of_two, serial, utf16, words
from lunix_natsdev.superblock.detect import Facts, identify
from lunix_testing import images
from lunix_testing.images import MIB, Disk


def combined(*disks: Disk, size: int | None = None) -> Disk:
    patches: dict[int, bytes] = {}
    for disk in disks:
        patches |= disk.patches
    return Disk(size or max(disk.size for disk in disks), patches)


def test_an_empty_device_has_nothing_on_it() -> None:
    facts = identify(Disk(MIB, {}))
    assert (facts.superblock, facts.table, facts.ambivalent) == (None, "", False)


@pytest.mark.parametrize("size", [0, 1, 511, 512, 1024])
def test_a_device_that_is_too_small_for_anything_has_nothing_on_it(size: int) -> None:
    assert identify(Disk(size, {})).superblock is None


def test_two_file_systems_are_ambivalent_and_neither_is_named() -> None:
    facts = identify(combined(images.ext(), images.xfs()))
    assert facts.ambivalent
    assert facts.superblock is None


def test_a_disc_that_is_udf_and_iso9660_is_udf() -> None:
    facts = identify(combined(images.iso9660(), images.udf(marks=()), Disk(0, {0x9000: b"\0NSR03"})))
    assert facts.superblock is not None
    assert facts.superblock.type == "udf"
    assert not facts.ambivalent


def test_what_is_inside_of_an_encrypted_volume_or_an_array_does_not_count() -> None:
    for outer in (images.luks(), images.lvm2(), images.raid_1()):
        facts = identify(combined(outer, images.ext()))
        assert facts.superblock is not None
        assert facts.superblock.usage in {"crypto", "raid"}


def test_on_a_floppy_the_first_signature_counts_and_no_raid_does() -> None:
    facts = identify(combined(images.ext(), images.xfs(), size=MIB))
    assert facts.superblock is not None
    assert (facts.superblock.type, facts.ambivalent) == ("xfs", False)
    assert identify(images.raid_1(size=MIB)).superblock is None


def test_a_file_system_and_a_partition_table_are_both_told() -> None:
    facts = identify(combined(images.ext(), images.dos()))
    assert facts.superblock is not None
    assert (facts.superblock.type, facts.table, facts.table_uuid) == ("ext2", "dos", "12345678")


def test_a_partition_is_told_what_the_table_of_its_disk_says() -> None:
    facts = Facts(None, False, None)
    facts.place(images.gpt(), 1)
    assert (facts.part_uuid, facts.part_label) == ("33221100-5544-7766-8899-aabbccddeeff", "pärt".encode())


def test_a_disk_without_a_table_or_without_bytes_tells_a_partition_nothing() -> None:
    class Dying(Disk):
        def pread(self, offset: int, length: int) -> bytes:
            return b""

    for disk in (Disk(MIB, {}), Dying(MIB, {})):
        facts = Facts(None, False, None)
        facts.place(disk, 1)
        assert (facts.part_uuid, facts.part_label) == ("", b"")


@given(st.binary(max_size=4096))
@settings(max_examples=200, deadline=None)
def test_no_bytes_make_it_raise(data: bytes) -> None:
    identify(Image(data))


@given(
    st.sampled_from(images.EVERY + images.EVERY_TABLE),
    st.lists(st.tuples(st.integers(0, 2**22), st.binary(min_size=1, max_size=16)), max_size=6),
    st.one_of(st.none(), st.integers(0, 2**22)),
)
@settings(max_examples=400, deadline=None)
def test_no_damage_to_an_image_makes_it_raise_or_read_without_end(
    make: Callable[[], Disk], damage: list[tuple[int, bytes]], size: int | None
) -> None:
    disk = make()
    starts = sorted(disk.patches)
    for where, data in damage:
        start = starts[where % len(starts)]
        patch = bytearray(disk.patches[start])
        at = where % max(1, len(patch))
        patch[at : at + len(data)] = data
        disk.patches[start] = bytes(patch)
    if size is not None:
        disk.size = size
    identify(disk)
    assert disk.bytes_read < 16 * MIB
    assert disk.reads < 2000


@given(st.binary(min_size=16, max_size=16), st.binary(max_size=64))
def test_identifiers_are_printable_ascii_whatever_the_bytes_are(raw: bytes, text: bytes) -> None:
    for identifier in (dashed(raw), guid(raw), serial(raw[:4])):
        assert all(char in "0123456789abcdefABCDEF-" for char in identifier)
    words(text)
    utf16(text, "le")


def test_a_read_beyond_the_end_is_an_error_and_no_short_answer() -> None:
    image = Image(bytes(100))
    assert image.read(90, 10) == bytes(10)
    for offset, length in ((91, 10), (-1, 5), (200, 1)):
        with pytest.raises(ShortRead):
            image.read(offset, length)


def test_a_device_that_ends_early_is_an_error_too() -> None:
    image = Image(bytes(100))
    image.size = 200
    with pytest.raises(ShortRead):
        image.read(50, 100)


def test_zeros_are_no_identifier() -> None:
    assert (dashed(bytes(16)), serial(bytes(4))) == ("", "")


def test_powers_of_two_are_known() -> None:
    assert [number for number in range(-2, 20) if power_of_two(number)] == [1, 2, 4, 8, 16]


def test_a_source_has_to_say_how_it_is_read() -> None:
    from lunix_natsdev.superblock.base import Source

    with pytest.raises(NotImplementedError):
        Source(10).read(0, 1)
