"""Each format, field by field: what is read, and what is refused because only the magic is right."""

import pytest

from lunix_natsdev.superblock import disc as superblock_disc
from lunix_natsdev.superblock import dos as superblock_dos
from lunix_natsdev.superblock import linux as superblock_linux
from lunix_natsdev.superblock import volume as superblock_volume
from lunix_natsdev.superblock.base import ShortRead, Source, Superblock
from lunix_testing import images
from lunix_testing.images import MIB, UUID, UUID_TEXT, Disk, be, le

Parsed = tuple[str, str, str, str, str] | None


def parsed(found: Superblock | None) -> Parsed:
    """Type, usage, version, label and UUID."""
    if found is None:
        return None
    return found.type, found.usage, found.version, found.label.decode("utf-8", "replace"), found.uuid


def test_ext_file_systems_are_told_apart_by_their_features() -> None:
    cases = {
        (0, 0x2, 0x1): "ext2",
        (0x4, 0x2, 0x3): "ext3",
        (0x4, 0x6, 0x3): "ext3",
        (0x4, 0x42, 0x3): "ext4",
        (0x4, 0x2, 0x403): "ext4",
        (0, 0x42, 0): "ext4",
    }
    for features, name in cases.items():
        found = superblock_linux.ext(images.ext(*features))
        assert parsed(found) == (name, "filesystem", "1.0", "label", UUID_TEXT)


def test_a_journal_on_its_own_device_is_no_file_system() -> None:
    assert parsed(superblock_linux.ext(images.ext(incompat=0x8))) == ("jbd", "other", "1.0", "label", UUID_TEXT)


def test_xfs_has_to_agree_with_itself() -> None:
    assert parsed(superblock_linux.xfs(images.xfs())) == ("xfs", "filesystem", "", "label", UUID_TEXT)
    for changes in ({4: be(4095, 4)}, {4: be(256, 4)}, {121: b"\x0a"}, {104: be(4096, 2)}, {0: b"XFSX"}):
        assert superblock_linux.xfs(images.xfs(changes=changes)) is None


def test_btrfs_has_a_uuid_of_its_own_for_each_device() -> None:
    found = superblock_linux.btrfs(images.btrfs())
    assert parsed(found) == ("btrfs", "filesystem", "", "label", UUID_TEXT)
    assert found is not None
    assert found.uuid_sub == "ffeeddcc-bbaa-9988-7766-554433221100"
    assert superblock_linux.btrfs(Disk(MIB, {})) is None


def test_f2fs_of_version_1_0_tells_no_label() -> None:
    assert parsed(superblock_linux.f2fs(images.f2fs())) == ("f2fs", "filesystem", "1.16", "lébel", UUID_TEXT)
    assert parsed(superblock_linux.f2fs(images.f2fs(minor=0))) == ("f2fs", "filesystem", "1.0", "", "")
    assert superblock_linux.f2fs(Disk(MIB, {})) is None


def test_squashfs_before_version_4_is_another_format_in_either_byte_order() -> None:
    assert parsed(superblock_linux.squashfs(images.squashfs())) == ("squashfs", "filesystem", "4.0", "", "")
    old = superblock_linux.squashfs(images.squashfs(b"sqsh", 3, "big"))
    assert parsed(old) == ("squashfs3", "filesystem", "3.0", "", "")
    assert superblock_linux.squashfs(Disk(MIB, {})) is None


def test_erofs_has_blocks_of_a_possible_size() -> None:
    assert parsed(superblock_linux.erofs(images.erofs())) == ("erofs", "filesystem", "", "label", UUID_TEXT)
    for log in (8, 17):
        assert superblock_linux.erofs(images.erofs(log)) is None


@pytest.mark.parametrize("page", [4096, 8192, 16384, 32768, 65536])
def test_swap_space_is_found_for_every_page_size(page: int) -> None:
    assert parsed(superblock_linux.swap(images.swap(page=page))) == ("swap", "other", "1", "label", UUID_TEXT)


def test_swap_space_of_the_first_version_has_neither_label_nor_uuid() -> None:
    assert parsed(superblock_linux.swap(images.swap(b"SWAP-SPACE"))) == ("swap", "other", "0", "", "")


def test_a_hibernated_system_is_no_swap_space_to_use() -> None:
    found = superblock_linux.swap(images.swap(b"S1SUSPEND\0"))
    assert parsed(found) == ("swsuspend", "other", "s1suspend", "label", UUID_TEXT)


def test_swap_space_is_refused_where_its_header_means_nothing() -> None:
    for changes in ({1024: le(2, 4)}, {1028: le(0, 4)}):
        assert superblock_linux.swap(images.swap(changes=changes)) is None
    tiny = images.swap()
    tiny.size = 9 * 4096
    assert superblock_linux.swap(tiny) is None
    assert superblock_linux.swap(Disk(MIB, {})) is None


def test_swap_space_with_garbage_in_its_padding_has_a_garbage_label_which_is_not_told() -> None:
    assert parsed(superblock_linux.swap(images.swap(changes={1196: b"garbage!"}))) == ("swap", "other", "1", "", "")


def test_fat_is_vfat_in_every_width() -> None:
    small = images.fat16(changes={19: le(4000, 2), 22: le(12, 2)})
    assert parsed(superblock_dos.vfat(small)) == ("vfat", "filesystem", "FAT12", "", "1234-5678")
    assert parsed(superblock_dos.vfat(images.fat16())) == ("vfat", "filesystem", "FAT16", "LABEL", "1234-5678")
    assert parsed(superblock_dos.vfat(images.fat32())) == ("vfat", "filesystem", "FAT32", "LABEL", "1234-5678")


def test_fat_without_an_extended_boot_sector_has_no_serial_number() -> None:
    assert parsed(superblock_dos.vfat(images.fat16(changes={38: b"\0"}))) == (
        "vfat",
        "filesystem",
        "FAT16",
        "LABEL",
        "",
    )


def test_the_label_is_the_first_volume_entry_of_the_root_directory() -> None:
    erased, file, part = (b"\xe5LD", 8), (b"FILE    TXT", 0x20), (b"Along", 0x0F)
    entries = images.directory(erased, part, file, (b"\x05BC", 8), (b"SECOND", 8))
    found = superblock_dos.vfat(images.fat16(entries))
    assert found is not None
    assert found.label == b"\xe5BC"


def test_a_directory_that_ends_has_no_label_behind_its_end() -> None:
    for make in (images.fat16, images.fat32):
        found = superblock_dos.vfat(make(bytes(32) + images.directory((b"LATE", 8))))
        assert found is not None
        assert found.label == b""


def test_a_root_directory_of_several_clusters_is_followed_and_a_loop_ends() -> None:
    full = images.directory(*[(b"FILE", 0x20)] * 64)
    far = images.fat32(full, next_cluster=9)
    far.patches[(32 + 2400 + 7 * 4) * 512] = images.directory((b"FAR", 8))
    found = superblock_dos.vfat(far)
    assert found is not None
    assert found.label == b"FAR"
    loop = images.fat32(full, next_cluster=2)
    found = superblock_dos.vfat(loop)
    assert found is not None
    assert found.label == b""
    assert loop.reads < 300


def test_a_root_directory_without_an_end_has_no_label() -> None:
    found = superblock_dos.vfat(images.fat16(images.directory(*[(b"FILE", 0x20)] * 512)))
    assert found is not None
    assert found.label == b""


def test_a_boot_sector_without_a_name_needs_the_signature_and_sound_numbers() -> None:
    assert superblock_dos.vfat(images.fat16(changes={54: b"        "})) is not None
    refused = (
        {54: b"        ", 510: b"\0\0"},
        {54: b"HPFS    "},
        {11: le(511, 2)},
        {11: le(0, 2)},
        {11: le(256, 2)},
        {13: b"\3"},
        {13: b"\0"},
        {14: le(0, 2)},
        {16: b"\0"},
        {21: b"\x10"},
        {19: le(10, 2)},
    )
    for changes in refused:
        assert superblock_dos.vfat(images.fat16(changes=changes)) is None
    assert superblock_dos.vfat(images.fat16(changes={21: b"\xf0"})) is not None


def test_exfat_has_its_label_in_the_root_directory() -> None:
    assert parsed(superblock_dos.exfat(images.exfat())) == ("exfat", "filesystem", "1.0", "lébel", "1234-5678")


def test_exfat_without_a_label_has_none() -> None:
    full = bytes([0x85] + [0] * 31) * 128
    for disk in (images.exfat(bytes(32)), images.exfat(full), images.exfat(full, next_cluster=5)):
        assert parsed(superblock_dos.exfat(disk)) == ("exfat", "filesystem", "1.0", "", "1234-5678")


def test_exfat_is_refused_where_its_sizes_are_impossible() -> None:
    for changes in (
        {108: b"\x08"},
        {108: b"\x0d"},
        {109: b"\x11"},
        {20: b"\1"},
        {510: b"\0"},
        {3: b"E"},
    ):
        found = superblock_dos.exfat(images.exfat(changes=changes))
        assert (found is None) == (changes != {3: b"E"})


def test_ntfs_has_its_label_in_the_fourth_record() -> None:
    assert parsed(superblock_dos.ntfs(images.ntfs())) == ("ntfs", "filesystem", "", "lébel", "000000000000ABCD")


def test_ntfs_takes_its_sizes_as_logarithms_too() -> None:
    for changes in ({13: b"\xfd"}, {13: b"\x02", 48: le(16, 8), 64: b"\x01"}):
        assert superblock_dos.ntfs(images.ntfs(changes=changes)) is not None


def test_ntfs_without_a_label_or_a_serial_number_has_none() -> None:
    ended = images.block(1024, {0: b"FILE", 20: le(56, 2), 56: b"\xff\xff\xff\xff"})
    endless = images.block(1024, {0: b"FILE", 20: le(56, 2), 56: le(0x10, 4) + le(960, 4)})
    for record in (ended, endless, bytes(1024), images.block(1024, {0: b"FILE", 20: le(56, 2)})):
        found = superblock_dos.ntfs(images.ntfs(record, changes={72: bytes(8)}))
        assert parsed(found) == ("ntfs", "filesystem", "", "", "")


def test_ntfs_is_refused_where_its_sizes_are_impossible_or_its_table_is_missing() -> None:
    for changes in (
        {11: le(0, 2)},
        {11: le(128, 2)},
        {13: b"\x03"},
        {64: b"\x00"},
        {64: b"\x81"},
        {48: le(9, 8)},
    ):
        assert superblock_dos.ntfs(images.ntfs(changes=changes)) is None
    assert superblock_dos.ntfs(Disk(MIB, {})) is None


def test_bitlocker_is_encrypted_and_not_the_fat_that_its_boot_sector_pretends_to_be() -> None:
    for mark in (b"-FVE-FS-", b"MSWIN4.1"):
        disk = images.bitlocker(mark)
        assert parsed(superblock_dos.bitlocker(disk)) == ("BitLocker", "crypto", "", "", "")
        assert superblock_dos.vfat(disk) is None
    assert superblock_dos.bitlocker(images.bitlocker(b"MSDOS5.0")) is None


def test_luks_has_a_label_since_version_2() -> None:
    assert parsed(superblock_volume.luks(images.luks())) == ("crypto_LUKS", "crypto", "2", "label", UUID_TEXT)
    assert parsed(superblock_volume.luks(images.luks(1))) == ("crypto_LUKS", "crypto", "1", "", UUID_TEXT)
    assert superblock_volume.luks(images.luks(2, offset=0x4000)) is None
    assert superblock_volume.luks(Disk(MIB, {})) is None


@pytest.mark.parametrize("sector", range(4))
def test_lvm2_has_its_label_in_one_of_four_sectors(sector: int) -> None:
    uuid = "abcdef-GHIJ-klmn-OPQR-stuv-WXYZ-012345"
    assert parsed(superblock_volume.lvm2(images.lvm2(sector))) == ("LVM2_member", "raid", "LVM2 001", "", uuid)


def test_lvm2_is_refused_where_its_label_was_copied_from_another_sector() -> None:
    assert superblock_volume.lvm2(images.lvm2(1, said=2)) is None


@pytest.mark.parametrize(("offset", "version"), [(0, "1.1"), (4096, "1.2"), (32 * MIB - 8192, "1.0")])
def test_md_1_says_where_its_superblock_is(offset: int, version: str) -> None:
    found = superblock_volume.linux_raid(images.raid_1(offset))
    assert parsed(found) == ("linux_raid_member", "raid", version, "host:0", UUID_TEXT)
    assert found is not None
    assert found.uuid_sub == "ffeeddcc-bbaa-9988-7766-554433221100"


def test_md_1_is_refused_at_another_place_or_of_another_version() -> None:
    for changes in ({144: le(1, 8)}, {4: le(2, 4)}):
        assert superblock_volume.linux_raid(images.raid_1(changes=changes)) is None


def test_a_device_that_is_smaller_than_md_needs_has_none() -> None:
    assert superblock_volume.linux_raid(Disk(4096, {})) is None
    assert superblock_volume.linux_raid(images.raid_1(0, size=0x8000)) is not None


@pytest.mark.parametrize("order", ["little", "big"])
def test_md_0_90_is_read_in_either_byte_order(order: str) -> None:
    found = superblock_volume.linux_raid(images.raid_0(order))
    assert parsed(found) == ("linux_raid_member", "raid", "0.90.0", "", UUID_TEXT)


def test_md_before_0_90_has_a_quarter_of_a_uuid() -> None:
    found = superblock_volume.linux_raid(images.raid_0(minor=80))
    assert found is not None
    assert found.uuid == "00112233-0000-0000-0000-000000000000"


def test_md_0_90_is_refused_where_it_does_not_fit_or_belongs_to_the_last_partition() -> None:
    assert superblock_volume.linux_raid(images.raid_0(used_kib=1 << 20)) is None
    assert superblock_volume.linux_raid(images.raid_0(major=1)) is None
    last = images.raid_0()
    last.patches |= images.dos(start=2048, count=32 * 2048 - 2048).patches
    assert superblock_volume.linux_raid(last) is None


def test_iso9660_has_its_date_for_a_uuid() -> None:
    found = superblock_disc.iso9660(images.iso9660())
    assert parsed(found) == ("iso9660", "filesystem", "", "MY_DISC", "2026-01-02-03-04-05-06")
    found = superblock_disc.iso9660(images.iso9660(modified=b"", created=b"2025"))
    assert found is not None
    assert found.uuid == "2025-00-00-00-00-00-00"
    found = superblock_disc.iso9660(images.iso9660(modified=b"", created=b""))
    assert found is not None
    assert found.uuid == ""


def test_iso9660_needs_a_primary_descriptor() -> None:
    assert superblock_disc.iso9660(Disk(MIB, {0x8000: images.descriptor(255, {})})) is None
    assert superblock_disc.iso9660(Disk(0x8400, {0x8000: images.descriptor(1, {})})) is None


def test_iso9660_reads_no_more_than_sixteen_descriptors() -> None:
    disk = images.iso9660(*[images.descriptor(0, {})] * 40)
    assert superblock_disc.iso9660(disk) is not None
    assert disk.reads == 16


@pytest.mark.parametrize(
    ("wide", "plain", "label"),
    [
        ("My Disc", b"MY_DISC", "My Disc"),
        ("Sixteen letters ", b"SIXTEEN_LETTERS_AND_MORE", "Sixteen letters AND_MORE"),
        ("Übung", b"_BUNG", "Übung"),
        ("_x", b"ax", "ax"),
        ("other", b"MY_DISC", "other"),
        ("", b"MY_DISC", "MY_DISC"),
        ("longer than plain", b"LONG", "longer than plai"),
        ("my disc", b"my_disc", "my disc"),
    ],
)
def test_a_joliet_label_and_the_plain_one_are_put_together(wide: str, plain: bytes, label: str) -> None:
    found = superblock_disc.iso9660(images.iso9660(images.joliet(wide[:16]), label=plain))
    assert found is not None
    assert (found.label.decode(), found.version) == (label, "Joliet Extension")


def test_a_supplementary_descriptor_of_another_encoding_is_not_joliet() -> None:
    found = superblock_disc.iso9660(images.iso9660(images.joliet("other", b"%/F")))
    assert found is not None
    assert found.version == ""


@pytest.mark.parametrize("bs", [512, 1024, 2048, 4096])
def test_udf_is_found_for_every_block_size(bs: int) -> None:
    found = superblock_disc.udf(images.udf(bs))
    assert parsed(found) == ("udf", "filesystem", "2.01", "lébel", "0123456789abcdef")


def test_udf_may_have_its_anchor_at_block_512() -> None:
    assert superblock_disc.udf(images.udf(anchor=512)) is not None


def test_udf_needs_recognition_an_anchor_and_its_domain() -> None:
    endless = images.udf(marks=(b"CD001",) * 64)
    assert superblock_disc.udf(endless) is None
    assert superblock_disc.udf(images.udf(marks=(b"BEA01",))) is None
    assert superblock_disc.udf(images.udf(anchor=300)) is None
    assert superblock_disc.udf(images.udf(domain=b"*Other Compliant")) is None


def test_udf_stops_at_a_descriptor_that_is_elsewhere() -> None:
    assert superblock_disc.udf(images.udf(tail=((9, 5),))) is not None


def test_udf_reads_a_bounded_number_of_descriptors() -> None:
    disk = images.udf(tail=((9, 0),) * 100)
    assert superblock_disc.udf(disk) is not None
    assert disk.reads < 200


@pytest.mark.parametrize(
    ("volume_set", "uuid"),
    [
        (images.dstring("0123456789ABCDEF", 128), "0123456789abcdef"),
        (images.dstring("01234567xy", 128), "0123456778790000"),
        (images.dstring("hello world", 128), "68656c6c6f20776f"),
        (images.dstring("short", 128), ""),
        (images.dstring("0123456789ABCDEF", 128, 16), "0123456789abcdef"),
        (images.dstring("0123456789ABCDEF", 128, 7), ""),
    ],
)
def test_the_uuid_of_udf_is_made_from_the_volume_set(volume_set: bytes, uuid: str) -> None:
    found = superblock_disc.udf(images.udf(volume_set=volume_set))
    assert found is not None
    assert found.uuid == uuid


def test_the_first_descriptors_of_udf_count() -> None:
    found = superblock_disc.udf(images.udf(label=images.dstring("日本", 128, 16), tail=((1, 0), (6, 0), (8, 0))))
    assert found is not None
    assert (found.label.decode(), found.uuid) == ("日本", "0123456789abcdef")


def test_a_parser_that_meets_the_end_of_the_device_says_so() -> None:
    for parse in (superblock_linux.ext, superblock_linux.btrfs, superblock_dos.vfat, superblock_volume.luks):
        source: Source = Disk(100, {})
        with pytest.raises(ShortRead):
            parse(source)


def test_the_images_have_the_uuid_that_the_tests_expect() -> None:
    assert UUID.hex() == UUID_TEXT.replace("-", "")
