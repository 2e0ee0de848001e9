"""One end of a stream socket to QEMU: a task reads it, and whoever waits is told of news."""

import asyncio
import socket
from abc import ABC, abstractmethod
from typing import Any, Self

_LIMIT = 16 << 20
_CHUNK = 1 << 16


class Stream(ABC):
    """What is common to the console, the monitor and the channel to the agent; `lines` says how it is cut."""

    lines = True

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.ended = False
        self.news = asyncio.Condition()
        self._reader, self._writer = reader, writer
        self._pump = asyncio.create_task(self._read(), name=f"{type(self).__name__.lower()}.read")

    @classmethod
    async def open(cls, end: socket.socket, *more: Any) -> Self:
        """Take one end of a stream socket whose other end QEMU holds; `more` is what else the class is made with."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_LIMIT), *more)

    @abstractmethod
    def take(self, data: bytes) -> None:
        """Take a line, or whatever came; who waits for news looks again afterwards."""

    async def put(self, data: bytes) -> None:
        """Write; nothing is written to what has ended."""
        if self.ended:
            return
        self._writer.write(data)
        try:
            await self._writer.drain()
        except ConnectionError:
            return  # The reader sees the same end, and wakes those who wait.

    async def close(self) -> None:
        """Close the connection, after all that one that has ended wrote was read; QEMU goes on."""
        if not self.ended:
            self._pump.cancel()
        await asyncio.wait([self._pump])
        await self._end()
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return

    async def _read(self) -> None:
        read = self._reader.readline if self.lines else lambda: self._reader.read(_CHUNK)
        try:
            while data := await read():
                async with self.news:
                    self.take(data)
                    self.news.notify_all()
        except ConnectionError:
            pass  # A killed QEMU resets the connection: the same as its end.
        await self._end()

    async def _end(self) -> None:
        async with self.news:
            self.ended = True
            self.news.notify_all()
