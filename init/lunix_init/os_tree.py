"""Which processes belong to a service, where no cgroup tells it.

A process belongs to it when it is in the session of its main process, descends from one that does,
or carries the service's mark in its environment: a double fork with setsid escapes the first two
(its parent is init then), not the third. What wipes its environment as well escapes all of them;
only a cgroup holds that.

A pid is only a number: what is found here is signalled by pidfd, and only if the process behind it
still began at the same time.
"""

import os
import signal
from collections.abc import Collection, Iterable
from typing import NamedTuple

MARK = "LUNIX_MARK"


class Proc(NamedTuple):
    """One process: `started` is in clock ticks since boot, which tells pids that were reused."""

    pid: int
    ppid: int
    session: int
    started: int
    zombie: bool


def read(path: str, most: int = 1 << 16) -> bytes:
    """Read a small file of a pseudo file system at once; empty when it is gone or refused."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, most)
    except OSError:
        return b""
    finally:
        os.close(fd)


def process(pid: int) -> Proc | None:
    """Look at one process; None when there is none (proc_pid_stat(5))."""
    data = read(f"/proc/{pid}/stat")
    # The name is in parentheses and may hold anything, so what counts comes after the last one.
    fields = data[data.rfind(b")") + 2 :].split()
    if len(fields) < 20:
        return None
    zombie = fields[0] in (b"Z", b"X")
    return Proc(pid, int(fields[1]), int(fields[3]), int(fields[19]), zombie)


def processes() -> dict[int, Proc]:
    """Look at all processes."""
    found: dict[int, Proc] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 (names, not paths)
        if name.isdecimal():
            proc = process(int(name))
            if proc:
                found[proc.pid] = proc
    return found


def marks(pid: int) -> list[str]:
    """Return the marks that a process carries: its service's, and those of inits around it."""
    for entry in read(f"/proc/{pid}/environ", 1 << 20).split(b"\0"):
        if entry.startswith(MARK.encode() + b"="):
            return entry[len(MARK) + 1 :].decode(errors="replace").split("/")
    return []


def members(mark: str, session: int, roots: Collection[int], others: Collection[int]) -> list[Proc]:
    """Find the living processes of one service.

    `mark` is its mark, `session` the session of its main process (0: unknown), `roots` pids that
    are its for sure, `others` pids that are surely not (init and the other services).
    """
    found_all = processes()
    leader = found_all.get(session)
    # The number of a session whose leader is reaped may be used again by somebody else's.
    trusted = session if session and (leader is None or session in roots) else -1
    mine = {
        proc.pid
        for proc in found_all.values()
        if proc.pid not in others and (proc.pid in roots or proc.session == trusted or mark in marks(proc.pid))
    }
    return [found_all[pid] for pid in _with_descendants(found_all, mine, others)]


def descendants(pid: int) -> list[Proc]:
    """Find all living processes below one."""
    found_all = processes()
    return [found_all[x] for x in _with_descendants(found_all, {pid}, ()) if x != pid]


def carriers(prefix: str) -> list[Proc]:
    """Find the living processes with a mark that begins with `prefix`."""
    return [
        proc
        for proc in processes().values()
        if not proc.zombie and any(mark.startswith(prefix) for mark in marks(proc.pid))
    ]


def _with_descendants(found_all: dict[int, Proc], mine: set[int], others: Collection[int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for proc in found_all.values():
        children.setdefault(proc.ppid, []).append(proc.pid)
    work = list(mine)
    while work:
        for child in children.get(work.pop(), ()):
            if child not in mine and child not in others:
                mine.add(child)
                work.append(child)
    return [pid for pid in sorted(mine) if pid in found_all and not found_all[pid].zombie]


def open_pidfd(proc: Proc) -> int | None:
    """Hold on to a process that was found; None when it is gone, or is another one by now."""
    try:
        fd = os.pidfd_open(proc.pid)
    except OSError:
        return None
    now = process(proc.pid)
    if now is None or now.started != proc.started or now.zombie:
        os.close(fd)
        return None
    return fd


def send(pidfd: int, number: int) -> bool:
    """Signal a process; false when it is gone, or may not be signalled."""
    try:
        signal.pidfd_send_signal(pidfd, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_all(procs: Iterable[Proc], number: int) -> None:
    """Signal processes that were found."""
    for proc in procs:
        fd = open_pidfd(proc)
        if fd is not None:
            send(fd, number)
            os.close(fd)
