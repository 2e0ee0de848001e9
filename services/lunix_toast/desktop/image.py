"""Pixels in notifications: pure. A stranger's numbers become a small PNG or ``ValueError``; ours become a hint."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence
from typing import cast

from lunix_toast.paint.pixels import Pixels

SIDE = 96
"""Pixels: what a card shows on a display of twice the usual dots."""
_MOST_SIDE = 32_768
_HEAD = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {3: 2, 4: 6}
"""PNG's colour types by the number of channels."""


def data_uri(fields: object) -> str:
    """The picture in an ``image-data`` hint (``iiibiiay``), shrunk; raise ``ValueError`` where it is none."""
    width, height, stride, has_alpha, bits, channels, data = _typed(fields)
    if bits != 8 or channels != (4 if has_alpha else 3):
        raise ValueError(f"an image of {channels} channels of {bits} bits")
    if not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE) or stride < width * channels:
        raise ValueError(f"an image of {width} x {height} pixels in rows of {stride} bytes")
    if len(data) < stride * (height - 1) + width * channels:
        raise ValueError(f"an image of {len(data)} bytes in place of {stride * height}")
    step = -(-max(width, height) // SIDE)
    rows = [
        _row(data, stride * y, stride * min(y + step // 2, height - 1), width, channels, step)
        for y in range(0, height, step)
    ]
    return "data:image/png;base64," + b64encode(_png(rows, channels)).decode("ascii")


def image_data(pixels: Pixels) -> list[object]:
    """The fields of an ``image-data`` hint: red first, the colours not multiplied by their opacity."""
    planes = [pixels.data[channel::4] for channel in range(4)]
    blue, green, red = (
        bytes(min(255, value * 255 // alpha) if alpha else 0 for value, alpha in zip(plane, planes[3], strict=True))
        for plane in planes[:3]
    )
    data = bytearray(len(pixels.data))
    data[0::4], data[1::4], data[2::4], data[3::4] = red, green, blue, planes[3]
    return [pixels.width, pixels.height, pixels.width * 4, True, 8, 4, bytes(data)]


def _typed(fields: object) -> tuple[int, int, int, bool, int, int, bytes]:
    if not isinstance(fields, list | tuple):
        raise ValueError("an image has seven parts")
    parts = cast("Sequence[object]", fields)
    if [type(part) for part in parts] != [int, int, int, bool, int, int, bytes]:
        raise ValueError("an image is three numbers, whether it has opacity, two numbers and bytes")
    return cast("tuple[int, int, int, bool, int, int, bytes]", tuple(parts))


def _row(data: bytes, above: int, below: int, width: int, channels: int, step: int) -> bytes:
    """A row of the small picture: each pixel the mean of four, spread over the square that it stands for."""
    size, jump, half = width * channels, channels * step, channels * (step // 2)
    count = -(-width // step)
    row = bytearray(count * channels)
    upper, lower = data[above : above + size], data[below : below + size]
    for channel in range(channels):
        planes = [line[channel::jump] for line in (upper, lower)]
        # The last square may be narrower than the others: its left edge stands for its middle.
        planes += [line[channel + half :: jump].ljust(count, b"\0") for line in (upper, lower)]
        if len(upper[channel + half :: jump]) < count:
            planes[2:] = [plane[:-1] + first[-1:] for plane, first in zip(planes[2:], planes[:2], strict=True)]
        row[channel::channels] = bytes(sum(four) // 4 for four in zip(*planes, strict=True))
    return bytes(row)


def _png(rows: Sequence[bytes], channels: int) -> bytes:
    width = len(rows[0]) // channels
    head = struct.pack(">IIBBBBB", width, len(rows), 8, _COLOUR_TYPES[channels], 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return _HEAD + _chunk(b"IHDR", head) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
