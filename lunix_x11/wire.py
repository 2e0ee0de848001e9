"""The part of the X11 protocol that lunix needs: pure, records to bytes and bytes to records.

Source: the X Window System Protocol, X Version 11; the extensions SHAPE 1.1, XFIXES 5 and RANDR 1.5. Numbers go over
the wire with the least significant byte first, which a client chooses as it connects. Coordinates are pixels.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

ATOM, STRING, WM_CLASS, WM_NAME = 4, 31, 67, 39
BUTTON_PRESS, MOTION, ENTER, LEAVE, DESTROY, CONFIGURE, PROPERTY = 4, 6, 7, 8, 17, 22, 28

BACK_PIXMAP, BORDER_PIXEL, OVERRIDE_REDIRECT, EVENT_MASK, COLORMAP = 0x1, 0x8, 0x200, 0x800, 0x2000
LISTEN_BUTTONS, LISTEN_POINTER, LISTEN_STRUCTURE, LISTEN_PROPERTIES = 0x4, 0x70, 0x20000, 0x400000
"""Masks of events: presses · motion, entering and leaving · changes of the window's size · of its properties."""

_INPUT_OUTPUT, _Z_PIXMAP, _REPLACE, _SET, _UNSORTED = 1, 2, 0, 0, 0
_ABOVE = 0
_HEAD = 32
MOST_REPLY_BYTES = 4 * 1024 * 1024
"""What is asked for is far smaller; a display that announces more is none."""


class Refused(Exception):
    """The display does not let us in, or speaks no protocol that we know."""


class Truncated(Exception):
    """More bytes are needed."""


class Rect(NamedTuple):
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Visual:
    """How pixels of a window are meant."""

    id: int
    depth: int


# --- requests -------------------------------------------------------------------------------------------------------


def pad(size: int) -> int:
    """The size with what fills its last four bytes up."""
    return size + -size % 4


def padded(data: bytes) -> bytes:
    """The bytes, the last four of them filled up."""
    return data.ljust(pad(len(data)), b"\0")


def request(opcode: int, detail: int, body: bytes) -> bytes:
    """Any request: its number, the byte that belongs to it, and what follows."""
    body = padded(body)
    return struct.pack("<BBH", opcode, detail, len(body) // 4 + 1) + body


def _values(values: dict[int, int]) -> bytes:
    """A mask's values, in the order of its bits."""
    return b"".join(struct.pack("<I", values[bit]) for bit in sorted(values))


def create_window(window: int, parent: int, place: Rect, visual: Visual, values: dict[int, int]) -> bytes:
    """A window that is not on the screen yet."""
    head = struct.pack("<IIhhHHHHII", window, parent, *place, 0, _INPUT_OUTPUT, visual.id, sum(values))
    return request(1, visual.depth, head + _values(values))


def change_window(window: int, values: dict[int, int]) -> bytes:
    """Change what ``create_window`` set."""
    return request(2, 0, struct.pack("<II", window, sum(values)) + _values(values))


def destroy_window(window: int) -> bytes:
    """Take the window from the screen, for good."""
    return request(4, 0, struct.pack("<I", window))


def map_window(window: int) -> bytes:
    """Put the window on the screen."""
    return request(8, 0, struct.pack("<I", window))


def unmap_window(window: int) -> bytes:
    """Take the window from the screen, for now."""
    return request(10, 0, struct.pack("<I", window))


def place_window(window: int, place: Rect) -> bytes:
    """Move and resize the window, above all others."""
    return request(12, 0, struct.pack("<IHxxiiIII", window, 0x4F, *place, _ABOVE))


def intern_atom(name: str) -> bytes:
    """Ask for the number of a name."""
    raw = name.encode("latin-1")
    return request(16, 0, struct.pack("<Hxx", len(raw)) + raw)


def atom_name(atom: int) -> bytes:
    """Ask for the name of a number."""
    return request(17, 0, struct.pack("<I", atom))


def set_property(window: int, name: int, kind: int, value: bytes | Sequence[int]) -> bytes:
    """Set a property, of bytes or of 32-bit numbers."""
    if isinstance(value, bytes):
        return request(18, _REPLACE, struct.pack("<IIIB3xI", window, name, kind, 8, len(value)) + value)
    numbers = struct.pack(f"<{len(value)}I", *value)
    return request(18, _REPLACE, struct.pack("<IIIB3xI", window, name, kind, 32, len(value)) + numbers)


def get_property(window: int, name: int, most_bytes: int) -> bytes:
    """Ask for a property, whatever its kind."""
    return request(20, 0, struct.pack("<IIIII", window, name, 0, 0, most_bytes // 4))


def send_event(window: int, mask: int, event: bytes) -> bytes:
    """Have the display hand an event to who listens to ``mask`` at a window."""
    return request(25, 0, struct.pack("<II", window, mask) + event)


def get_geometry(window: int) -> bytes:
    """Ask how large a window is."""
    return request(14, 0, struct.pack("<I", window))


def translate(window: int, to: int) -> bytes:
    """Ask where the upper left corner of a window is in another one."""
    return request(40, 0, struct.pack("<IIhh", window, to, 0, 0))


def get_input_focus() -> bytes:
    """Ask for the focus: the shortest question, whose answer says that all before it is answered."""
    return request(43, 0, b"")


def selection_owner(selection: int) -> bytes:
    """Ask for the window that owns a selection."""
    return request(23, 0, struct.pack("<I", selection))


def query_pointer(window: int) -> bytes:
    """Ask where the pointer is."""
    return request(38, 0, struct.pack("<I", window))


def create_pixmap(pixmap: int, drawable: int, width: int, height: int, depth: int) -> bytes:
    """A picture in the display."""
    return request(53, depth, struct.pack("<IIHH", pixmap, drawable, width, height))


def free_pixmap(pixmap: int) -> bytes:
    """Give a picture back; a window keeps it as its background."""
    return request(54, 0, struct.pack("<I", pixmap))


def create_gc(context: int, drawable: int) -> bytes:
    """A graphics context, which ``put_image`` asks for and makes no use of."""
    return request(55, 0, struct.pack("<III", context, drawable, 0))


def clear_area(window: int) -> bytes:
    """Have the whole window painted with its background anew."""
    return request(61, 0, struct.pack("<IhhHH", window, 0, 0, 0, 0))


def put_image(
    drawable: int, context: int, pixels: memoryview, width: int, depth: int, max_bytes: int
) -> Iterable[bytes]:
    """Requests that write rows of 32-bit pixels, none of them longer than the display takes."""
    rows = max(1, (min(max_bytes, 0x3FFFC) - 24) // (width * 4))
    stride = width * 4
    for row in range(0, len(pixels) // stride, rows):
        data = bytes(pixels[row * stride : (row + rows) * stride])
        head = struct.pack("<IIHHhhBBxx", drawable, context, width, len(data) // stride, 0, row, 0, depth)
        yield request(72, _Z_PIXMAP, head + data)


def create_colormap(colormap: int, window: int, visual: int) -> bytes:
    """The colours of a visual that is not the root window's."""
    return request(78, 0, struct.pack("<III", colormap, window, visual))


def query_extension(name: str) -> bytes:
    """Ask for an extension."""
    raw = name.encode("latin-1")
    return request(98, 0, struct.pack("<Hxx", len(raw)) + raw)


def shape(opcode: int, window: int, kind: int, rects: Iterable[Rect]) -> bytes:
    """Restrict where a window is (``kind`` 0) or takes the pointer (2) to these rectangles."""
    body = b"".join(struct.pack("<hhHH", *rect) for rect in rects)
    return request(opcode, 1, struct.pack("<BBBxIhh", _SET, kind, _UNSORTED, window, 0, 0) + body)


def xfixes_version(opcode: int) -> bytes:
    """Ask for XFIXES 5, which has to come first."""
    return request(opcode, 0, struct.pack("<II", 5, 0))


def xfixes_select(opcode: int, window: int, selection: int) -> bytes:
    """Be told when a selection gets another owner or loses it."""
    return request(opcode, 2, struct.pack("<III", window, selection, 7))


def randr_version(opcode: int) -> bytes:
    """Ask for RANDR 1.5, which has to come first."""
    return request(opcode, 0, struct.pack("<II", 1, 5))


def randr_select(opcode: int, window: int) -> bytes:
    """Be told when screens, CRTCs or outputs change."""
    return request(opcode, 4, struct.pack("<IHxx", window, 7))


def randr_monitors(opcode: int, window: int) -> bytes:
    """Ask for the monitors that are on."""
    return request(opcode, 42, struct.pack("<IB3x", window, 1))


# --- answers and events ---------------------------------------------------------------------------------------------


class Packet(NamedTuple):
    """A reply, an error or an event."""

    kind: int
    """0 an error, 1 a reply, else the number of an event."""
    sequence: int
    """Of the request that it answers, modulo 65536."""
    data: bytes


def take(buffer: bytearray) -> Packet:
    """Cut the first packet from the buffer; raise ``Truncated``, or ``Refused`` where it makes no sense."""
    if len(buffer) < _HEAD:
        raise Truncated
    kind = buffer[0] & 0x7F
    size = _HEAD
    if kind in (1, 35):  # a reply, a generic event
        size += struct.unpack_from("<I", buffer, 4)[0] * 4
        if size > MOST_REPLY_BYTES:
            raise Refused(f"a reply of {size} bytes")
        if len(buffer) < size:
            raise Truncated
    data = bytes(buffer[:size])
    del buffer[:size]
    return Packet(kind, struct.unpack_from("<H", data, 2)[0], data)


def number(reply: bytes) -> int:
    """The 32-bit number of an answer that is one: an atom, a window."""
    value: int = struct.unpack_from("<I", reply, 8)[0]
    return value


class Extension(NamedTuple):
    """An extension that is there."""

    opcode: int
    first_event: int


def extension(reply: bytes) -> Extension | None:
    """The answer to ``query_extension``."""
    return Extension(reply[9], reply[10]) if reply[8] else None


def name(reply: bytes) -> str:
    """The answer to ``atom_name``."""
    size: int = struct.unpack_from("<H", reply, 8)[0]
    return reply[_HEAD : _HEAD + size].decode("latin-1")


def property_bytes(reply: bytes) -> bytes:
    """The answer to ``get_property``, where its value is bytes; else nothing."""
    length: int = struct.unpack_from("<I", reply, 16)[0]
    return reply[_HEAD : _HEAD + length] if reply[1] == 8 else b""


def property_numbers(reply: bytes) -> tuple[int, ...]:
    """The answer to ``get_property``, where its value is 32-bit numbers; else nothing."""
    length = min(struct.unpack_from("<I", reply, 16)[0], (len(reply) - _HEAD) // 4)
    return struct.unpack_from(f"<{length}I", reply, _HEAD) if reply[1] == 32 else ()


def size(reply: bytes) -> tuple[int, int]:
    """The answer to ``get_geometry``: width and height."""
    width, height = struct.unpack_from("<HH", reply, 16)
    return width, height


def corner(reply: bytes) -> tuple[int, int]:
    """The answer to ``translate``."""
    x, y = struct.unpack_from("<hh", reply, 12)
    return x, y


def pointer(reply: bytes) -> tuple[int, int]:
    """The answer to ``query_pointer``."""
    x, y = struct.unpack_from("<hh", reply, 16)
    return x, y


class Monitor(NamedTuple):
    """A monitor that is on."""

    atom: int
    primary: bool
    place: Rect


def monitors(reply: bytes) -> list[Monitor]:
    """The answer to ``randr_monitors``; those without an area are left out."""
    found: list[Monitor] = []
    offset = _HEAD
    for _ in range(struct.unpack_from("<I", reply, 12)[0]):
        if offset + 24 > len(reply):
            break
        atom, primary, outputs, *place = struct.unpack_from("<IBxHhhHH", reply, offset)
        offset += 24 + 4 * outputs
        if all(place[2:]):
            found.append(Monitor(atom, bool(primary), Rect(*place)))
    return found


class Pointer(NamedTuple):
    """The pointer did something in a window."""

    button: int
    time_ms: int
    """Of the display's clock."""
    window: int
    x: int
    y: int


def pointer_event(event: bytes) -> Pointer:
    """A press, a motion, an entering or a leaving."""
    moment, window, x, y = struct.unpack_from("<I4xI4x4xhh", event, 4)
    return Pointer(event[1], moment, window, x, y)


def property_event(event: bytes) -> tuple[int, int]:
    """The window and the name of a property that changed."""
    window, atom = struct.unpack_from("<II", event, 4)
    return window, atom


def error_text(error: bytes) -> str:
    """An error, for the log."""
    value, minor, major = struct.unpack_from("<IHB", error, 4)
    return f"error {error[1]} of request {major}.{minor}, value {value:#x}"
