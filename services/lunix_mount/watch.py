"""What the kernel tells of mounts: ``/proc/self/mountinfo`` is read anew whenever it has changed."""

import logging
import os
from collections.abc import Callable
from typing import Self

from lunix_common.os_epoll import PriorityWatch
from lunix_mount import mountinfo
from lunix_mount.mountinfo import Record

log = logging.getLogger("mount")

MOUNTINFO = "/proc/self/mountinfo"
_CHUNK = 65_536


class Watch:
    """An open ``mountinfo``. Use it as a context manager; ``changed`` is called after each change."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._descriptor = os.open(MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)
        self._watch = PriorityWatch(self._descriptor, changed)

    def __enter__(self) -> Self:
        self._watch.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self._watch.__exit__(None, None, None)
        os.close(self._descriptor)

    def read(self) -> list[Record]:
        """All mounts that there are now."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        content = b""
        while chunk := os.read(self._descriptor, _CHUNK):
            content += chunk
        records, wrong = mountinfo.parse(content)
        for error in wrong:
            log.warning("a line of mountinfo makes no sense", extra={"error": str(error)})
        return records
