"""Superblocks of Linux' own file systems and of swap space.

Sources: the kernel's ``fs/*/*.h`` and Documentation/filesystems/ext4, mkswap(8), squashfs' ``squashfs_fs.h``.
"""

from lunix_natsdev.superblock.base import Source, Superblock, be, dashed, le, padded, utf16

_EXT_HAS_JOURNAL = 0x0004
_EXT_JOURNAL_DEVICE = 0x0008
# What ext2 and ext3 of the kernel can mount; anything beyond makes it ext4.
_EXT23_RO_COMPAT = 0x0001 | 0x0002 | 0x0004
_EXT2_INCOMPAT = 0x0002 | 0x0010
_EXT3_INCOMPAT = _EXT2_INCOMPAT | 0x0004


def ext(source: Source) -> Superblock | None:
    """ext2, ext3, ext4, or a journal on its own device (``jbd``): their feature bits tell them apart."""
    block = source.read(1024, 1024)
    if block[56:58] != b"\x53\xef":
        return None
    compat, incompat, ro_compat = le(block, 92, 4), le(block, 96, 4), le(block, 100, 4)
    usage = "filesystem"
    if incompat & _EXT_JOURNAL_DEVICE:
        name, usage = "jbd", "other"
    elif ro_compat & ~_EXT23_RO_COMPAT or incompat & ~_EXT3_INCOMPAT:
        name = "ext4"
    elif compat & _EXT_HAS_JOURNAL:
        name = "ext3"
    else:
        name = "ext2"
    return Superblock(
        name,
        usage,
        version=f"{le(block, 76, 4)}.{le(block, 62, 2)}",
        label=padded(block[120:136]),
        uuid=dashed(block[104:120]),
    )


def xfs(source: Source) -> Superblock | None:
    """XFS; a few sizes have to agree with their logarithms, for ``XFSB`` alone is little."""
    block = source.read(0, 256)
    if block[:4] != b"XFSB":
        return None
    sizes = ((4, 4, 120, 512, 65536), (102, 2, 121, 512, 32768), (104, 2, 122, 256, 2048))
    for offset, length, log, least, most in sizes:
        size = be(block, offset, length)
        if not least <= size <= most or size != 1 << (block[log] & 31):
            return None
    return Superblock("xfs", label=padded(block[108:120]), uuid=dashed(block[32:48]))


def btrfs(source: Source) -> Superblock | None:
    """Btrfs: the UUID is the file system's, ``uuid_sub`` that of this one of its devices."""
    block = source.read(0x10000, 1024)
    if block[64:72] != b"_BHRfS_M":
        return None
    return Superblock(
        "btrfs",
        label=padded(block[0x12B : 0x12B + 256]),
        uuid=dashed(block[32:48]),
        uuid_sub=dashed(block[0x10B : 0x10B + 16]),
    )


def f2fs(source: Source) -> Superblock | None:
    """F2FS; version 1.0 had its label and UUID elsewhere."""
    block = source.read(1024, 2048)
    if block[:4] != b"\x10\x20\xf5\xf2":
        return None
    major, minor = le(block, 4, 2), le(block, 6, 2)
    version = f"{major}.{minor}"
    if version == "1.0":
        return Superblock("f2fs", version=version)
    return Superblock(
        "f2fs", version=version, label=utf16(block[0x7C : 0x7C + 1024], "le"), uuid=dashed(block[0x6C : 0x6C + 16])
    )


def squashfs(source: Source) -> Superblock | None:
    """Squashfs 4, which has neither label nor UUID; versions before it are ``squashfs3`` in either byte order."""
    block = source.read(0, 32)
    if block[:4] not in {b"hsqs", b"sqsh"}:
        return None
    number = be if block[:4] == b"sqsh" else le
    major, minor = number(block, 28, 2), number(block, 30, 2)
    return Superblock("squashfs" if major >= 4 else "squashfs3", version=f"{major}.{minor}")


def erofs(source: Source) -> Superblock | None:
    """EROFS; the block size is given by its logarithm, 9 to 16."""
    block = source.read(1024, 128)
    if block[:4] != b"\xe2\xe1\xf5\xe0" or not 9 <= block[12] <= 16:
        return None
    return Superblock("erofs", label=padded(block[64:80]), uuid=dashed(block[48:64]))


_PAGES = (0x1000, 0x2000, 0x4000, 0x8000, 0x10000)
_HIBERNATED = {
    b"S1SUSPEND\0": "s1suspend",
    b"S2SUSPEND\0": "s2suspend",
    b"ULSUSPEND\0": "ulsuspend",
    b"LINHIB0001": "linhib0001",
}


def swap(source: Source) -> Superblock | None:
    """Swap space of any page size, or the memory image that a hibernation left in it (``swsuspend``)."""
    if source.size < 10 * 4096:
        return None
    header = source.read(0, 0x1000)
    for page in _PAGES:
        mark = source.read(page - 10, 10)
        if mark == b"SWAP-SPACE":
            return Superblock("swap", "other", version="0")
        if mark == b"SWAPSPACE2":
            return _swap("swap", "1", header)
        if mark in _HIBERNATED:
            return _swap("swsuspend", _HIBERNATED[mark], header)
    return None


def _swap(name: str, version: str, header: bytes) -> Superblock | None:
    if version == "1" and (1 not in {le(header, 1024, 4), be(header, 1024, 4)} or not le(header, 1028, 4)):
        return None
    # Old versions of mkswap left garbage where label and UUID are now, and in the padding behind them.
    if header[1024 + 44 + 128 : 1024 + 44 + 136] != bytes(8):
        return Superblock(name, "other", version=version)
    return Superblock(name, "other", version=version, label=padded(header[1052:1068]), uuid=dashed(header[1036:1052]))
