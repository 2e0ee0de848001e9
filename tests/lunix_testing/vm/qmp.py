"""A client of QEMU's monitor protocol (docs/interop/qmp-spec.txt): one JSON object a line over a stream socket."""

import asyncio
import itertools
import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self

_LINE_LIMIT = 16 << 20


class QmpError(Exception):
    """QEMU refused a command; ``kind`` is its error class, such as ``DeviceNotFound``."""

    def __init__(self, command: str, kind: str, description: str) -> None:
        super().__init__(f"{command}: {description}")
        self.command = command
        self.kind = kind


class Qmp:
    """A connected monitor: commands one at a time, events kept until somebody waits for them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._events: deque[dict[str, Any]] = deque(maxlen=1000)
        self._replies: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._news = asyncio.Condition()
        self._ended = False
        self._numbers = itertools.count(1)
        self._turn = asyncio.Lock()
        self._pump = asyncio.create_task(self._read(), name="qmp.read")

    @classmethod
    async def open(cls, end: socket.socket) -> Self:
        """Take one end of a stream socket whose other end QEMU holds, and leave the negotiation mode."""
        reader, writer = await asyncio.open_unix_connection(sock=end, limit=_LINE_LIMIT)
        self = cls(reader, writer)
        await self.execute("qmp_capabilities")
        return self

    async def execute(self, command: str, arguments: Mapping[str, Any] | None = None, *, within: float = 30) -> Any:
        """Run a command and return its result; QmpError when refused, ConnectionError when QEMU is gone."""
        number = next(self._numbers)
        request = {"execute": command, "arguments": dict(arguments or {}), "id": number}
        async with asyncio.timeout(within), self._turn:
            self._writer.write(json.dumps(request).encode() + b"\n")
            await self._writer.drain()
            # A reply with another number belongs to a command whose deadline passed.
            while (reply := await self._replies.get()) is not None and reply.get("id") != number:
                pass
        if reply is None:
            self._replies.put_nowait(None)
            raise ConnectionError(f"QEMU ended before it answered {command}")
        if "error" in reply:
            raise QmpError(command, reply["error"]["class"], reply["error"]["desc"])
        return reply["return"]

    async def event(
        self,
        name: str,
        matches: Callable[[dict[str, Any]], bool] = lambda data: True,
        *,
        within: float = 30,
    ) -> dict[str, Any]:
        """Wait for an event, also one that came earlier and that nobody took, and return its data."""

        def found() -> dict[str, Any] | None:
            for event in self._events:
                if event["event"] == name and matches(event.get("data", {})):
                    return event
            return None

        async with asyncio.timeout(within), self._news:
            await self._news.wait_for(lambda: found() or self._ended)
            if (event := found()) is None:
                raise ConnectionError(f"QEMU ended before the event {name}")
            self._events.remove(event)
            return dict(event.get("data", {}))

    async def close(self) -> None:
        """Close the connection; QEMU goes on."""
        self._pump.cancel()
        await asyncio.wait([self._pump])
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                message = json.loads(line)
                if "event" in message:
                    async with self._news:
                        self._events.append(message)
                        self._news.notify_all()
                elif "QMP" not in message:
                    self._replies.put_nowait(message)
        except ConnectionError:
            pass  # A killed QEMU resets the connection: the same as its end.
        finally:
            self._ended = True
            self._replies.put_nowait(None)
        async with self._news:
            self._news.notify_all()
