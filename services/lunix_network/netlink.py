"""Netlink messages and their attributes: bytes in, records out, and requests the other way. netlink(7).

A datagram is a row of messages, each a header of 16 bytes and a body; a body is a structure of the family and a row of
attributes, each a length, a type and a value. All are aligned to four bytes, in the byte order of the machine.
"""

import struct
from collections.abc import Iterator, Mapping
from sys import byteorder
from typing import NamedTuple

ERROR, DONE = 2, 3
"""Types of messages that every family has."""
F_REQUEST, F_ACK, F_DUMP_INTR, F_DUMP = 0x1, 0x4, 0x10, 0x300

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERRNO = struct.Struct("=i")
_TYPE_BITS = 0x3FFF
"""Above are the marks "nested" and "in network order", which kernels set or not."""


class Malformed(ValueError):
    """Bytes that no kernel sends."""


class Message(NamedTuple):
    """One message."""

    type: int
    flags: int
    seq: int
    port: int
    body: bytes


Attributes = Mapping[int, bytes]


def messages(datagram: bytes) -> Iterator[Message]:
    """The messages of a datagram; raise ``Malformed`` at one that is cut, or shorter than its own header."""
    offset = 0
    while offset < len(datagram):
        if len(datagram) - offset < _HEADER.size:
            raise Malformed(f"{len(datagram) - offset} bytes are no message")
        length, kind, flags, seq, port = _HEADER.unpack_from(datagram, offset)
        if length < _HEADER.size or offset + length > len(datagram):
            raise Malformed(f"a message says that it has {length} bytes, of {len(datagram) - offset}")
        yield Message(kind, flags, seq, port, datagram[offset + _HEADER.size : offset + length])
        offset += _aligned(length)


def rows(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes of a body, in order; raise ``Malformed``."""
    offset = 0
    # What is behind the last one is padding.
    while len(data) - offset >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size or offset + length > len(data):
            raise Malformed(f"an attribute says that it has {length} bytes, of {len(data) - offset}")
        yield kind & _TYPE_BITS, data[offset + _ATTRIBUTE.size : offset + length]
        offset += _aligned(length)


def attributes(data: bytes) -> Attributes:
    """The attributes of a body by type; of several with one type the last, as in the kernel."""
    return dict(rows(data))


def failure(body: bytes) -> int:
    """The errno in a message of the type ``ERROR``, which 0 makes an acknowledgement, or ``DONE``."""
    if len(body) < _ERRNO.size:
        return 0
    (number,) = _ERRNO.unpack_from(body)
    return -int(number)


def request(kind: int, flags: int, seq: int, body: bytes) -> bytes:
    """A message to the kernel."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags | F_REQUEST, seq, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    """An attribute, padded."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def u32(value: bytes | None) -> int | None:
    """The number in an attribute of four bytes; ``None`` for one that is absent; raise ``Malformed``."""
    return _unsigned(value, 4)


def u16(value: bytes | None) -> int | None:
    """The same of two bytes."""
    return _unsigned(value, 2)


def _unsigned(value: bytes | None, size: int) -> int | None:
    if value is None:
        return None
    if len(value) != size:
        raise Malformed(f"{len(value)} bytes are no number of {8 * size} bits")
    return int.from_bytes(value, byteorder)


def i32(value: bytes | None) -> int | None:
    """The same, with a sign."""
    number = u32(value)
    return number if number is None or number < 1 << 31 else number - (1 << 32)


def string(value: bytes) -> bytes:
    """The text of an attribute, as bytes: what stands before the first NUL."""
    return value.partition(b"\0")[0]


def text(raw: bytes) -> str:
    r"""Bytes of the world as text: what is not UTF-8 stands as ``\xNN``."""
    return raw.decode("utf-8", "backslashreplace")


def head(layout: struct.Struct, body: bytes) -> tuple[int, ...]:
    """The structure that a body begins with; raise ``Malformed``."""
    if len(body) < layout.size:
        raise Malformed(f"{len(body)} bytes are shorter than the structure of the message")
    return layout.unpack_from(body)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
