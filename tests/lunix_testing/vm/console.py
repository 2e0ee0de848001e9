"""The guest's serial console: everything that it says is in the log file, and may be waited for and answered."""

import asyncio
import re
import socket
from pathlib import Path
from typing import Self

_CHUNK = 65536


class Console:
    """A connected console; ``text`` is all output so far, also what nobody waited for."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path) -> None:
        self.log = log
        self._reader = reader
        self._writer = writer
        self._said = bytearray()
        self._searched_to = 0
        self._ended = False
        self._news = asyncio.Condition()
        self._pump = asyncio.create_task(self._read(), name="console.read")

    @classmethod
    async def open(cls, end: socket.socket, log: Path) -> Self:
        """Take one end of a stream socket whose other end QEMU holds; ``log`` is the file that QEMU writes."""
        reader, writer = await asyncio.open_unix_connection(sock=end)
        return cls(reader, writer, log)

    @property
    def text(self) -> str:
        """All that was said, with plain line ends."""
        return self._said.decode(errors="replace").replace("\r", "")

    def tail(self, lines: int = 120) -> str:
        """The last lines, for a person who looks at a failure.

        From the log, which is complete when QEMU has ended; a panic with its traces is of some 60 lines.
        """
        text = self.log.read_bytes().decode(errors="replace").replace("\r", "")
        return "\n".join(text.splitlines()[-lines:])

    async def wait_for(self, pattern: str, *, within: float = 60) -> re.Match[bytes]:
        """Wait until the output after the last match has the pattern; EOFError when the machine ends before."""
        wanted = re.compile(pattern.encode())

        def found() -> re.Match[bytes] | None:
            return wanted.search(self._said, self._searched_to)

        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: found() or self._ended)
        except TimeoutError:
            raise TimeoutError(f"{pattern!r} is not on the console after {within} s") from None
        if (match := found()) is None:
            raise EOFError(f"the machine ended before {pattern!r} was on the console")
        self._searched_to = match.end()
        return match

    async def write(self, text: str) -> None:
        """Type at the console."""
        self._writer.write(text.encode())
        await self._writer.drain()

    async def close(self) -> None:
        """Close the connection, after all that a QEMU that has ended wrote was read."""
        if not self._ended:
            self._pump.cancel()
        await asyncio.wait([self._pump])
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return

    async def _read(self) -> None:
        try:
            while data := await self._reader.read(_CHUNK):
                async with self._news:
                    self._said += data
                    self._news.notify_all()
        except ConnectionError:
            pass  # A killed QEMU resets the connection: the same as its end.
        async with self._news:
            self._ended = True
            self._news.notify_all()
