"""A real lunix-init whose own bus side is one of its services, on the bus of a test, and a client of each role."""

import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from nats.aio.msg import Msg

from lunix_testing.client import Nats
from lunix_testing.deadline import Inbox
from lunix_testing.init import InitProgram
from lunix_testing.server import BusServer

SPEAKER = "speaker"
"""The name of the unit that is the bus side."""


def speaker(init: InitProgram, server: BusServer) -> str:
    """The unit of the bus side."""
    env = "\n".join(f"{name} = {json.dumps(value)}" for name, value in server.env("init").items())
    command = json.dumps([sys.executable, "-m", "lunix_init_bus", "--run", str(init.run)])
    return f'exec = {command}\nready = "notify"\n[env]\n{env}\n'


@dataclass
class Speaking:
    """The supervisor, its bus, and what an observer hears of ``init.>``."""

    init: InitProgram
    server: BusServer
    clients: dict[str, Nats] = field(default_factory=dict[str, Nats])
    heard: Inbox[Msg] = field(default_factory=Inbox[Msg])

    async def client(self, role: str) -> Nats:
        if role not in self.clients:
            self.clients[role] = await self.server.connect(role)
        return self.clients[role]

    async def raw(self, subject: str, payload: object = None, role: str = "admin") -> Msg:
        """The answer to a request, as it came."""
        data = payload.encode() if isinstance(payload, str) else json.dumps(payload or {}).encode()
        return await (await self.client(role)).request(subject, data, timeout=30)

    async def ask(self, subject: str, payload: object = None, role: str = "admin") -> dict[str, Any]:
        """The answer to a request that succeeds."""
        message = await self.raw(subject, payload, role)
        found: dict[str, Any] = json.loads(message.data)
        assert "error" not in found, found
        return found

    async def code(self, subject: str, payload: object = None, role: str = "admin") -> int:
        """The code of the error with which a request is answered."""
        code: int = json.loads((await self.raw(subject, payload, role)).data)["error"]["code"]
        return code

    async def event(self, subject: str) -> Msg:
        """The first event on this subject, as soon as it is there."""
        return await self.heard.until(lambda message: message.subject == subject)

    def events(self, name: str) -> list[str]:
        """What was heard of one service so far."""
        found = [message.subject.split(".") for message in self.heard.items]
        return [tokens[3] for tokens in found if tokens[1] == "service" and tokens[2] == name]

    async def close(self) -> None:
        for client in self.clients.values():
            await client.close()


@pytest.fixture
async def speaking(bus_server: BusServer) -> AsyncIterator[Speaking]:
    """It is ready, and the observer listens."""
    with InitProgram() as init:
        init.unit(SPEAKER, speaker(init, bus_server))
        init.start()
        found = Speaking(init, bus_server)
        observer = await found.client("observer")
        for subject in ("init.service.*.*", "init.usage.*.high", "init.shutdown", "init.lost"):
            await observer.subscribe(subject, cb=found.heard.put_async)  # pyright: ignore[reportUnknownMemberType]
        await observer.flush()
        init.until_state(SPEAKER, "up")
        try:
            yield found
        finally:
            await found.close()
