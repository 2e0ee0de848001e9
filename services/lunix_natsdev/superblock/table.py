"""Partition tables: GPT and the one of DOS.

Sources: the UEFI specification, chapter 5; the kernel's ``block/partitions/{efi,msdos}.c``.
"""

from binascii import crc32

from lunix_natsdev.superblock.base import Source, guid, le, utf16
from lunix_natsdev.superblock.dos import exfat, is_fat, is_ntfs

_ENTRIES_READ = 1024


class Partitions:
    """A partition table: ``gpt`` or ``dos``, its UUID, and where its entries are."""

    __slots__ = ("_entries", "_entry_bytes", "_sector", "type", "uuid")

    def __init__(self, type_: str, uuid: str, entries: bytes, entry_bytes: int, sector: int) -> None:
        self.type = type_
        self.uuid = uuid
        self._entries = entries
        self._entry_bytes = entry_bytes
        self._sector = sector

    def _entry(self, number: int) -> bytes:
        start = (number - 1) * self._entry_bytes
        entry = self._entries[start : start + self._entry_bytes]
        return entry if len(entry) == self._entry_bytes and number > 0 else bytes(self._entry_bytes)

    def part_uuid(self, number: int) -> str:
        """The UUID of partition ``number``, which counts from 1; one of DOS' is made from the disk's and the number."""
        if self.type == "gpt":
            return guid(self._entry(number)[16:32])
        return f"{self.uuid}-{number:02x}" if self.uuid else ""

    def part_label(self, number: int) -> bytes:
        """The name of partition ``number``; DOS has none."""
        return utf16(self._entry(number)[56:128], "le") if self.type == "gpt" else b""

    def covers(self, offset: int) -> bool:
        """Whether the byte at ``offset`` is inside of a partition (of DOS': of a primary one)."""
        count = len(self._entries) // self._entry_bytes
        return any(first <= offset < end for first, end in map(self._extent, range(1, count + 1)))

    def _extent(self, number: int) -> tuple[int, int]:
        entry = self._entry(number)
        if self.type == "gpt":
            used = any(entry[:16])
            return le(entry, 32, 8) * self._sector, (le(entry, 40, 8) + 1) * self._sector if used else 0
        first = le(entry, 8, 4)
        return first * self._sector, (first + le(entry, 12, 4)) * self._sector


def partitions(source: Source) -> Partitions | None:
    """The partition table of a device, or none."""
    if source.size < 512:
        return None
    boot = source.read(0, 512)
    if boot[510:] != b"\x55\xaa":
        return None
    if any(boot[at + 4] == 0xEE for at in range(446, 510, 16)):
        return _gpt(source)
    return _dos(source, boot)


def _gpt(source: Source) -> Partitions | None:
    for sector in (512, 1024, 2048, 4096):
        # The copy at the end serves where the first one is damaged.
        for offset in (sector, source.size // sector * sector - sector):
            header = source.pread(offset, 512)
            if _is_gpt(header, offset // sector):
                length = le(header, 84, 4)
                entries = source.pread(le(header, 72, 8) * sector, length * min(le(header, 80, 4), _ENTRIES_READ))
                return Partitions("gpt", guid(header[56:72]), entries, length, sector)
    return None


def _is_gpt(header: bytes, block: int) -> bool:
    size = le(header, 12, 4)
    return (
        len(header) == 512
        and header[:8] == b"EFI PART"
        and 92 <= size <= 512
        and crc32(header[:16] + bytes(4) + header[20:size]) == le(header, 16, 4)
        and le(header, 24, 8) == block
        and le(header, 84, 4) in {128, 256, 512}
    )


def _dos(source: Source, boot: bytes) -> Partitions | None:
    table = boot[446:510]
    if any(table[at] not in {0, 0x80} for at in range(0, 64, 16)):
        return None
    # A boot sector has the same mark, and so has LVM on a whole disk that boots.
    if is_fat(source) or exfat(source) or is_ntfs(source):
        return None
    if not any(any(table[at + 12 : at + 16]) for at in range(0, 64, 16)) and _has_lvm(source):
        return None
    number = le(boot, 440, 4)
    return Partitions("dos", f"{number:08x}" if number else "", table, 16, 512)


def _has_lvm(source: Source) -> bool:
    return any(source.pread(sector * 512, 8) == b"LABELONE" for sector in range(4))


def is_covered(source: Source, offset: int) -> bool:
    """Whether a partition of this device holds the byte at ``offset``."""
    table = partitions(source)
    return table is not None and table.covers(offset)
