"""pidfd_open(2): the end of the process that leads a session, whoever tells or does not tell it."""

import asyncio
import os
from collections.abc import Callable


class Leaders:
    """Calls ``ended`` with the number of each watched process when it is gone."""

    def __init__(self, ended: Callable[[int], None]) -> None:
        self._ended = ended
        self._watched: dict[int, int] = {}

    def watch(self, pid: int) -> bool:
        """Watch a process; ``False`` where it is gone already, or cannot be seen from here."""
        if pid in self._watched:
            return True
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return False
        self._watched[pid] = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._gone, pid)
        return True

    def forget(self, pid: int) -> None:
        """Watch it no more; idempotent."""
        descriptor = self._watched.pop(pid, None)
        if descriptor is not None:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def close(self) -> None:
        """Watch nobody any more."""
        for pid in tuple(self._watched):
            self.forget(pid)

    def _gone(self, pid: int) -> None:
        self.forget(pid)
        self._ended(pid)
