"""What properties of windows mean, and messages to a window manager: pure, answers of the display in, records out.

Source: Extended Window Manager Hints, version 1.5, of freedesktop.org; ICCCM for WM_CLASS. What is in a property is
written by the window's own program, and is checked as any stranger's text.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lunix_common.schemas.wm import MoveRequest, Window, WindowType
from lunix_wm.text import decoded
from lunix_x11 import wire

ALL_DESKTOPS: Final = 0xFFFF_FFFF
MOST_WINDOWS: Final = 4096
MOST_BYTES: Final = 8192
"""Of a property that is a text: more than is told of it."""

ROOT = (
    "_NET_SUPPORTING_WM_CHECK", "_NET_SUPPORTED", "_NET_CLIENT_LIST", "_NET_ACTIVE_WINDOW", "_NET_DESKTOP_NAMES",
)  # fmt: skip
"""Of the root window; by the first one a window manager is found."""
OF_A_WINDOW = (
    "_NET_WM_NAME", "WM_NAME", "WM_CLASS", "_NET_WM_PID", "_NET_WM_DESKTOP", "_NET_WM_STATE", "_NET_WM_WINDOW_TYPE",
)  # fmt: skip
STATES = (
    "_NET_WM_STATE_HIDDEN", "_NET_WM_STATE_MAXIMIZED_VERT", "_NET_WM_STATE_MAXIMIZED_HORZ",
    "_NET_WM_STATE_FULLSCREEN", "_NET_WM_STATE_DEMANDS_ATTENTION",
)  # fmt: skip
TYPES: Mapping[str, WindowType] = {
    "_NET_WM_WINDOW_TYPE_NORMAL": "normal",
    "_NET_WM_WINDOW_TYPE_DIALOG": "dialog",
    "_NET_WM_WINDOW_TYPE_DOCK": "dock",
    "_NET_WM_WINDOW_TYPE_DESKTOP": "desktop",
    "_NET_WM_WINDOW_TYPE_UTILITY": "utility",
    "_NET_WM_WINDOW_TYPE_SPLASH": "splash",
}
FOCUS, CLOSE, MOVE, TO_DESKTOP = "_NET_ACTIVE_WINDOW", "_NET_CLOSE_WINDOW", "_NET_MOVERESIZE_WINDOW", "_NET_WM_DESKTOP"
I3 = "I3_SOCKET_PATH"
"""Of the root window: where i3 can be asked, once it runs."""
NAMES = (*ROOT, *OF_A_WINDOW, *STATES, *TYPES, CLOSE, MOVE, I3)
"""All whose numbers are asked for."""

_CLIENT_MESSAGE, _LISTEN_MANAGER = 33, 0x180000
_PAGER: Final = 2
"""Who asks, by the words of the specification: not a program for itself, but on behalf of a person."""
_STATIC_GRAVITY = 10


@dataclass
class Seen:
    """A window, as far as the display has answered."""

    net_name: bytes = b""
    name: bytes = b""
    app: str | None = None
    pid: int | None = None
    desktop: int | None = None
    states: frozenset[int] = frozenset()
    types: tuple[int, ...] = ()
    corner: tuple[int, int] | None = None
    size: tuple[int, int] | None = None

    def take(self, name: str, reply: bytes) -> None:
        """The answer about one of ``OF_A_WINDOW``."""
        text, numbers = wire.property_bytes(reply), wire.property_numbers(reply)
        match name:
            case "_NET_WM_NAME":
                self.net_name = text
            case "WM_NAME":
                self.name = text
            case "WM_CLASS":
                self.app = _app(text)
            case "_NET_WM_PID":
                # A number that no process can have is none, and cannot be told as one.
                self.pid = next((number for number in numbers if 0 < number < 2**22), None)
            case "_NET_WM_DESKTOP":
                self.desktop = next(iter(numbers), None)
            case "_NET_WM_STATE":
                self.states = frozenset(numbers)
            case _:
                self.types = numbers


def _app(wm_class: bytes) -> str | None:
    """The class, which is the second text of two; the first is the name of this instance."""
    instance, _, kind = wm_class.rstrip(b"\0").partition(b"\0")
    return decoded(kind or instance, "latin-1") or None


def window(number: int, seen: Seen, atoms: Mapping[str, int], names: Sequence[str], *, focused: bool) -> Window | None:
    """The window, once its place is known."""
    if seen.corner is None or seen.size is None:
        return None
    states = {name for name in STATES if atoms[name] in seen.states}
    return Window(
        id=id_of(number),
        title=decoded(seen.net_name) or decoded(seen.name, "latin-1"),
        app=seen.app,
        pid=seen.pid,
        type=_type(seen.types, atoms),
        workspace=None if seen.desktop in (None, ALL_DESKTOPS) else workspace(seen.desktop or 0, names),
        x=seen.corner[0],
        y=seen.corner[1],
        width=seen.size[0],
        height=seen.size[1],
        focused=focused,
        minimized="_NET_WM_STATE_HIDDEN" in states,
        maximized={"_NET_WM_STATE_MAXIMIZED_VERT", "_NET_WM_STATE_MAXIMIZED_HORZ"} <= states,
        fullscreen="_NET_WM_STATE_FULLSCREEN" in states,
        urgent="_NET_WM_STATE_DEMANDS_ATTENTION" in states,
    )


def _type(types: Sequence[int], atoms: Mapping[str, int]) -> WindowType:
    """The first one that is known of those by which a window calls itself."""
    for one in types:
        for name, kind in TYPES.items():
            if atoms[name] == one:
                return kind
    return "other" if types else "normal"


def id_of(number: int) -> str:
    """``x11:1400003``: hexadecimal, as other programs show it."""
    return f"x11:{number:x}"


def number_of(id_: str) -> int:
    """The window's number in an id that ``id_of`` made."""
    return int(id_.removeprefix("x11:"), 16)


def workspace(index: int, names: Sequence[str]) -> str:
    """The name of a desktop or, where it has none, its number from 1 on."""
    return names[index] if index < len(names) and names[index] else str(index + 1)


def desktop_names(raw: bytes) -> list[str]:
    """Take ``_NET_DESKTOP_NAMES`` apart."""
    return [decoded(one) for one in raw.split(b"\0")[:MOST_WINDOWS]]


def desktop_of(wanted: str, names: Sequence[str]) -> int | None:
    """The desktop of this name, or of this number from 1 on; ``None`` for neither."""
    if wanted in names:
        return names.index(wanted)
    if wanted.isascii() and wanted.isdecimal() and 0 < int(wanted[:6]) < 10_000:
        return int(wanted[:6]) - 1
    return None


def message(root: int, number: int, kind: int, data: Sequence[int]) -> bytes:
    """A request that asks the window manager something about a window."""
    numbers = [*data, 0, 0, 0, 0, 0][:5]
    event = struct.pack("<BBHII5I", _CLIENT_MESSAGE, 32, 0, number, kind, *(each & 0xFFFF_FFFF for each in numbers))
    return wire.send_event(root, _LISTEN_MANAGER, event)


def activate(root: int, number: int, atoms: Mapping[str, int]) -> bytes:
    """Have it come to the front."""
    return message(root, number, atoms[FOCUS], (_PAGER,))


def close(root: int, number: int, atoms: Mapping[str, int]) -> bytes:
    """Ask it to close."""
    return message(root, number, atoms[CLOSE], (0, _PAGER))


def to_desktop(root: int, number: int, atoms: Mapping[str, int], index: int) -> bytes:
    """Put it on another desktop."""
    return message(root, number, atoms[TO_DESKTOP], (index, _PAGER))


def place(root: int, number: int, atoms: Mapping[str, int], to: MoveRequest) -> bytes:
    """Move or resize it; coordinates are those of the window without its frame."""
    values = (to.x, to.y, to.width, to.height)
    given = sum(1 << bit for bit, value in enumerate(values, 8) if value is not None)
    flags = _STATIC_GRAVITY | given | _PAGER << 12
    return message(root, number, atoms[MOVE], (flags, *(value or 0 for value in values)))
