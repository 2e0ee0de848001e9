"""What ``/proc`` tells of processes and of who holds a port. Formats: proc(5)."""

import os
from contextlib import suppress
from pathlib import Path

_LISTENING = "0A"


def started(pid: int) -> int | None:
    """When a process began, in clock ticks since boot, which tells it from a later one; ``None`` where it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = text.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def uptime_s(pid: int) -> float | None:
    """For how many seconds a process has been running; ``None`` where it is gone."""
    ticks = started(pid)
    if ticks is None:
        return None
    up = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    return max(0.0, up - ticks / os.sysconf("SC_CLK_TCK"))


def memory_bytes(pid: int) -> int | None:
    """The memory of a process: its share of what is shared (PSS) where we may see that, else what is resident."""
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith(key):
                    return int(line.split()[1]) * 1024
    return None


def listener(port: int) -> str | None:
    """Who listens on a TCP port of a loopback or any address, for people; ``None`` where nobody does."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    return _holder(fields[9]) or f"a process of uid {fields[7]}"
    return None


def _holder(inode: str) -> str | None:
    wanted = f"socket:[{inode}]"
    for descriptors in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            if any(_target(path) == wanted for path in descriptors.iterdir()):
                name = (descriptors.parent / "comm").read_text(encoding="utf-8", errors="replace").strip()
                return f"{name} (pid {descriptors.parent.name})"
    return None


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
