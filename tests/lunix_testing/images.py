"""Images of file systems by their bytes: as much of each as a parser has to see, on a disk of zeros of any size."""

from binascii import crc32
from collections.abc import Mapping
from types import MappingProxyType

from lunix_natsdev.superblock.base import Source

UUID = bytes.fromhex("00112233445566778899aabbccddeeff")
UUID_TEXT = "00112233-4455-6677-8899-aabbccddeeff"
MIB = 1 << 20
Fields = Mapping[int, bytes]
AS_MADE: Fields = MappingProxyType({})


class Disk(Source):
    """A disk of zeros with a few patches. It counts what is read from it."""

    def __init__(self, size: int, patches: Mapping[int, bytes]) -> None:
        super().__init__(size)
        self.patches = dict(patches)
        self.bytes_read = 0
        self.reads = 0

    def pread(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        self.bytes_read += length
        self.reads += 1
        data = bytearray(length)
        for start, patch in self.patches.items():
            low, high = max(start, offset), min(start + len(patch), offset + length)
            if low < high:
                data[low - offset : high - offset] = patch[low - start : high - start]
        return bytes(data)


def le(number: int, length: int) -> bytes:
    return number.to_bytes(length, "little")


def be(number: int, length: int) -> bytes:
    return number.to_bytes(length, "big")


def block(length: int, fields: Mapping[int, bytes]) -> bytes:
    """Bytes of zeros with these fields."""
    data = bytearray(length)
    for offset, field in fields.items():
        data[offset : offset + len(field)] = field
    return bytes(data)


def ext(compat: int = 0, incompat: int = 0, ro_compat: int = 0, label: bytes = b"label", size: int = 8 * MIB) -> Disk:
    fields = {56: b"\x53\xef", 76: le(1, 4), 92: le(compat, 4), 96: le(incompat, 4), 100: le(ro_compat, 4)}
    return Disk(size, {1024: block(1024, fields | {104: UUID, 120: label})})


def xfs(changes: Fields = AS_MADE) -> Disk:
    fields = {0: b"XFSB", 4: be(4096, 4), 32: UUID, 102: be(512, 2), 104: be(512, 2), 108: b"label"}
    fields |= {120: b"\x0c\x09\x09", **changes}
    return Disk(300 * MIB, {0: block(512, fields)})


def btrfs() -> Disk:
    fields = {32: UUID, 64: b"_BHRfS_M", 0x10B: UUID[::-1], 0x12B: b"label"}
    return Disk(128 * MIB, {0x10000: block(4096, fields)})


def f2fs(minor: int = 16) -> Disk:
    fields = {0: b"\x10\x20\xf5\xf2", 4: le(1, 2), 6: le(minor, 2), 0x6C: UUID, 0x7C: "lébel".encode("utf-16-le")}
    return Disk(64 * MIB, {1024: block(2048, fields)})


def erofs(block_log: int = 12) -> Disk:
    return Disk(MIB, {1024: block(128, {0: b"\xe2\xe1\xf5\xe0", 12: bytes([block_log]), 48: UUID, 64: b"label"})})


def squashfs(magic: bytes = b"hsqs", major: int = 4, order: str = "little") -> Disk:
    number = le if order == "little" else be
    return Disk(MIB, {0: block(96, {0: magic, 28: number(major, 2)})})


def swap(mark: bytes = b"SWAPSPACE2", page: int = 4096, changes: Fields = AS_MADE) -> Disk:
    fields = {1024: le(1, 4), 1028: le(255, 4), 1036: UUID, 1052: b"label"}
    fields |= dict(changes)
    return Disk(MIB, {0: block(4096 - 10, fields), page - 10: mark})


def fat_boot(fields: Mapping[int, bytes]) -> bytes:
    common = {0: b"\xeb\x3c\x90", 11: le(512, 2), 13: b"\x04", 14: le(4, 2), 16: b"\x02", 21: b"\xf8", 510: b"\x55\xaa"}
    return block(512, {**common, **fields})


def directory(*entries: tuple[bytes, int]) -> bytes:
    return b"".join(block(32, {0: name.ljust(11), 11: bytes([attributes])}) for name, attributes in entries)


def fat16(entries: bytes = directory((b"LABEL", 8)), changes: Fields = AS_MADE) -> Disk:
    fields = {
        17: le(512, 2),
        19: le(65000, 2),
        22: le(64, 2),
        0x26: b"\x29",
        0x27: b"\x78\x56\x34\x12",
        0x36: b"FAT16   ",
    }
    fields |= dict(changes)
    return Disk(32 * MIB, {0: fat_boot(fields), (4 + 2 * 64) * 512: entries})


def fat32(entries: bytes = directory((b"LABEL", 8)), next_cluster: int = 0, changes: Fields = AS_MADE) -> Disk:
    fields = {
        14: le(32, 2),
        32: le(600_000, 4),
        36: le(1200, 4),
        44: le(2, 4),
        0x43: b"\x78\x56\x34\x12",
        0x52: b"FAT32   ",
    }
    fields |= dict(changes)
    data = (32 + 2400) * 512
    return Disk(300 * MIB, {0: fat_boot(fields), data: entries, 32 * 512 + 8: le(next_cluster, 4)})


def exfat(entries: bytes | None = None, next_cluster: int = 0, changes: Fields = AS_MADE) -> Disk:
    label = "lébel".encode("utf-16-le")
    fields = {0: b"\xeb\x76\x90EXFAT   ", 80: le(128, 4), 88: le(2048, 4), 92: le(1000, 4), 96: le(5, 4)}
    fields |= {100: b"\x78\x56\x34\x12", 104: b"\0\1", 108: b"\x09\x03", 510: b"\x55\xaa"}
    fields |= dict(changes)
    root = block(32, {0: b"\x83\x05" + label}) if entries is None else entries
    patches = {0: block(512, fields), (2048 + 3 * 8) * 512: root, 128 * 512 + 20: le(next_cluster, 4)}
    return Disk(16 * MIB, patches)


def ntfs(record: bytes | None = None, changes: Fields = AS_MADE) -> Disk:
    fields = {3: b"NTFS    ", 11: le(512, 2), 13: b"\x08", 48: le(4, 8), 64: b"\xf6", 72: le(0xABCD, 8)}
    fields |= {510: b"\x55\xaa", **changes}
    name = "lébel".encode("utf-16-le")
    other = block(24, {0: le(0x10, 4), 4: le(24, 4)})
    volume = block(48, {0: le(0x60, 4), 4: le(48, 4), 16: le(len(name), 4), 20: le(24, 2), 24: name})
    default = block(1024, {0: b"FILE", 20: le(56, 2), 56: other + volume})
    table = 4 * 4096
    return Disk(
        16 * MIB, {0: block(512, fields), table: b"FILE", table + 3 * 1024: default if record is None else record}
    )


def bitlocker(mark: bytes = b"-FVE-FS-") -> Disk:
    fields = {3: mark, 424: b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a", 510: b"\x55\xaa"}
    return Disk(16 * MIB, {0: fat_boot(fields)})


def luks(version: int = 2, offset: int = 0) -> Disk:
    fields = {0: b"LUKS\xba\xbe", 6: be(version, 2), 24: b"label", 168: UUID_TEXT.encode(), 256: be(offset, 8)}
    return Disk(32 * MIB, {0: block(4096, fields)})


def lvm2(sector: int = 1, said: int | None = None) -> Disk:
    number = sector if said is None else said
    fields = {0: b"LABELONE", 8: le(number, 8), 20: le(32, 4), 24: b"LVM2 001", 32: b"abcdefGHIJklmnOPQRstuvWXYZ012345"}
    label = block(512, fields)
    # LVM begins its CRC with a number of its own.
    checksum = crc32(label[20:], 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return Disk(32 * MIB, {sector * 512: label[:16] + le(checksum, 4) + label[20:]})


def raid_1(offset: int = 4096, size: int = 32 * MIB, changes: Fields = AS_MADE) -> Disk:
    fields = {0: le(0xA92B4EFC, 4), 4: le(1, 4), 16: UUID, 32: b"host:0", 144: le(offset >> 9, 8), 168: UUID[::-1]}
    fields |= dict(changes)
    data = block(256, fields)
    total = sum(int.from_bytes(data[at : at + 4], "little") for at in range(0, 256, 4))
    return Disk(size, {offset: data[:216] + le((total >> 32) + (total & 0xFFFFFFFF), 4) + data[220:]})


def raid_0(order: str = "little", minor: int = 90, used_kib: int = 1024, major: int = 0, size: int = 32 * MIB) -> Disk:
    number = le if order == "little" else be
    fields = {0: number(0xA92B4EFC, 4), 4: number(major, 4), 8: number(minor, 4), 32: number(used_kib, 4)}
    parts = [UUID[at : at + 4] for at in range(0, 16, 4)]
    words = parts if order == "big" else [part[::-1] for part in parts]
    fields |= dict(zip((20, 52, 56, 60), words, strict=True))
    return Disk(size, {size - 0x10000: block(4096, fields)})


def gpt(
    sector: int = 512,
    size: int = 32 * MIB,
    at: int | None = None,
    protective: int = 0xEE,
    changes: Fields = AS_MADE,
) -> Disk:
    block_number = 1 if at is None else at // sector
    start, end = MIB // sector, 2 * MIB // sector - 1
    entry = block(128, {0: UUID, 16: UUID, 32: le(start, 8), 40: le(end, 8), 56: "pärt".encode("utf-16-le")})
    fields = {0: b"EFI PART", 12: le(92, 4), 24: le(block_number, 8), 56: UUID, 72: le(block_number + 1, 8)}
    fields |= {80: le(128, 4), 84: le(128, 4), **changes}
    header = block(512, fields)
    header = header[:16] + le(crc32(header[:92]), 4) + header[20:]
    if at is not None:
        header = block(512, fields | {72: le(2, 8)})
        header = header[:16] + le(crc32(header[:92]), 4) + header[20:]
    mbr = block(512, {450: bytes([protective]), 510: b"\x55\xaa"})
    place = sector if at is None else at
    return Disk(size, {0: mbr, place: header, sector * 2: entry})


def dos(number: int = 0x12345678, start: int = 2048, count: int = 2048, boot: int = 0x80) -> Disk:
    entry = block(16, {0: bytes([boot]), 4: b"\x0c", 8: le(start, 4), 12: le(count, 4)})
    return Disk(32 * MIB, {440: le(number, 4), 446: entry, 510: b"\x55\xaa"})


def descriptor(kind: int, fields: Mapping[int, bytes]) -> bytes:
    return block(2048, {0: bytes([kind]), 1: b"CD001"} | dict(fields))


def iso9660(
    *more: bytes, label: bytes = b"MY_DISC", modified: bytes = b"2026010203040506", created: bytes = b""
) -> Disk:
    primary = descriptor(1, {40: label.ljust(32), 813: created.ljust(16, b"0"), 830: modified.ljust(16, b"0")})
    return Disk(MIB, {0x8000: b"".join((primary, *more, descriptor(255, {})))})


def joliet(label: str, escape: bytes = b"%/E") -> bytes:
    return descriptor(2, {40: label.encode("utf-16-be").ljust(32, b"\0"), 88: escape})


def dstring(text: str, length: int, width: int = 8) -> bytes:
    raw = text.encode("latin-1" if width in {8, 254} else "utf-16-be")
    return block(length, {0: bytes([width]) + raw, length - 1: bytes([len(raw) + 1])})


def udf(
    bs: int = 2048,
    anchor: int = 256,
    volume_set: bytes | None = None,
    label: bytes | None = None,
    domain: bytes = b"*OSTA UDF Compliant",
    marks: tuple[bytes, ...] = (b"BEA01", b"NSR03", b"TEA01"),
    tail: tuple[tuple[int, int], ...] = ((8, 0),),
) -> Disk:
    """``tail`` gives, for each descriptor after the two that count, its tag and how far off its own location is."""

    def tagged(kind: int, number: int, fields: Mapping[int, bytes]) -> bytes:
        return block(512, {0: le(kind, 2), 12: le(number, 4)} | dict(fields))

    first = 272
    primary = {72: dstring("0123456789ABCDEF LinuxUDF", 128) if volume_set is None else volume_set}
    logical = {84: dstring("lébel", 128) if label is None else label, 217: domain, 240: le(0x0201, 2)}
    step = max(bs, 2048)
    patches = {0x8000 + number * step: b"\0" + mark for number, mark in enumerate(marks)}
    patches[anchor * bs] = tagged(2, anchor, {16: le(32 * bs, 4), 20: le(first, 4)})
    patches[first * bs] = tagged(1, first, primary)
    patches[(first + 1) * bs] = tagged(6, first + 1, logical)
    for at, (kind, off) in enumerate(tail, first + 2):
        patches[at * bs] = tagged(kind, at + off, {})
    return Disk(16 * MIB, patches)


EVERY = (ext, xfs, btrfs, f2fs, erofs, squashfs, swap, fat16, fat32, exfat, ntfs, bitlocker, luks, lvm2, raid_1, raid_0)
EVERY_TABLE = (gpt, dos, iso9660, udf)
