"""udevd as its neighbours see it: its control socket and the file that is there while events wait in its queue."""

import asyncio
import socket
from pathlib import Path

from lunix_common.os_inotify import watching
from lunix_common.os_libc import IN_DELETE, inotify_add_watch

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
    gone = asyncio.Event()
    with watching(lambda _events: gone.set()) as inotify:
        inotify_add_watch(inotify, str(run), IN_DELETE)
        while queue.exists():
            await gone.wait()
            gone.clear()
