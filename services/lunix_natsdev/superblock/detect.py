"""Which file system, volume or partition table is on a device: bytes in, facts out, in the words of blkid(8).

Every parser reads a few blocks at fixed places and follows no chain beyond a bound, so the time is linear in what is
read, whatever the bytes say; none raises anything but ``ShortRead``.
"""

from lunix_natsdev.superblock.base import ShortRead, Source, Superblock
from lunix_natsdev.superblock.disc import iso9660, udf
from lunix_natsdev.superblock.dos import bitlocker, exfat, ntfs, vfat
from lunix_natsdev.superblock.linux import btrfs, erofs, ext, f2fs, squashfs, swap, xfs
from lunix_natsdev.superblock.table import Partitions, partitions
from lunix_natsdev.superblock.volume import linux_raid, luks, lvm2

# What holds other volumes comes first, for what is inside of them may show through.
_PARSERS = (
    linux_raid,
    bitlocker,
    lvm2,
    luks,
    vfat,
    swap,
    xfs,
    ext,
    udf,
    iso9660,
    ntfs,
    squashfs,
    btrfs,
    exfat,
    f2fs,
    erofs,
)
# A disc may be both, so that each system finds what it knows.
_TOGETHER = frozenset({"udf", "iso9660"})
_FLOPPY_BYTES = 1440 * 1024
_LEAST_BYTES = 1024


class Facts:
    """What is on a device. Empty values mean that it has none."""

    __slots__ = ("ambivalent", "part_label", "part_uuid", "superblock", "table", "table_uuid")

    def __init__(self, superblock: Superblock | None, ambivalent: bool, table: Partitions | None) -> None:
        self.superblock = superblock
        self.ambivalent = ambivalent
        """Two signatures that cannot both be meant: nobody should mount this, and ``superblock`` is ``None``."""
        self.table = table.type if table else ""
        self.table_uuid = table.uuid if table else ""
        self.part_uuid = ""
        self.part_label = b""

    def place(self, disk: Source, number: int) -> None:
        """Add what the partition table of ``disk`` says about its partition ``number``, which this device is."""
        try:
            table = partitions(disk)
        except ShortRead:
            return
        if table is not None:
            self.part_uuid = table.part_uuid(number)
            self.part_label = table.part_label(number)


def identify(source: Source) -> Facts:
    """What is on this device."""
    found: list[Superblock] = []
    if source.size > _LEAST_BYTES:
        for parse in _PARSERS:
            superblock = _try(parse, source)
            if superblock is None or (superblock.usage == "raid" and source.size <= _FLOPPY_BYTES):
                continue
            found.append(superblock)
            if superblock.usage in {"raid", "crypto"} or source.size <= _FLOPPY_BYTES:
                break
    ambivalent = len(found) > 1 and not {superblock.type for superblock in found} <= _TOGETHER
    superblock = found[0] if found and not ambivalent else None
    return Facts(superblock, ambivalent, _try(partitions, source))


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


def _try(parse: "Callable[[Source], T | None]", source: Source) -> "T | None":
    try:
        return parse(source)
    except ShortRead:
        return None
