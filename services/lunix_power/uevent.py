"""What of a uevent says that something has to be looked at. ``lib/kobject_uevent.c`` of the kernel."""

from typing import Literal, NamedTuple

MOST_BYTES = 16_384

Subsystem = Literal["power_supply", "input"]
_SUBSYSTEMS: dict[bytes, Subsystem] = {b"power_supply": "power_supply", b"input": "input"}


class Uevent(NamedTuple):
    """Something happened to a device that is of ours."""

    subsystem: Subsystem
    action: str
    node: str | None
    """Below ``/dev``."""


def parse(datagram: bytes) -> Uevent | None:
    """The event in a message of the kernel; ``None`` for one of another subsystem, and for what is none."""
    pairs = [piece.partition(b"=") for piece in datagram.split(b"\0")[1:]]
    told = {name: value for name, equals, value in pairs if equals}
    subsystem = _SUBSYSTEMS.get(told.get(b"SUBSYSTEM", b""))
    if subsystem is None:
        return None
    node = told.get(b"DEVNAME", b"").decode("ascii", "replace")
    return Uevent(subsystem, told.get(b"ACTION", b"").decode("ascii", "replace"), node or None)
