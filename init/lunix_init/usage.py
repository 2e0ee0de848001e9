"""What services use: from their cgroups, else summed over their processes in /proc.

Numbers that nobody can tell are None.
"""

import os

from lunix_init import os_tree
from lunix_init.runner import Runner
from lunix_init.service import Service

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
Usage = dict[str, int | None]
KEYS = (
    "cpu_us",
    "memory_bytes",
    "memory_peak_bytes",
    "pids",
    "io_read_bytes",
    "io_write_bytes",
    "oom_kills",
)


def of_service(runner: Runner, service: Service) -> Usage:
    """Measure one service."""
    measured: Usage = service.group.measure() if service.group else {}
    if None in (measured.get("cpu_us"), measured.get("memory_bytes")):
        pids = [proc.pid for proc in runner.members(service)] if service.session else []
        summed = of_processes(pids)
        measured |= {key: value for key, value in summed.items() if measured.get(key) is None}
    return {key: measured.get(key) for key in KEYS}


def of_processes(pids: list[int]) -> Usage:
    """Sum what living processes use: what ended ones used is not in it."""
    cpu = memory = read = written = 0
    io_known = bool(pids)
    for pid in pids:
        fields = os_tree.read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if len(fields) > 21:
            cpu += (int(fields[11]) + int(fields[12])) * 1_000_000 // _TICKS
            memory += int(fields[21]) * _PAGE
        io = dict(line.split(b": ") for line in os_tree.read(f"/proc/{pid}/io").splitlines())
        io_known = io_known and bool(io)
        read += int(io.get(b"read_bytes", 0))
        written += int(io.get(b"write_bytes", 0))
    return {
        "cpu_us": cpu,
        "memory_bytes": memory,
        "pids": len(pids),
        "io_read_bytes": read if io_known else None,
        "io_write_bytes": written if io_known else None,
    }


def total(found: list[Usage]) -> Usage:
    """Add up what is known of each number."""
    sums: Usage = {}
    for key in KEYS:
        known = [value for one in found if (value := one[key]) is not None]
        sums[key] = sum(known) if known else None
    return sums
