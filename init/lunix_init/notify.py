"""What a service says on its notification socket (sd_notify(3)).

A datagram holds lines `KEY=VALUE`. What lunix-init acts on is read into a `Notice`; everything else
is left aside, as the protocol demands. A value that makes no sense is treated as not said: a
service must not be able to harm its supervisor with a datagram.
"""

import re
from typing import NamedTuple

MAX_BYTES = 4096
_DIGITS = re.compile(rb"[0-9]{1,18}")


class Notice(NamedTuple):
    """One datagram: the flags that were raised and the values that were given."""

    ready: bool = False
    reloading: bool = False
    stopping: bool = False
    pet: bool = False  # WATCHDOG=1
    trigger: bool = False  # WATCHDOG=trigger: act as if the watchdog had run out
    status: str | None = None
    main_pid: int | None = None
    errno: int | None = None
    extend_s: float | None = None  # EXTEND_TIMEOUT_USEC
    watchdog_s: float | None = None  # WATCHDOG_USEC: a new period


def parse(datagram: bytes) -> Notice:
    """Read one datagram; never raises."""
    said: dict[str, object] = {}
    for line in datagram[:MAX_BYTES].split(b"\n"):
        key, mark, value = line.partition(b"=")
        if mark:
            _read(said, key, value)
    return Notice(**said)  # type: ignore[arg-type]


_FLAGS = {b"READY": "ready", b"RELOADING": "reloading", b"STOPPING": "stopping"}
_NUMBERS = {b"MAINPID": "main_pid", b"ERRNO": "errno"}
_TIMES = {b"EXTEND_TIMEOUT_USEC": "extend_s", b"WATCHDOG_USEC": "watchdog_s"}


def _read(said: dict[str, object], key: bytes, value: bytes) -> None:
    if key in _FLAGS:
        if value == b"1":
            said[_FLAGS[key]] = True
    elif key == b"WATCHDOG":
        if value in (b"1", b"trigger"):
            said["pet" if value == b"1" else "trigger"] = True
    elif key == b"STATUS":
        said["status"] = printable(value.decode(errors="replace"))
    elif _DIGITS.fullmatch(value):
        if key in _NUMBERS and int(value) < 1 << 31:
            said[_NUMBERS[key]] = int(value)
        elif key in _TIMES:
            said[_TIMES[key]] = int(value) / 1e6


def printable(text: str, most: int = 256) -> str:
    """Cut a text that came from outside, without what a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text[:most]).strip()
