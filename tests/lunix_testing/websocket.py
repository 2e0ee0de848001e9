"""lunix-websocket on the test's bus, and programs that speak to it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from websockets.asyncio.client import ClientConnection, connect

from lunix_common.access import tokens
from lunix_common.subjects import Role
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.server import BusServer

SECONDS = 30.0
CONFIG = "[websocket]\nport = 0\n"


@dataclass
class Answer:
    """Of HTTP."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Web:
    """A running lunix-websocket."""

    server: BusServer
    daemon: Daemon

    @property
    def url(self) -> str:
        return str(json.loads((self.server.state / "websocket.json").read_bytes())["url"])

    @property
    def origin(self) -> str:
        return self.url.rstrip("/")

    def secret(self, name: str = tokens.FIRST) -> str:
        return tokens.secret_of(self.server.state, name)

    def add(self, name: str, role: Role, *grants: str) -> str:
        """Make a token that counts at once; returns its secret."""
        tokens.add(self.server.state, name, role, grants)
        self.server.reload()
        return self.secret(name)

    def get(self, path: str, **headers: str) -> Answer:
        """The answer to a plain request; ``host_`` and the like are names of headers."""
        request = Request(self.origin + path, headers={key.strip("_"): value for key, value in headers.items()})
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as found:
                return Answer(found.status, found.read(), dict(found.headers))
        except HTTPError as error:
            with error:
                return Answer(error.code, error.read(), dict(error.headers))


@dataclass
class Visit:
    """A client's end of a websocket."""

    socket: ClientConnection
    seen: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def say(self, **frame: object) -> None:
        await self.socket.send(json.dumps(frame))

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(SECONDS):
            frame: dict[str, Any] = json.loads(await self.socket.recv())
        self.seen.append(frame)
        return frame

    async def until(self, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next frame for which this is true."""
        while not met(frame := await self.next()):
            pass
        return frame

    async def listen(self, topic: str) -> None:
        """Subscribe; counts when this returns."""
        await self.say(op="subscribe", topic=topic)
        await self.until(lambda frame: frame.get("op") == "subscribed" and frame["topic"] == topic)

    async def ask(self, topic: str, payload: object = "") -> dict[str, Any]:
        """The answer to a request, or its error."""
        await self.say(op="request", id=topic, topic=topic, payload=payload)
        return await self.until(lambda frame: frame.get("id") == topic)


Visits = Callable[..., Awaitable[Visit]]


@pytest.fixture
def web(bus_server: BusServer, daemon_process: DaemonStarter) -> Web:
    """lunix-websocket on a free port."""
    return Web(bus_server, daemon_process("lunix_websocket", config=CONFIG))


@pytest.fixture
async def visits(web: Web) -> AsyncIterator[Visits]:
    """``await visits("/bus")`` with the first token, ``token=None`` without any; closed in the end."""
    async with AsyncExitStack() as stack:

        async def visit(path: str = "/bus", token: str | None = "", **options: Any) -> Visit:
            secret = web.secret() if token == "" else token
            headers = dict(options.pop("headers", {}))
            if secret is not None:
                headers["Authorization"] = f"Bearer {secret}"
            url = web.url.replace("http", "ws", 1).rstrip("/") + path
            options = {"compression": None, "proxy": None, "close_timeout": 1, **options}
            return Visit(await stack.enter_async_context(connect(url, additional_headers=headers, **options)))

        yield visit
