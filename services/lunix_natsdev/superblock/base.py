"""What the parsers of superblocks share: where bytes come from, what they find, how numbers are written out.

These modules run in a child process that is started for each probe, so they import next to nothing: no ``typing``,
no ``dataclasses`` (7 and 12 ms).
"""


class ShortRead(Exception):
    """The device ends before the structure that was asked for."""


class Source:
    """A device or an image: ``size`` in bytes, and exact reads of a few of them."""

    def __init__(self, size: int) -> None:
        self.size = size

    def pread(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset``; fewer only at the end."""
        raise NotImplementedError

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``; raise ``ShortRead`` where there are not so many."""
        if offset < 0 or offset + length > self.size:
            raise ShortRead
        data = self.pread(offset, length)
        if len(data) != length:
            raise ShortRead
        return data


class Image(Source):
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        super().__init__(len(data))
        self._data = data

    def pread(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset``."""
        return self._data[offset : offset + length]


class Superblock:
    """What one signature says, in the words of blkid(8): ``ext4``, ``crypto_LUKS``, ``linux_raid_member``."""

    __slots__ = ("label", "type", "usage", "uuid", "uuid_sub", "version")

    def __init__(
        self,
        type_: str,
        usage: str = "filesystem",
        *,
        version: str = "",
        label: bytes = b"",
        uuid: str = "",
        uuid_sub: str = "",
    ) -> None:
        self.type = type_
        self.usage = usage
        self.version = version
        self.label = label
        self.uuid = uuid
        self.uuid_sub = uuid_sub


def le(data: bytes, offset: int, length: int) -> int:
    """An unsigned little-endian number inside ``data``."""
    return int.from_bytes(data[offset : offset + length], "little")


def be(data: bytes, offset: int, length: int) -> int:
    """An unsigned big-endian number inside ``data``."""
    return int.from_bytes(data[offset : offset + length], "big")


def power_of_two(number: int) -> bool:
    """Whether ``number`` is 1, 2, 4, 8 and so on."""
    return number > 0 and number & (number - 1) == 0


def dashed(raw: bytes) -> str:
    """16 bytes as ``8-4-4-4-12`` lower-case hexadecimal digits; all zeros mean that there is no UUID."""
    if not any(raw):
        return ""
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def guid(raw: bytes) -> str:
    """A GUID as UEFI stores it: the first three groups are little-endian."""
    return dashed(raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:])


def serial(raw: bytes) -> str:
    """The volume serial of the FAT family, ``ABCD-1234``; all zeros mean none."""
    digits = raw[::-1].hex().upper()
    return f"{digits[:4]}-{digits[4:]}" if any(raw) else ""


def padded(raw: bytes) -> bytes:
    """A label in a field of fixed length: up to the first NUL, without white space at its end."""
    return raw.split(b"\0", 1)[0].rstrip()


def utf16(raw: bytes, order: str) -> bytes:
    """A label in UTF-16 (``order`` is ``le`` or ``be``) as UTF-8; half a surrogate pair becomes bytes that are not."""
    text = raw[: len(raw) & ~1].decode(f"utf-16-{order}", "surrogatepass")
    return padded(text.encode("utf-8", "surrogatepass"))


def words(raw: bytes) -> str:
    """An identifier that is stored as text: printable, whatever the bytes are."""
    return padded(raw).decode("utf-8", "backslashreplace")
