"""The kernel's hostname, and its changes: proc_sys_kernel(5), which tells them as priority events."""

import os
from collections.abc import Callable
from contextlib import ExitStack

from lunix_common.os_epoll import PriorityWatch
from lunix_network.netlink import text

PATH = "/proc/sys/kernel/hostname"


class HostnameFile:
    """The file in which the name stands, watched: ``changed`` is called when somebody set one."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """Begin to watch; raise ``OSError`` where there is no such file."""
        self._stack = ExitStack()
        with self._stack:
            self._descriptor = os.open(PATH, os.O_RDONLY | os.O_CLOEXEC)
            self._stack.callback(os.close, self._descriptor)
            self._stack.enter_context(PriorityWatch(self._descriptor, changed))
            self._stack = self._stack.pop_all()

    def read(self) -> str:
        """The name."""
        return text(os.pread(self._descriptor, 256, 0).strip(b"\n"))

    def close(self) -> None:
        """End it; idempotent."""
        self._stack.close()
