"""The files of a process below ``/proc``, as bytes, to what they say. proc(5), cgroups(7)."""

import re
from typing import NamedTuple

from lunix_common.schemas.process import State

_STATES: dict[bytes, State] = {
    b"R": "running", b"S": "sleeping", b"D": "disk-sleep", b"I": "idle", b"T": "stopped", b"t": "traced",
    b"P": "parked", b"Z": "zombie", b"X": "dead", b"x": "dead",
}  # fmt: skip
_ESCAPED = re.compile(rb"\\([\\n])")


class Figures(NamedTuple):
    """What is used of ``/proc/<pid>/stat``; times in clock ticks."""

    cpu_ticks: int
    start_ticks: int
    """Since the machine was started."""
    pages: int


class Identity(NamedTuple):
    """What is used of ``/proc/<pid>/status``."""

    comm: bytes
    """The kernel's name of it, at most 15 bytes."""
    state: State
    ppid: int
    uid: int
    """The effective one."""


def figures(text: bytes) -> Figures:
    """Parse ``stat``; raise ``ValueError``.

    The name in it stands in brackets and may hold brackets and spaces itself; kernels differ in what they escape there.
    """
    _name, bracket, tail = text.rpartition(b")")
    fields = tail.split()
    if not bracket or len(fields) < 22:
        raise ValueError("no stat of a process")
    return Figures(int(fields[11]) + int(fields[12]), int(fields[19]), int(fields[21]))


def identity(text: bytes) -> Identity:
    """Parse ``status``; raise ``ValueError``."""
    # Not splitlines(): a name may hold a carriage return.
    lines = dict(line.split(b":\t", 1) for line in text.split(b"\n") if b":\t" in line)
    try:
        state = _STATES.get(lines[b"State"][:1], "unknown")
        return Identity(_unescaped(lines[b"Name"]), state, int(lines[b"PPid"]), int(lines[b"Uid"].split()[1]))
    except (KeyError, IndexError) as error:
        raise ValueError("no status of a process") from error


def _unescaped(name: bytes) -> bytes:
    r"""The kernel writes a line end in a name as ``\n`` and a backslash as ``\\``, and nothing else so."""
    return _ESCAPED.sub(lambda found: b"\n" if found[1] == b"n" else b"\\", name)


def arguments(text: bytes) -> list[bytes]:
    """Parse ``cmdline``. A program may have written what it likes there, such as its title in one piece."""
    return text.removesuffix(b"\0").split(b"\0") if text else []


def control_group(text: bytes) -> str | None:
    """The path in ``cgroup``: that of version 2 or, where that says nothing, of systemd's; ``None`` without both."""
    lines = [line.split(b":", 2) for line in text.split(b"\n")]
    paths = {line[1]: line[2] for line in lines if len(line) == 3}
    known = [paths[hierarchy] for hierarchy in (b"", b"name=systemd") if hierarchy in paths]
    telling = [path for path in known if path != b"/"]
    return (telling or known)[0].decode("utf-8", "backslashreplace") if known else None
