"""Where the message buses are, and the wait for one that is not there (yet). D-Bus specification, Server Addresses."""

import asyncio
import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from lunix_common import os_libc
from lunix_common.os_inotify import watching
from lunix_dbus.errors import DbusAway

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
        self._stack = ExitStack()
        self.watching = False
        """Whether the kernel will tell us."""

    def __enter__(self) -> Self:
        if self._path is not None:
            with suppress(OSError), ExitStack() as stack:
                self._watch(self._path, stack)
                self._stack, self.watching = stack.pop_all(), True
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Watch no more: whoever makes files beside a socket that we have found would wake us. Idempotent."""
        self._stack.close()
        self.watching = False

    async def wait(self, most_s: float) -> bool:
        """Return ``True`` when it appeared since we watch, ``False`` after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._appeared.wait()
        return self._appeared.is_set()

    def _watch(self, path: Path, stack: ExitStack) -> None:
        folder = next(parent for parent in path.parents if parent.is_dir())
        wanted = path.relative_to(folder).parts[0].encode()

        def happened(events: list[os_libc.InotifyEvent]) -> None:
            if any(event.name == wanted for event in events):
                self._appeared.set()

        inotify = stack.enter_context(watching(happened))
        os_libc.inotify_add_watch(inotify, str(folder), os_libc.IN_CREATE | os_libc.IN_MOVED_TO)
