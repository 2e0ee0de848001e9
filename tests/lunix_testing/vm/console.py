"""The guest's serial console: everything that it says is in the log file, and may be waited for and answered."""

import asyncio
import re
from pathlib import Path

from lunix_testing.vm.channel import PATIENCE_S
from lunix_testing.vm.stream import Stream


class Console(Stream):
    """A connected console; ``text`` is all output so far, also what nobody waited for."""

    lines = False

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, log: Path) -> None:
        """`log` is the file that QEMU writes."""
        super().__init__(reader, writer)
        self.log = log
        self._said = bytearray()
        self._searched_to = 0

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

    async def wait_for(self, pattern: str, *, within: float = PATIENCE_S) -> re.Match[bytes]:
        """Wait until the output after the last match has the pattern; EOFError when the machine ends before."""
        wanted = re.compile(pattern.encode())

        def found() -> re.Match[bytes] | None:
            return wanted.search(self._said, self._searched_to)

        try:
            async with asyncio.timeout(within), self.news:
                await self.news.wait_for(lambda: found() or self.ended)
        except TimeoutError:
            raise TimeoutError(f"{pattern!r} is not on the console after {within} s") from None
        if (match := found()) is None:
            raise EOFError(f"the machine ended before {pattern!r} was on the console")
        self._searched_to = match.end()
        return match

    async def write(self, text: str) -> None:
        """Type at the console."""
        await self.put(text.encode())

    def take(self, data: bytes) -> None:
        """Keep what was said."""
        self._said += data
