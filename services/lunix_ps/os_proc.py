"""``/proc``: the processes of this moment. A process may be gone at any step, and then is ``None``."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from lunix_ps import proc_text
from lunix_ps.proc_text import Figures, Identity

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
HERTZ = os.sysconf("SC_CLK_TCK")
COMMAND_BYTES = 4096
"""A command line may have megabytes."""

_PROC = Path("/proc")
_STATUS_BYTES = 4096


class Raw(NamedTuple):
    """A process as it is read for a listing."""

    pid: int
    who: Identity
    figures: Figures
    command: list[bytes]
    cgroup: str | None


def pids() -> Iterator[int]:
    """The numbers of all processes, rising."""
    with os.scandir(_PROC) as entries:
        yield from sorted(int(entry.name) for entry in entries if entry.name.isdecimal())


def figures(pid: int) -> Figures | None:
    """Its times and its memory."""
    found = _read(pid, "stat", _STATUS_BYTES)
    return proc_text.figures(found) if found else None


def identity(pid: int) -> Identity | None:
    """Its name, state, parent and user."""
    found = _read(pid, "status", _STATUS_BYTES)
    return proc_text.identity(found) if found else None


def command(pid: int) -> list[bytes]:
    """Its arguments, of their first bytes; kernel threads and zombies have none."""
    return proc_text.arguments(_read(pid, "cmdline", COMMAND_BYTES) or b"")


def process(pid: int) -> Raw | None:
    """All that a listing tells of it."""
    who, used = identity(pid), figures(pid)
    if who is None or used is None:
        return None
    cgroup = proc_text.control_group(_read(pid, "cgroup", 16 * 1024) or b"")
    return Raw(pid, who, used, command(pid), cgroup)


def started_at(ticks: int) -> datetime:
    """The moment that lies so many clock ticks behind the start of the machine."""
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    # The kernel knows hundredths; more would make one process have another start in each listing.
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=round(booted + ticks / HERTZ, 2))


def started_ns(ticks: int) -> int:
    """The same of the monotonic clock, which stands while the machine sleeps."""
    asleep = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return ticks * (1_000_000_000 // HERTZ) - asleep


def _read(pid: int, name: str, most: int) -> bytes | None:
    try:
        descriptor = os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    try:
        return os.read(descriptor, most)
    except (ProcessLookupError, PermissionError):
        return None
    finally:
        os.close(descriptor)
