"""The program that decodes one picture: a child for each, because decoders have had more holes than most code.

It is run as ``python -I -S -c …`` with the picture on descriptor 0 and the side of the square that it has to fit into,
and writes width, height and rows of pixels to its standard output. It may have so much memory and so much time, opens
nothing else, and holds none of the daemon's keys or sockets. gdk-pixbuf is what all desktops decode with; its header is
read first, so that a picture of too many pixels is never unpacked.
"""

import ctypes
import os
import resource
import struct
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_void_p

MOST_PIXELS = 64 * 1024 * 1024
_MEMORY_BYTES, _CPU_S = 768 * 1024 * 1024, 3
_PICTURE = b"/proc/self/fd/0"


def decode(side: int) -> bytes:
    """Descriptor 0, shrunk into a square of so many pixels; raise ``ValueError``."""
    library = ctypes.CDLL("libgdk_pixbuf-2.0.so.0")
    for name in ("get_file_info", "new_from_file_at_scale", "get_pixels"):
        getattr(library, f"gdk_pixbuf_{name}").restype = c_void_p
    library.gdk_pixbuf_get_file_info.argtypes = (c_char_p, POINTER(c_int), POINTER(c_int))
    width, height = c_int(), c_int()
    if not library.gdk_pixbuf_get_file_info(_PICTURE, byref(width), byref(height)):
        raise ValueError("no picture")
    if not 0 < width.value * height.value <= MOST_PIXELS:
        raise ValueError(f"{width.value} x {height.value} pixels")
    failure = c_void_p()
    pixbuf = c_void_p(
        library.gdk_pixbuf_new_from_file_at_scale(c_char_p(_PICTURE), side, side, c_int(1), byref(failure))
    )
    if not pixbuf:
        raise ValueError("a broken picture")
    wide: int = library.gdk_pixbuf_get_width(pixbuf)
    high: int = library.gdk_pixbuf_get_height(pixbuf)
    stride: int = library.gdk_pixbuf_get_rowstride(pixbuf)
    channels: int = library.gdk_pixbuf_get_n_channels(pixbuf)
    raw = ctypes.string_at(library.gdk_pixbuf_get_pixels(pixbuf), stride * (high - 1) + wide * channels)
    return struct.pack("=II", wide, high) + _for_cairo(raw, wide, high, stride, channels)


def _for_cairo(raw: bytes, width: int, height: int, stride: int, channels: int) -> bytes:
    """Blue first, the colours multiplied by their opacity."""
    pixels = bytearray(width * height * 4)
    rows = [raw[row * stride : row * stride + width * channels] for row in range(height)]
    joined = b"".join(rows)
    red, green, blue = (joined[channel::channels] for channel in range(3))
    if channels == 4:
        alpha = joined[3::4]
        red, green, blue = (
            bytes(c * a // 255 for c, a in zip(plane, alpha, strict=True)) for plane in (red, green, blue)
        )
    else:
        alpha = b"\xff" * (width * height)
    pixels[0::4], pixels[1::4], pixels[2::4], pixels[3::4] = blue, green, red, alpha
    return bytes(pixels)


def main(side: str) -> int:
    """Decode; 0 when it went well."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        data = decode(int(side))
    except (MemoryError, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    while data:
        data = data[os.write(1, data) :]
    return 0
