"""Which display, and the key to it: pure, texts and bytes in, records out (X(7), Xsecurity(7))."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_DISPLAY = re.compile(
    r"(?:unix)?(?:(?P<host>[^:/]*|\[[0-9a-fA-F:]+\]))?:(?P<number>[0-9]{1,5})(?:\.(?P<screen>[0-9]{1,3}))?"
)
_LOCAL, _WILD, _INET = 256, 65535, 0
COOKIE = b"MIT-MAGIC-COOKIE-1"


@dataclass(frozen=True)
class Display:
    """The parts of ``DISPLAY``."""

    host: str
    """Empty for this machine's own, by a unix socket."""
    number: int
    screen: int = 0

    def __str__(self) -> str:
        return f"{self.host}:{self.number}.{self.screen}"


def parse(text: str) -> Display:
    """Read ``DISPLAY``; raise ``ValueError``."""
    found = _DISPLAY.fullmatch(text)
    if found is None:
        raise ValueError(f"DISPLAY = {text!r} is no display: write :0")
    return Display((found["host"] or "").strip("[]"), int(found["number"]), int(found["screen"] or 0))


def cookie(authority: bytes, display: Display, hostname: str) -> tuple[bytes, bytes]:
    """Name and data of the authorization in an Xauthority file; two times nothing where it has none."""
    addresses = {hostname.encode(), display.host.encode()} if display.host else {hostname.encode()}
    for family, address, number, name, data in _entries(authority):
        here = family == _WILD or (family in (_LOCAL, _INET) and address in addresses)
        if here and number in (b"", str(display.number).encode()) and name == COOKIE:
            return name, data
    return b"", b""


def _entries(authority: bytes) -> Iterator[tuple[int, bytes, bytes, bytes, bytes]]:
    offset = 0
    while offset + 2 <= len(authority):
        (family,) = struct.unpack_from(">H", authority, offset)
        offset += 2
        parts: list[bytes] = []
        while len(parts) < 4:
            size = int.from_bytes(authority[offset : offset + 2], "big")
            part = authority[offset + 2 : offset + 2 + size]
            if len(part) < size or offset + 2 > len(authority):
                return
            parts.append(part)
            offset += 2 + size
        yield family, parts[0], parts[1], parts[2], parts[3]


_DPI = re.compile(r"(?m)^Xft\.dpi[ \t]*:[ \t]*([0-9]{1,4}(?:\.[0-9]{1,6})?)[ \t]*$")


def scale_of(resources: str) -> float:
    """How many pixels a point of 96 to the inch takes, from the display's resources; 1 where they say nothing."""
    found = _DPI.search(resources)
    dpi = float(found[1]) if found else 96.0
    return min(max(dpi / 96.0, 0.5), 4.0)
