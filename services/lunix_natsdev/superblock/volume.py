"""What holds other volumes: LUKS, LVM2 and Linux' software RAID.

Sources: the LUKS1 and LUKS2 on-disk format specifications, lvm2's ``lib/format_text/layout.h``, the kernel's
``include/uapi/linux/raid/md_p.h``.
"""

from lunix_natsdev.superblock.base import Source, Superblock, be, dashed, le, padded, words
from lunix_natsdev.superblock.table import is_covered

_MD_MAGIC = 0xA92B4EFC
_MD_RESERVED = 0x10000


def luks(source: Source) -> Superblock | None:
    """``crypto_LUKS`` of version 1 or 2; only the second has a label."""
    header = source.read(0, 512)
    if header[:6] != b"LUKS\xba\xbe":
        return None
    version = be(header, 6, 2)
    if version == 2 and be(header, 256, 8):
        return None
    label = padded(header[24:72]) if version == 2 else b""
    return Superblock("crypto_LUKS", "crypto", version=str(version), label=label, uuid=words(header[168:208]))


def lvm2(source: Source) -> Superblock | None:
    """A physical volume of LVM2: its label is in one of the first four sectors, and says in which."""
    for sector in range(4):
        label = source.read(sector * 512, 512)
        if label[:8] == b"LABELONE" and le(label, 8, 8) == sector and label[24:32] == b"LVM2 001":
            text = words(label[32:64])
            groups = (text[:6], *(text[at : at + 4] for at in range(6, 26, 4)), text[26:])
            return Superblock("LVM2_member", "raid", version="LVM2 001", uuid="-".join(groups))
    return None


def linux_raid(source: Source) -> Superblock | None:
    """A member of an md array; ``uuid`` is the array's, ``uuid_sub`` the member's own.

    Version 0.90 and 1.0 are near the end of the device, 1.1 at its beginning, 1.2 4 KiB behind it.
    """
    if source.size > _MD_RESERVED:
        found = _md_0(source, (source.size & ~(_MD_RESERVED - 1)) - _MD_RESERVED)
        found = found or _md_1(source, (source.size & ~0xFFF) - 0x2000, "1.0")
        if found:
            return found
    return _md_1(source, 0, "1.1") or _md_1(source, 0x1000, "1.2")


def _md_0(source: Source, offset: int) -> Superblock | None:
    block = source.read(offset, 128)
    number = le if le(block, 0, 4) == _MD_MAGIC else be
    if number(block, 0, 4) != _MD_MAGIC or number(block, 4, 4) != 0:
        return None
    used = number(block, 32, 4) << 10
    # The last partition may be the member, and its superblock is then at the end of the disk as well.
    if used > offset or is_covered(source, offset):
        return None
    minor = number(block, 8, 4)
    numbers = [number(block, at, 4).to_bytes(4, "big") for at in (20, 52, 56, 60)]
    uuid = dashed(b"".join(numbers) if minor >= 90 else numbers[0] + bytes(12))
    return Superblock("linux_raid_member", "raid", version=f"0.{minor}.{number(block, 12, 4)}", uuid=uuid)


def _md_1(source: Source, offset: int, version: str) -> Superblock | None:
    block = source.read(offset, 256) if offset + 256 <= source.size else bytes(256)
    if le(block, 0, 4) != _MD_MAGIC or le(block, 4, 4) != 1 or le(block, 144, 8) != offset >> 9:
        return None
    return Superblock(
        "linux_raid_member",
        "raid",
        version=version,
        label=padded(block[32:64]),
        uuid=dashed(block[16:32]),
        uuid_sub=dashed(block[168:184]),
    )
