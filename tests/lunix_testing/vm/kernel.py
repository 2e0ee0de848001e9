"""Takes the plain kernel out of a bzImage (Documentation/arch/x86/boot.rst).

QEMU starts the plain ELF file by its PVH entry: without firmware, and without the emulated processor unpacking xz, a
machine boots in half the time.
"""

import lzma
import struct

_SECTOR = 512
_SETUP_SECTORS = 0x1F1
_PAYLOAD_OFFSET = 0x248
_XZ_MAGIC = b"\xfd7zXZ\0"


def plain_kernel(image: bytes) -> bytes | None:
    """The ELF file in a bzImage, ``None`` where it is compressed with anything but xz."""
    # A count of 0 stands for 4, from the times of boot sectors.
    setup_sectors = image[_SETUP_SECTORS] or 4
    offset, length = struct.unpack_from("<II", image, _PAYLOAD_OFFSET)
    start = (setup_sectors + 1) * _SECTOR + offset
    payload = image[start : start + length]
    if not payload.startswith(_XZ_MAGIC):
        return None
    # The decompressor stops at the end of the stream; behind it is the unpacked size.
    return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload)
