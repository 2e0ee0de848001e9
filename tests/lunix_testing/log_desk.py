"""A running lunix-log, those who hear it, and ways to tell it something."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import SECONDS, Inbox, deadline
from lunix_testing.events import Event, hear
from lunix_testing.server import BusServer


@dataclass
class LogDesk:
    """What ``log_desk`` gives."""

    daemon: Daemon
    admin: Nats
    socket: Path
    heard: Inbox[Event] = field(default_factory=Inbox[Event])

    async def saying(self, text: str, seconds: float = SECONDS) -> Event:
        """The first message that contains this text."""
        return await self.heard.until(lambda heard: text in heard.payload.get("text", ""), seconds)

    async def event(self, subject: str, seconds: float = SECONDS) -> Event:
        """The first event of this subject."""
        return await self.heard.until(lambda heard: heard.subject == subject, seconds)

    @property
    def texts(self) -> list[str]:
        """Of all messages so far."""
        return [heard.payload["text"] for heard in self.heard.items if "text" in heard.payload]

    @property
    def dropped(self) -> int:
        """How many messages were said to be dropped so far."""
        return sum(heard.payload["count"] for heard in self.heard.items if heard.subject == "log.dropped")

    async def all_told(self, number: int, seconds: float = 60) -> None:
        """Return when so many messages were told or said to be dropped."""
        async with deadline(lambda: f"{number} messages: {len(self.texts)} and {self.dropped} dropped", seconds):
            while len(self.texts) + self.dropped < number:
                await self.heard.count(len(self.heard.items) + 1, seconds)

    async def ask(self, payload: object = None) -> dict[str, Any]:
        """The answer to ``log.tail``."""
        return await self.admin.ask("log.tail", payload)

    async def tail(self, **asked: object) -> list[str]:
        """The texts in the answer to ``log.tail``."""
        return [item["text"] for item in (await self.ask(asked))["items"]]

    async def port(self, by: str) -> int:
        """The free port that it took."""
        said = await asyncio.to_thread(self.daemon.wait_for_log, f'"by": "{by}"')
        return int(json.loads(said)["port"])


def send(path: Path, *messages: bytes) -> None:
    """Write to a socket such as ``/dev/log``, as the C library does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.connect(str(path))
        for message in messages:
            client.send(message)


@asynccontextmanager
async def log_desk(
    server: BusServer, start: DaemonStarter, folder: Path, config: str = "", *, path: Path | None = None
) -> AsyncGenerator[LogDesk]:
    """Start it with a socket, and a memory, of its own; deaf to the kernel if ``config`` does not say otherwise."""
    path = path or folder / "log"
    text = f'[log]\nsocket = "{path}"\nstate_file = "{folder / "log.json"}"\n{config}'
    if "kernel" not in config:
        text += "\nkernel = false"
    admin = await server.connect("admin")
    desk = LogDesk(await asyncio.to_thread(start, "lunix_log", config=text, wait=False), admin, path)
    await hear(admin, "log", desk.heard.put)
    await asyncio.to_thread(desk.daemon.wait_ready)
    try:
        yield desk
    finally:
        await desk.admin.close()
