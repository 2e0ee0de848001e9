"""What is on discs, and on sticks made from their images: ISO 9660 with Joliet, and UDF.

Sources: ECMA-119, ECMA-167, OSTA's Universal Disk Format 2.60, the Joliet specification.
"""

from lunix_natsdev.superblock.base import Source, Superblock, le, padded, utf16

_SECTOR = 2048
_FIRST = 0x8000
_DESCRIPTORS = 16


def iso9660(source: Source) -> Superblock | None:
    """ISO 9660. Its date serves as UUID: of the last modification, or of the creation where there is none."""
    primary = joliet = b""
    for number in range(_DESCRIPTORS):
        descriptor = source.pread(_FIRST + number * _SECTOR, _SECTOR)
        if len(descriptor) < _SECTOR or descriptor[1:6] != b"CD001" or descriptor[0] == 255:
            break
        if descriptor[0] == 1 and not primary:
            primary = descriptor
        elif descriptor[0] == 2 and not joliet and descriptor[88:91] in {b"%/@", b"%/C", b"%/E"}:
            joliet = descriptor
    if not primary:
        return None
    uuid = _date(primary[830:847]) or _date(primary[813:830])
    label = _joliet(joliet[40:72], primary[40:72]) if joliet else padded(primary[40:72])
    return Superblock("iso9660", version="Joliet Extension" if joliet else "", label=label, uuid=uuid)


def _joliet(wide_field: bytes, plain: bytes) -> bytes:
    """The label that both are remains of.

    Joliet's has every character but only 16 of them, the plain one has 32 but only ``A-Z0-9_``: where one is the
    other's beginning, both are put together.
    """
    wide = wide_field.decode("utf-16-be", "replace").split("\0", 1)[0]
    merged = list(plain.decode("ascii", "replace"))
    for at, char in enumerate(wide):
        other = merged[at]
        if other == "_" or (other.upper() == char.upper() and not other.islower()):
            merged[at] = char
        elif char not in {"_", other} and other.upper() != char.upper():
            return padded(wide.encode()) or padded(plain)
    return padded("".join(merged).encode())


def _date(field: bytes) -> str:
    digits = field[:16]
    if (digits == b"0" * 16 and field[16] == 0) or not digits.strip(b"\0 "):
        return ""
    text = digits.decode("ascii", "backslashreplace")
    return "-".join((text[:4], *(text[at : at + 2] for at in range(4, 14, 2)), text[14:]))


def udf(source: Source) -> Superblock | None:
    """UDF: recognition sequence, then the anchor at block 256, then the descriptors that it points to."""
    for block in (512, 1024, 2048, 4096):
        if not _recognised(source, max(block, _SECTOR)):
            continue
        for number in (256, 512):
            anchor = source.pread(number * block, 512)
            if len(anchor) == 512 and le(anchor, 0, 2) == 2 and le(anchor, 12, 4) == number:
                return _udf_volume(source, block, le(anchor, 20, 4), le(anchor, 16, 4) // block)
    return None


def _recognised(source: Source, step: int) -> bool:
    for number in range(64):
        mark = source.pread(_FIRST + number * step, 6)[1:]
        if mark in {b"NSR02", b"NSR03"}:
            return True
        if mark not in {b"BEA01", b"BOOT2", b"CD001", b"CDW02", b"TEA01"}:
            return False
    return False


def _udf_volume(source: Source, block: int, first: int, count: int) -> Superblock | None:
    uuid, label, revision = "", b"", 0
    for number in range(first, first + min(count, 64)):
        descriptor = source.pread(number * block, 512)
        kind = le(descriptor, 0, 2)
        if len(descriptor) < 512 or kind in {0, 8} or le(descriptor, 12, 4) != number:
            break
        if kind == 1 and not uuid:
            uuid = _udf_uuid(_dstring(descriptor[72:200]))
        elif kind == 6 and descriptor[217:236] == b"*OSTA UDF Compliant":
            revision = revision or le(descriptor, 240, 2)
            label = label or padded(_dstring(descriptor[84:212]))
    if not revision:
        return None
    return Superblock("udf", version=f"{revision >> 8:x}.{revision & 255:02x}", label=label, uuid=uuid)


def _dstring(field: bytes) -> bytes:
    """A string of ECMA-167 as UTF-8: the first byte says how wide a character is, the last one how many bytes count."""
    used = field[1 : min(max(field[-1], 1), len(field) - 1)]
    if field[0] in {8, 254}:
        return used.split(b"\0", 1)[0].decode("latin-1").encode()
    return utf16(used, "be") if field[0] in {16, 255} else b""


def _udf_uuid(identifier: bytes) -> str:
    """16 digits: those that the volume set identifier begins with; what is no digit is written as two."""
    if len(identifier) < 8:
        return ""
    begin = identifier[:16].ljust(16, b"\0")
    digits = next((at for at in range(16) if begin[at] not in b"0123456789abcdefABCDEF"), 16)
    if digits < 8:
        return begin[:8].hex()
    if digits < 16:
        return begin[:8].decode().lower() + begin[8:12].hex()
    return begin.decode().lower()
