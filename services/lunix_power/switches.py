"""Input events: lids and buttons. ``include/uapi/linux/input.h`` and ``input-event-codes.h`` of the kernel."""

import struct
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

EV_SYN, EV_KEY, EV_SW = 0x00, 0x01, 0x05
SYN_DROPPED = 3
SW_LID = 0
KEY_POWER, KEY_SLEEP = 116, 142
KEY_BYTES, SWITCH_BYTES = 96, 4
"""Room for a bit of each key (``KEY_CNT`` is 768), and of each switch."""

EVENT = struct.Struct("llHHi")
"""``struct input_event`` of this machine: a time of two ``long``, type, code, value."""

_BUTTONS: dict[int, Literal["power", "sleep"]] = {KEY_POWER: "power", KEY_SLEEP: "sleep"}


class Abilities(NamedTuple):
    """What of ours a device can tell."""

    lid: bool
    buttons: bool

    @property
    def any(self) -> bool:
        """Whether it is worth listening to."""
        return self.lid or self.buttons


class Moved(NamedTuple):
    """The lid's switch."""

    closed: bool


class Pressed(NamedTuple):
    """A button, down; what follows while it is held is not told."""

    button: Literal["power", "sleep"]


class Dropped(NamedTuple):
    """The kernel had no room: the state has to be asked for."""


def bit(bits: bytes, number: int) -> bool:
    """Whether this bit is set, in the order of the kernel on machines whose least byte comes first."""
    return len(bits) > number // 8 and bool(bits[number // 8] >> number % 8 & 1)


def mask(numbers: Iterable[int], size: int) -> bytes:
    """The bits of these numbers."""
    bits = bytearray(size)
    for number in numbers:
        bits[number // 8] |= 1 << number % 8
    return bytes(bits)


def abilities(keys: bytes, switches: bytes) -> Abilities:
    """From the bits that ``EVIOCGBIT`` tells."""
    return Abilities(lid=bit(switches, SW_LID), buttons=any(bit(keys, key) for key in _BUTTONS))


def events(data: bytes, form: struct.Struct = EVENT) -> Iterator[Moved | Pressed | Dropped]:
    """What the events in a piece of the stream say; a cut one at its end, which the kernel never sends, is left out."""
    for _seconds, _micros, kind, code, value in form.iter_unpack(data[: len(data) - len(data) % form.size]):
        if kind == EV_SW and code == SW_LID:
            yield Moved(closed=value != 0)
        elif kind == EV_KEY and code in _BUTTONS and value == 1:
            yield Pressed(_BUTTONS[code])
        elif kind == EV_SYN and code == SYN_DROPPED:
            yield Dropped()
