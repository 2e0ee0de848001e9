"""What the tests of lunix-login share: a daemon with files of its own, and those who hear it."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lunix_login import utmp
from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.events import Event, hear
from lunix_testing.server import BusServer

FORM = utmp.layout(os.uname().machine)


@dataclass
class Files:
    """The files that it is told to look at."""

    folder: Path

    def __post_init__(self) -> None:
        self.socket, self.utmp, self.btmp = (self.folder / name for name in ("pam", "utmp", "btmp"))

    @property
    def config(self) -> str:
        names = {"pam_socket": self.socket, "utmp": self.utmp, "btmp": self.btmp}
        return "[login]\n" + "".join(f'{name} = "{path}"\n' for name, path in names.items())

    def log_in(self, line: str, pid: int, user: str = "ada", host: str = "", kind: int = utmp.USER_PROCESS) -> None:
        """Write a record of utmp as login(1) does: over that of the same terminal, or at the end."""
        data = record(line, pid, user, host, kind)
        old = self.utmp.read_bytes() if self.utmp.exists() else b""
        at = next((at for at, one in enumerate(utmp.records(old, FORM)) if one.line == line), len(old) // FORM.size)
        with self.utmp.open("r+b" if self.utmp.exists() else "wb") as file:
            file.seek(at * FORM.size)
            file.write(data)

    def refuse(self, line: str, user: str, host: str = "") -> None:
        """Append to btmp, as sshd and login(1) do."""
        with self.btmp.open("ab") as file:
            file.write(record(line, 1, user, host, utmp.LOGIN_PROCESS))


def record(line: str, pid: int, user: str, host: str, kind: int) -> bytes:
    now = int(asyncio.get_running_loop().time()) + 1_700_000_000
    return FORM.pack(kind, pid, line.encode(), b"", user.encode(), host.encode(), 0, 0, 0, now, 0, bytes(16))


@dataclass
class Desk:
    """A running lunix-login, with those who hear it."""

    daemon: Daemon
    files: Files
    user: Nats
    admin: Nats
    heard: Inbox[Event] = field(default_factory=Inbox[Event])
    """What the role user hears."""
    heard_by_admin: Inbox[Event] = field(default_factory=Inbox[Event])

    async def next(self, subject: str) -> Event:
        """The next event, which has to be of this subject."""
        event = await self.heard.next()
        assert event.subject == subject, event
        return event

    async def listing(self, payload: object = None) -> dict[str, Any]:
        return await self.user.ask("login.list", payload)

    async def listed(self, payload: object = None) -> list[str]:
        """The ids of the open sessions."""
        return [one["id"] for one in (await self.listing(payload))["items"]]


@asynccontextmanager
async def desk(
    server: BusServer, starter: DaemonStarter, files: Files, env: dict[str, str] | None = None, config: str = ""
) -> AsyncGenerator[Desk]:
    """Start lunix-login and listen; without ``env`` it finds no D-Bus."""
    environ = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={files.folder}/no-dbus"} | (env or {})
    daemon = await asyncio.to_thread(starter, "lunix_login", config=files.config + config, env=environ)
    found = Desk(daemon, files, await server.connect("user"), await server.connect("admin"))
    await hear(found.user, "login", found.heard.put)
    await hear(found.admin, "login", found.heard_by_admin.put)
    try:
        yield found
    finally:
        for client in (found.user, found.admin):
            await client.close()
