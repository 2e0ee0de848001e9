"""udevd as its neighbours see it: its control socket and the file that is there while events wait in its queue."""

import asyncio
import os
import socket
from pathlib import Path

from lunix_common.os_libc import IN_DELETE, inotify_add_watch, inotify_init1

RUN = Path("/run/udev")


def is_running(run: Path = RUN) -> bool:
    """Whether somebody listens on udevd's control socket; the file alone may be one that a dead udevd left."""
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    with probe:
        try:
            probe.connect(str(run / "control"))
        except (PermissionError, BlockingIOError):
            # It is root's alone, and it is there; or more callers wait than it has room for.
            return True
        except OSError:
            return False
    return True


async def queue_empty(run: Path = RUN) -> None:
    """Return when udevd has no event in work or waiting."""
    queue = run / "queue"
    if not queue.exists():
        return
    loop = asyncio.get_running_loop()
    watch = inotify_init1()
    try:
        inotify_add_watch(watch, str(run), IN_DELETE)
        gone = asyncio.Event()
        loop.add_reader(watch, gone.set)
        try:
            while queue.exists():
                await gone.wait()
                gone.clear()
                os.read(watch, 65536)
        finally:
            loop.remove_reader(watch)
    finally:
        os.close(watch)
