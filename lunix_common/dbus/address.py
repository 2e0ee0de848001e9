"""Where the message buses are, and the wait for one that is not there (yet). D-Bus specification, Server Addresses."""

import asyncio
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from lunix_common import os_libc
from lunix_common.dbus.errors import DbusAway

_UNIX = re.compile(r"unix:(?:[^;]*,)?path=([^,;]+)")


def resolve(bus: str, environ: Mapping[str, str] = os.environ) -> str:
    """The address of ``system`` or ``session``; any other text is one. Raises ``DbusAway``."""
    if bus == "system":
        return environ.get("DBUS_SYSTEM_BUS_ADDRESS") or "unix:path=/run/dbus/system_bus_socket"
    if bus != "session":
        return bus
    if told := environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return told
    if folder := environ.get("XDG_RUNTIME_DIR"):
        return f"unix:path={folder}/bus"
    raise DbusAway("there is no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")


class SocketWatch:
    """Wakes who waits for the socket of an address when it, or the nearest directory above it, is made.

    A machine without D-Bus is so not woken to look for one. Enter it before the attempt that may fail.
    """

    def __init__(self, address: str) -> None:
        found = _UNIX.search(address)
        self._path = Path(unquote(found[1])) if found else None
        self._appeared = asyncio.Event()
        self._inotify: int | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            with suppress(OSError):
                self._watch(self._path)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Watch no more: whoever makes files beside a socket that we have found would wake us. Idempotent."""
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify)
            os.close(self._inotify)
            self._inotify = None

    @property
    def watching(self) -> bool:
        """Whether the kernel will tell us."""
        return self._inotify is not None

    async def wait(self, most_s: float) -> bool:
        """Return ``True`` when it appeared since we watch, ``False`` after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._appeared.wait()
        return self._appeared.is_set()

    def _watch(self, path: Path) -> None:
        folder = next(parent for parent in path.parents if parent.is_dir())
        wanted = path.relative_to(folder).parts[0].encode()
        descriptor = os_libc.inotify_init1()
        try:
            os_libc.inotify_add_watch(descriptor, str(folder), os_libc.IN_CREATE | os_libc.IN_MOVED_TO)
        except OSError:
            os.close(descriptor)
            raise
        self._inotify = descriptor
        asyncio.get_running_loop().add_reader(descriptor, self._read, descriptor, wanted)

    def _read(self, descriptor: int, wanted: bytes) -> None:
        if any(event.name == wanted for event in os_libc.inotify_events(os.read(descriptor, 65536))):
            self._appeared.set()
