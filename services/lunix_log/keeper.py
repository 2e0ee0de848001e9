"""Keeps on disk how far the kernel's messages and the journal were told: what is written down has reached the bus."""

import asyncio
import logging
import os
from pathlib import Path

from lunix_common.bus import Bus
from lunix_log import state
from lunix_log.os_kmsg import boot_id

log = logging.getLogger("log")

PAUSE_S = 1.0
"""Between two writings: a kill costs this much, which is then told twice."""
LAST_S = 0.5


class Keeper:
    """The state, and the file that it is kept in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = asyncio.Event()
        self._written = b""
        self._warned = False
        try:
            raw = path.read_bytes()
        except OSError:
            raw = b""
        self.state = state.parse(raw, boot_id())

    def kernel(self, number: int) -> None:
        """The kernel's record of this number was told."""
        self.state.kernel = number
        self._changed.set()

    def journal(self, cursor: str | None) -> None:
        """The journal's entry of this name was told; ``None``: its place is not known any more."""
        self.state.cursor = cursor
        self._changed.set()

    async def run(self, bus: Bus) -> None:
        """Write what changed, once the server has the messages; at the end a last time."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._write_when_told(bus)
                await asyncio.sleep(PAUSE_S)
        finally:
            if bus.connected and self.state.to_json() != self._written:
                try:
                    async with asyncio.timeout(LAST_S):
                        await self._write_when_told(bus)
                except TimeoutError:
                    log.warning("the last messages may be told again after the next start")

    async def _write_when_told(self, bus: Bus) -> None:
        encoded = self.state.to_json()
        await bus.flush()
        if encoded != self._written:
            self._write(encoded)

    def _write(self, encoded: bytes) -> None:
        new = self._path.with_name(f".{self._path.name}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(encoded)
            os.replace(new, self._path)  # noqa: PTH105 - named as the call
            self._written = encoded
        except OSError as error:
            if not self._warned:
                log.warning("what was told is not kept for the next start", extra={"error": str(error)})
            self._warned = True
