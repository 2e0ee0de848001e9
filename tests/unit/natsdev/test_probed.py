"""What the child wrote down, read again: as it is meant, cut off, and full of anything."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_natsdev.probe_child import encode
from lunix_natsdev.probed import Probed, decode
from lunix_natsdev.superblock.detect import identify
from lunix_testing import images


def test_what_the_child_wrote_is_what_it_found() -> None:
    disk = images.btrfs()
    disk.patches |= images.dos().patches
    assert decode(encode(identify(disk))) == Probed(
        type="btrfs",
        usage="filesystem",
        uuid=images.UUID_TEXT,
        uuid_sub="ffeeddcc-bbaa-9988-7766-554433221100",
        raw_label=b"label",
        table="dos",
        table_uuid="12345678",
    )


def test_an_empty_device_has_nothing() -> None:
    nothing = decode(encode(identify(images.Disk(images.MIB, {}))))
    assert nothing == Probed()
    assert (nothing.label, nothing.part_label) == (None, None)


def test_two_file_systems_are_told_as_ambivalent() -> None:
    disk = images.ext()
    disk.patches |= images.xfs().patches
    assert decode(encode(identify(disk))) == Probed(ambivalent=True)


def test_labels_are_readable_whatever_their_bytes_are() -> None:
    found = decode(b"label\0a\xff\0part_label\0\xc3\xa9\0")
    assert (found.label, found.part_label) == ("a\\xff", "é")


@given(st.binary(max_size=200))
def test_nothing_that_a_child_could_write_makes_it_raise(output: bytes) -> None:
    found = decode(output)
    (found.label or "").encode()
    assert found.usage in {None, "filesystem", "crypto", "raid", "other"}
