"""Thresholds of use as events of the kernel: nothing is sampled.

Pressure stall information tells when the processes of a cgroup stood still for want of a resource
for more than a share of a window (Documentation/accounting/psi.rst). The window is 2 s: shorter
ones need a capability. `memory.events` tells when a group met its memory limit. Both are heard as
EPOLLPRI.
"""

import os

WINDOW_US = 2_000_000


def open_trigger(group: str, resource: str, percent: int) -> int:
    """Return a descriptor that has EPOLLPRI when the threshold is crossed. Raises `OSError`."""
    fd = os.open(f"{group}/{resource}.pressure", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(fd, f"some {WINDOW_US * percent // 100} {WINDOW_US}\0".encode())
    except OSError:
        os.close(fd)
        raise
    return fd


def open_memory_events(group: str) -> int:
    """Return a descriptor that has EPOLLPRI when the group met a memory limit. Raises `OSError`."""
    fd = os.open(f"{group}/memory.events", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.read(fd, 4096)  # what happened before is not news
    return fd


def figures(fd: int) -> dict[str, float]:
    """Read what the file says: shares of stalled time in percent, or counts of memory events."""
    found: dict[str, float] = {}
    data = os.pread(fd, 4096, 0).decode(errors="replace")
    for line in data.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "some":
            words = dict(word.split("=") for word in rest.split())
            found = {key: float(words[key]) for key in ("avg10", "avg60") if key in words}
        elif rest.isdecimal():
            found[kind] = int(rest)
    return found
