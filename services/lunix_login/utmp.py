"""Records of the files utmp, wtmp and btmp, of both word sizes. utmp(5), ``bits/utmp.h`` of glibc.

A record has 384 bytes where the C library keeps the layout of 32-bit machines (x86, arm, powerpc, s390x), and 400
where times are of 64 bits (aarch64, riscv64, loongarch64).
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from lunix_login.words import clean, terminal

SMALL = struct.Struct("=hxxi32s4s32s256shhiii16s20x")
LARGE = struct.Struct("=hxxi32s4s32s256shhqqq16s20x4x")
USER_PROCESS = 7
"""The type of a record that says that somebody is logged in; in btmp, somebody who was refused has 6 or 7."""
LOGIN_PROCESS = 6

_LARGE_MACHINES = ("aarch64", "riscv64", "loongarch64", "alpha", "ia64")
_START = datetime(1970, 1, 1, tzinfo=UTC)


class Record(NamedTuple):
    """What is used of one."""

    kind: int
    pid: int
    line: str | None
    user: str | None
    host: str | None
    at: datetime

    @property
    def key(self) -> str:
        """What tells its session from others."""
        return f"{self.line}:{self.pid}"


def layout(machine: str) -> struct.Struct:
    """The records of a machine, as ``os.uname().machine`` calls it."""
    return LARGE if machine in _LARGE_MACHINES else SMALL


def records(data: bytes, form: struct.Struct) -> Iterator[Record]:
    """The records in a file or a part of one; what is cut off at its end is left out."""
    whole = len(data) - len(data) % form.size
    for kind, pid, line, _id, user, host, _, _, _, seconds, micros, address in form.iter_unpack(data[:whole]):
        name = clean(_text(host)) or _address(address)
        yield Record(kind, pid, terminal(_text(line)), clean(_text(user)), name, _moment(seconds, micros))


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _moment(seconds: int, micros: int) -> datetime:
    # 253 402 300 799 is the last second of the year 9999.
    return _START + timedelta(seconds=min(max(seconds, 0), 253_402_300_799), microseconds=min(max(micros, 0), 999_999))


def _address(field: bytes) -> str | None:
    if not any(field):
        return None
    return str(IPv6Address(field) if any(field[4:]) else IPv4Address(field[:4]))
