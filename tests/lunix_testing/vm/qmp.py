"""A client of QEMU's monitor protocol (docs/interop/qmp-spec.txt): one JSON object a line over a stream socket."""

import asyncio
import itertools
import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self

from lunix_testing.vm.channel import PATIENCE_S
from lunix_testing.vm.stream import Stream


class QmpError(Exception):
    """QEMU refused a command; ``kind`` is its error class, such as ``DeviceNotFound``."""

    def __init__(self, command: str, kind: str, description: str) -> None:
        super().__init__(f"{command}: {description}")
        self.command = command
        self.kind = kind


class Qmp(Stream):
    """A connected monitor: commands one at a time, events kept until somebody waits for them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._events: deque[dict[str, Any]] = deque(maxlen=1000)
        self._replies: dict[int, dict[str, Any]] = {}
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()

    @classmethod
    async def connect(cls, end: socket.socket) -> Self:
        """Take one end of a stream socket whose other end QEMU holds, and leave the negotiation mode."""
        self = await cls.open(end)
        await self.execute("qmp_capabilities")
        return self

    async def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, within: float = PATIENCE_S
    ) -> Any:
        """Run a command and return its result; QmpError when refused, ConnectionError when QEMU is gone."""
        number = next(self._numbers)
        request = {"execute": command, "arguments": dict(arguments or {}), "id": number}
        async with asyncio.timeout(within), self._turn:
            # A reply with another number belongs to a command whose deadline passed.
            self._replies.clear()
            await self.put(json.dumps(request).encode() + b"\n")
            async with self.news:
                await self.news.wait_for(lambda: number in self._replies or self.ended)
        reply = self._replies.get(number)
        if reply is None:
            raise ConnectionError(f"QEMU ended before it answered {command}")
        if "error" in reply:
            raise QmpError(command, reply["error"]["class"], reply["error"]["desc"])
        return reply["return"]

    async def event(
        self,
        name: str,
        matches: Callable[[dict[str, Any]], bool] = lambda data: True,
        *,
        within: float = PATIENCE_S,
    ) -> dict[str, Any]:
        """Wait for an event, also one that came earlier and that nobody took, and return its data."""

        def found() -> dict[str, Any] | None:
            for event in self._events:
                if event["event"] == name and matches(event.get("data", {})):
                    return event
            return None

        async with asyncio.timeout(within), self.news:
            await self.news.wait_for(lambda: found() or self.ended)
            if (event := found()) is None:
                raise ConnectionError(f"QEMU ended before the event {name}")
            self._events.remove(event)
            return dict(event.get("data", {}))

    def take(self, data: bytes) -> None:
        """Keep an event or a reply."""
        message = json.loads(data)
        if "event" in message:
            self._events.append(message)
        elif "id" in message:
            self._replies[message["id"]] = message
