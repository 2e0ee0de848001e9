"""/dev/input/event*: input devices, by ioctl(2). ``Documentation/input/input.rst`` of the kernel.

A keyboard can have a power key too. The kernel is asked for the lid and the buttons alone (``EVIOCSMASK``, Linux 4.4):
what is typed neither wakes us nor reaches us. Where it cannot be asked for that, keyboards are left alone.
"""

import ctypes
import fcntl
import os
from pathlib import Path
from typing import NamedTuple

from lunix_power import switches
from lunix_power.switches import EV_KEY, EV_SW, KEY_BYTES, KEY_POWER, KEY_SLEEP, SW_LID, SWITCH_BYTES, Abilities

FOLDER = Path("/dev/input")
_KEY_A = 30
_NAME_BYTES = 256
_READ = 2


class Device(NamedTuple):
    """An open one."""

    descriptor: int
    name: str
    abilities: Abilities

    def closed(self) -> bool:
        """Whether its lid is closed now."""
        return switches.bit(_ioctl(self.descriptor, _eviocgsw(SWITCH_BYTES), SWITCH_BYTES), SW_LID)

    def read(self) -> bytes:
        """The events that wait; nothing where none do. Raises ``OSError`` when it is gone."""
        try:
            return os.read(self.descriptor, switches.EVENT.size * 64)
        except BlockingIOError:
            return b""


def open_device(path: Path) -> Device | None:
    """Open one that has a lid or a button; ``None`` for any other. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        keys = _ioctl(descriptor, _eviocgbit(EV_KEY, KEY_BYTES), KEY_BYTES)
        can = switches.abilities(keys, _ioctl(descriptor, _eviocgbit(EV_SW, SWITCH_BYTES), SWITCH_BYTES))
        if can.any and (_only_ours(descriptor) or not switches.bit(keys, _KEY_A)):
            name = _ioctl(descriptor, _eviocgname(_NAME_BYTES), _NAME_BYTES)
            return Device(descriptor, name.partition(b"\0")[0].decode("utf-8", "backslashreplace"), can)
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _only_ours(descriptor: int) -> bool:
    try:
        # Of synchronisation the kernel tells nothing where it told no event before; what else there is, is masked.
        for kind in range(1, 0x20):
            wanted = {EV_KEY: (KEY_POWER, KEY_SLEEP), EV_SW: (SW_LID,)}.get(kind, ())
            _set_mask(descriptor, kind, switches.mask(wanted, KEY_BYTES))
    except OSError:
        return False
    return True


def _set_mask(descriptor: int, kind: int, bits: bytes) -> None:
    buffer = ctypes.create_string_buffer(bits, len(bits))

    class InputMask(ctypes.Structure):
        _fields_ = (("type", ctypes.c_uint32), ("codes_size", ctypes.c_uint32), ("codes_ptr", ctypes.c_uint64))

    mask = InputMask(kind, len(bits), ctypes.addressof(buffer))
    fcntl.ioctl(descriptor, _ioc(1, 0x93, ctypes.sizeof(mask)), bytes(mask))


def _ioctl(descriptor: int, request: int, size: int) -> bytes:
    return bytes(fcntl.ioctl(descriptor, request, bytes(size)))


def _ioc(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | ord("E") << 8 | number


def _eviocgname(size: int) -> int:
    return _ioc(_READ, 0x06, size)


def _eviocgsw(size: int) -> int:
    return _ioc(_READ, 0x1B, size)


def _eviocgbit(kind: int, size: int) -> int:
    return _ioc(_READ, 0x20 + kind, size)
