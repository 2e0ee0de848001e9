"""The beginning of an X11 connection: pure, what a client says first, and what the display tells of itself."""

import struct
from dataclasses import dataclass

from lunix_x11.wire import Refused, Visual, pad, padded

_TRUE_COLOR = 4


@dataclass(frozen=True)
class Setup:
    """What the display tells of itself as we connect."""

    id_base: int
    id_mask: int
    max_request_bytes: int
    root: int
    size: tuple[int, int]
    opaque: Visual
    """24 bits of red, green and blue: the root window's, or one like it."""
    translucent: Visual | None
    """The same with 8 bits of alpha, which a compositor heeds."""
    root_visual: int


def hello(name: bytes, data: bytes) -> bytes:
    """The first bytes of a client, with the name and data of its authorization."""
    return struct.pack("<BxHHHHxx", 0x6C, 11, 0, len(name), len(data)) + padded(name) + padded(data)


def setup_size(head: bytes) -> int:
    """How many bytes follow the first eight of the display's answer."""
    size: int = struct.unpack_from("<H", head, 6)[0] * 4
    return size


def parse_setup(head: bytes, rest: bytes, screen: int) -> Setup:
    """Read the display's answer for the screen of this number; raise ``Refused``."""
    if head[0] != 1:
        reason = rest[: head[1] if head[0] == 0 else len(rest)].decode("latin-1").strip("\0\n ")
        raise Refused(reason or "no reason given")
    try:
        return _parse_setup(rest, screen)
    except (struct.error, IndexError) as error:
        raise Refused("its greeting is malformed") from error


def _parse_setup(rest: bytes, screen: int) -> Setup:
    base, mask, _motion, vendor, longest, screens, formats, order = struct.unpack_from("<IIIHHBBB", rest, 4)
    if order != 0:
        raise Refused("it wants pixels with the most significant byte first")
    if screen >= screens:
        raise Refused(f"it has no screen {screen}")
    offset = 32 + pad(vendor) + 8 * formats
    for _ in range(screen):
        _before, offset = _visuals(rest, offset + 40, rest[offset + 39])
    root, width, height, root_visual, depths = _screen(rest, offset)
    visuals, _end = _visuals(rest, offset + 40, depths)
    opaque = next((one for one in visuals if one.id == root_visual and one.depth == 24), None)
    opaque = opaque or next((one for one in visuals if one.depth == 24), None)
    if opaque is None:
        raise Refused("it has no colours of 24 bits")
    translucent = next((one for one in visuals if one.depth == 32), None)
    return Setup(base, mask, longest * 4, root, (width, height), opaque, translucent, root_visual)


def _screen(rest: bytes, offset: int) -> tuple[int, int, int, int, int]:
    root, width, height = struct.unpack_from("<I16xHH", rest, offset)
    visual, depths = struct.unpack_from("<I3xB", rest, offset + 32)
    return root, width, height, visual, depths


def _visuals(rest: bytes, offset: int, depths: int) -> tuple[list[Visual], int]:
    """Those of 24 bits of colour, red first; and where the next screen begins."""
    found: list[Visual] = []
    for _ in range(depths):
        depth, count = struct.unpack_from("<BxH", rest, offset)
        offset += 8
        for _ in range(count):
            id_, kind, red, green, blue = struct.unpack_from("<IB3xIII", rest, offset)
            offset += 24
            if kind == _TRUE_COLOR and (red, green, blue) == (0xFF0000, 0xFF00, 0xFF):
                found.append(Visual(id_, depth))
    return found, offset
