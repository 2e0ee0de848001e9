"""A TCP proxy in front of a server: it swallows what passes, cuts connections or has new ones wait, as it is told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from lunix_testing.deadline import deadline


class Proxy:
    """``url`` leads to the server; ``swallow`` loses what clients send from now on, ``cut`` ends their connections.

    New connections wait while ``hold`` counts: what they lead to may be away meanwhile.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._swallows = False
        self._swallowed = b""
        self._news = asyncio.Event()
        self._open = asyncio.Event()
        self._open.set()
        self._writers: list[asyncio.StreamWriter] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._open.wait()
        there, server = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers += [writer, server]
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forward(reader, server, from_client=True))
            tasks.create_task(self._forward(there, writer, from_client=False))

    def swallow(self) -> None:
        self._swallows = True

    async def swallowed(self, *texts: bytes) -> None:
        """Return when something with one of these texts in it was lost here."""
        async with deadline(lambda: f"the loss of one of {texts}, beside {self._swallowed!r},"):
            while not any(text in self._swallowed for text in texts):
                self._news.clear()
                await self._news.wait()

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def cut(self) -> None:
        """End all connections; new ones are served as at first."""
        self._swallows, self._swallowed = False, b""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_client: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if from_client and self._swallows:
                    self._swallowed += data
                    self._news.set()
                else:
                    writer.write(data)
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def proxied(port: int) -> AsyncGenerator[Proxy]:
    """A proxy to a port of this machine."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
