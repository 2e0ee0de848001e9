"""Pages of memory that are not needed for now: the kernel may keep them where they take less room, in its swap.

A board with little memory has zram for that: a page is kept compressed, and read back when it is touched.
"""

import os
from pathlib import Path

from lunix_init import os_libc

_AT_ONCE = 1024  # IOV_MAX


def private(maps: str) -> list[tuple[int, int]]:
    r"""Where what a process has written lies, as (start, length), from its `/proc/PID/maps`; not its stack.

    >>> private("7f00-7f10 rw-p 00000000 00:00 0\n7f10-7f20 r-xp 00000000 fe:02 7 /usr/bin/python3")
    [(32512, 16)]
    """
    found: list[tuple[int, int]] = []
    for line in maps.splitlines():
        place, mode, _, _, _, *name = line.split(maxsplit=5)
        if mode == "rw-p" and name != ["[stack]"]:
            start, end = (int(number, 16) for number in place.split("-"))
            found.append((start, end - start))
    return found


def page_out(pid: int) -> None:
    """Have the kernel page out what this process, or a child of it, has written; without a swap, nothing happens.

    Raises `OSError` where the process has ended, or on a kernel before 5.10.
    """
    pidfd = os.pidfd_open(pid)
    try:
        places = private(Path(f"/proc/{pid}/maps").read_text())
        for first in range(0, len(places), _AT_ONCE):
            os_libc.process_madvise(pidfd, places[first : first + _AT_ONCE], os_libc.MADV_PAGEOUT)
    finally:
        os.close(pidfd)
