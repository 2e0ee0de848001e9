"""The file systems of DOS and Windows: FAT, exFAT, NTFS; and BitLocker, which stands in the same boot sector.

Sources: Microsoft's FAT specification (fatgen103) and exFAT specification, the kernel's ``fs/ntfs3/ntfs.h``.
"""

from lunix_natsdev.superblock.base import Source, Superblock, le, padded, power_of_two, serial, utf16

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_FAT12_CLUSTERS = 0x0FF4
_FAT16_CLUSTERS = 0xFFF4
_FAT32_CLUSTERS = 0x0FFFFFF6
# A directory that is longer than this holds its label in front, or the chain of its clusters is a loop.
_DIRECTORY_CLUSTERS = 100
_DIRECTORY_BYTES = 0x10000


class _Fat:
    """The boot sector of a FAT file system, as far as the label needs it."""

    def __init__(self, boot: bytes) -> None:
        self.sector = le(boot, 11, 2)
        self.cluster_sectors = boot[13]
        self.reserved = le(boot, 14, 2)
        self.root_entries = le(boot, 17, 2)
        self.is_32 = not le(boot, 22, 2)
        self.fat_sectors = le(boot, 22, 2) or le(boot, 36, 4)
        self.data_sector = self.reserved + self.fat_sectors * boot[16]
        self.root_cluster = le(boot, 44, 4)
        sectors = le(boot, 19, 2) or le(boot, 32, 4)
        root_sectors = (self.root_entries * 32 + self.sector - 1) // self.sector if self.sector else 0
        self.clusters = (sectors - self.data_sector - root_sectors) // (self.cluster_sectors or 1)

    def is_sound(self, boot: bytes) -> bool:
        """Whether the numbers can be those of a file system."""
        return (
            power_of_two(self.sector)
            and 512 <= self.sector <= 4096
            and power_of_two(self.cluster_sectors)
            and self.reserved > 0
            and boot[16] > 0
            and (boot[21] >= 0xF8 or boot[21] == 0xF0)
            and 0 <= self.clusters <= (_FAT32_CLUSTERS if self.is_32 else _FAT16_CLUSTERS)
        )


def _fat(source: Source) -> tuple[_Fat, bytes] | None:
    boot = source.read(0, 512)
    named = boot[0x52:0x5A] == b"FAT32   " or boot[0x52:0x57] == b"MSWIN" or boot[0x36:0x3B] == b"MSDOS"
    named = named or boot[0x36:0x3E] in {b"FAT16   ", b"FAT12   ", b"FAT     "}
    # Without a name the jump and the signature have to do, and OS/2's JFS and HPFS have both.
    if not named and (boot[510:] != b"\x55\xaa" or boot[0x36:0x3E] in {b"JFS     ", b"HPFS    "}):
        return None
    fat = _Fat(boot)
    return (fat, boot) if fat.is_sound(boot) and not bitlocker(source) else None


def is_fat(source: Source) -> bool:
    """Whether the first sector is the boot sector of a FAT file system, and so no partition table."""
    return _fat(source) is not None


def vfat(source: Source) -> Superblock | None:
    """FAT12, FAT16 and FAT32, all of them ``vfat``. The label is the one in the root directory, as in Windows."""
    found = _fat(source)
    if found is None:
        return None
    fat, boot = found
    if fat.is_32:
        return Superblock("vfat", version="FAT32", label=_fat_label(source, fat), uuid=serial(boot[0x43:0x47]))
    version = "FAT12" if fat.clusters < _FAT12_CLUSTERS else "FAT16"
    uuid = serial(boot[0x27:0x2B]) if boot[0x26] in {0x28, 0x29} else ""
    return Superblock("vfat", version=version, label=_fat_label(source, fat), uuid=uuid)


def _fat_label(source: Source, fat: _Fat) -> bytes:
    for directory in _fat32_root(source, fat) if fat.is_32 else _fat16_root(source, fat):
        for start in range(0, len(directory) - 31, 32):
            entry = directory[start : start + 32]
            if entry[0] == 0:
                return b""
            if entry[0] != 0xE5 and not any(entry[20:22] + entry[26:28]) and entry[11] & 0x3F != 0x0F:
                name = entry[:11] if entry[0] != 0x05 else b"\xe5" + entry[1:11]
                if entry[11] & 0x18 == 0x08:
                    return padded(name)
    return b""


def _fat16_root(source: Source, fat: _Fat) -> "Iterator[bytes]":
    yield source.pread(fat.data_sector * fat.sector, min(fat.root_entries * 32, _DIRECTORY_BYTES))


def _fat32_root(source: Source, fat: _Fat) -> "Iterator[bytes]":
    cluster, entries = fat.root_cluster, fat.fat_sectors * fat.sector // 4
    for _turn in range(_DIRECTORY_CLUSTERS):
        if not 2 <= cluster < entries:
            return
        sector = fat.data_sector + (cluster - 2) * fat.cluster_sectors
        yield source.pread(sector * fat.sector, min(fat.cluster_sectors * fat.sector, _DIRECTORY_BYTES))
        cluster = le(source.pread(fat.reserved * fat.sector + cluster * 4, 4), 0, 4) & 0x0FFFFFFF


def exfat(source: Source) -> Superblock | None:
    """exFAT; the label is an entry of the root directory, in UTF-16."""
    boot = source.read(0, 512)
    if boot[:11] != b"\xeb\x76\x90EXFAT   " or boot[510:] != b"\x55\xaa" or any(boot[11:64]):
        return None
    sector_log, cluster_log = boot[108], boot[109]
    if not 9 <= sector_log <= 12 or cluster_log > 25 - sector_log:
        return None
    return Superblock(
        "exfat",
        version=f"{boot[105]}.{boot[104]}",
        label=_exfat_label(source, boot, sector_log, sector_log + cluster_log),
        uuid=serial(boot[100:104]),
    )


def _exfat_label(source: Source, boot: bytes, sector_log: int, cluster_log: int) -> bytes:
    fat, heap = le(boot, 80, 4) << sector_log, le(boot, 88, 4) << sector_log
    clusters, cluster = le(boot, 92, 4), le(boot, 96, 4)
    for _turn in range(_DIRECTORY_CLUSTERS):
        if not 2 <= cluster < clusters + 2:
            break
        directory = source.pread(heap + ((cluster - 2) << cluster_log), min(1 << cluster_log, _DIRECTORY_BYTES))
        for start in range(0, len(directory) - 31, 32):
            if directory[start] == 0:
                return b""
            if directory[start] == 0x83:
                return utf16(directory[start + 2 : start + 2 + 2 * min(directory[start + 1], 11)], "le")
        cluster = le(source.pread(fat + cluster * 4, 4), 0, 4)
    return b""


def is_ntfs(source: Source) -> bool:
    """Whether the first sector is NTFS' boot sector, and so no partition table."""
    return _ntfs(source) is not None


def _ntfs(source: Source) -> tuple[bytes, int, int] | None:
    """The boot sector, where the master file table begins and how long its records are."""
    boot = source.read(0, 512)
    if boot[3:11] != b"NTFS    ":
        return None
    sector, per_cluster = le(boot, 11, 2), boot[13]
    if not power_of_two(sector) or not 256 <= sector <= 4096:
        return None
    # Above 128 sectors the number is the negative of a logarithm.
    cluster = sector * (per_cluster if per_cluster <= 128 else 1 << min(256 - per_cluster, 31))
    per_record = boot[64] - 256 if boot[64] > 127 else boot[64]
    record = per_record * cluster if per_record > 0 else 1 << min(-per_record, 31)
    if not power_of_two(cluster) or not 256 <= record <= 4096:
        return None
    table = le(boot, 48, 8) * cluster
    return (boot, table, record) if source.pread(table, 4) == b"FILE" else None


def ntfs(source: Source) -> Superblock | None:
    """NTFS; the label is an attribute of the fourth record of the master file table, ``$Volume``."""
    found = _ntfs(source)
    if found is None:
        return None
    boot, table, length = found
    serial_number = le(boot, 72, 8)
    record = source.pread(table + 3 * length, length)
    label = _ntfs_label(record) if record[:4] == b"FILE" else b""
    return Superblock("ntfs", label=label, uuid=f"{serial_number:016X}" if serial_number else "")


def _ntfs_label(record: bytes) -> bytes:
    at = le(record, 20, 2)
    while at + 24 <= len(record):
        kind, length = le(record, at, 4), le(record, at + 4, 4)
        if kind == 0xFFFFFFFF or length == 0:
            break
        if kind == 0x60:
            value = at + le(record, at + 20, 2)
            return utf16(record[value : value + min(le(record, at + 16, 4), 256)], "le")
        at += length
    return b""


def bitlocker(source: Source) -> Superblock | None:
    """A volume that BitLocker encrypts; nothing else of it can be read without the key."""
    boot = source.read(0, 512)
    marks = (
        boot[3:11] == b"-FVE-FS-",
        boot[3:11] == b"MSWIN4.1" and boot[424:432] == b"\x3b\xd6\x67\x49\x29\x2e\xd8\x4a",
    )
    return Superblock("BitLocker", "crypto") if any(marks) else None
