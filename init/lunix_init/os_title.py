"""The name and the arguments that the kernel and `ps` show of this process."""

import ctypes
from collections.abc import Sequence

from lunix_init import os_libc, os_tree


def rename(name: str, argv: Sequence[str]) -> None:
    """Let the kernel and `ps` show another name and other arguments (before setuid)."""
    os_libc.prctl(os_libc.PR_SET_NAME, name.rpartition(".")[2][:15].encode())
    fields = os_tree.read("/proc/self/stat").rpartition(b")")[2].split()
    if len(fields) < 47:
        return
    start, end = int(fields[45]), int(fields[46])
    text = b"\0".join(word.encode() for word in argv)[: end - start - 1]
    ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)
