"""The programs that ``wm.exec`` started and that still run: each end is told once."""

import asyncio
from collections.abc import Callable

from lunix_common.schemas.wm import Exited
from lunix_wm.os_spawn import Child


class Programs:
    """Calls ``exited`` for each of them."""

    def __init__(self, exited: Callable[[Exited], None]) -> None:
        self._exited = exited
        self._running: set[Child] = set()

    def __len__(self) -> int:
        return len(self._running)

    def add(self, child: Child) -> None:
        """Wait for its end."""
        self._running.add(child)
        asyncio.get_running_loop().add_reader(child.fileno(), self._ended, child)

    def close(self) -> None:
        """Let them go on without us; idempotent."""
        for child in tuple(self._running):
            self._forget(child)

    def _forget(self, child: Child) -> None:
        asyncio.get_running_loop().remove_reader(child.fileno())
        self._running.discard(child)
        child.close()

    def _ended(self, child: Child) -> None:
        end = child.take_end()
        self._forget(child)
        self._exited(
            Exited(
                pid=child.pid,
                program=child.name,
                scope=child.scope,
                exit_code=end.exit_code,
                signal=end.signal,
                core_dumped=end.core_dumped,
                runtime_s=end.runtime_s,
            )
        )
