"""systemd's journal: ``journalctl --follow`` as a child, with the place after the last entry kept.

    no place kept → the last entry's is asked for → everything after it is told → …

While the bus is away the child is not read any further than a little, and so nothing of the journal is lost.
"""

import asyncio
import logging
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from lunix_common import os_libc
from lunix_log import journal
from lunix_log.framing import Deframer
from lunix_log.intake import Intake, Origin
from lunix_log.keeper import Keeper
from lunix_log.settings import Settings

log = logging.getLogger("log")

LINE_BYTES = 512 * 1024
"""An entry that takes more as JSON, as one with a core dump in it, is not told."""
FIRST_RETRY_S, MOST_RETRY_S = 0.2, 30.0
READ_BYTES = 16 * 1024
LAST_WORDS_BYTES = 2048


class JournalFollower:
    """Tells each entry once: from the end of the journal at first, later from the last place on."""

    def __init__(self, settings: Settings, intake: Intake, keeper: Keeper, *, kernel_too: bool) -> None:
        """With ``kernel_too`` the kernel's messages are taken from here: ``/dev/kmsg`` has them too, and its gaps."""
        self._intake = intake
        self._keeper = keeper
        self._kernel_too = kernel_too
        self._command = ["journalctl", "--output=json", "--all", "--no-pager", "--quiet"]
        if settings.journal_directory:
            self._command.append(f"--directory={settings.journal_directory}")

    async def run(self) -> None:
        """Follow, whatever becomes of the child, until cancelled."""
        delay = FIRST_RETRY_S
        while True:
            began_at = self._keeper.state.cursor
            said = await self._follow(began_at)
            log.warning("the journal's reader ended", extra={"said": said})
            if self._keeper.state.cursor != began_at:
                delay = FIRST_RETRY_S
            elif began_at is not None and "cursor" in said:
                self._intake.lost("journal", "journal", 1, "not told")
                self._keeper.journal(None)
                await self.find_the_end()
            await asyncio.sleep(delay)
            delay = min(delay * 2, MOST_RETRY_S)

    async def find_the_end(self) -> None:
        """Where no place is kept, begin after the last entry there is; in an empty journal with the first to come."""
        if self._keeper.state.cursor is not None:
            return
        async with self._child("--lines=1") as process:
            assert process.stdout is not None, "it is a pipe"
            for frame in Deframer(LINE_BYTES, counted=False).feed(await process.stdout.read()):
                with suppress(journal.Malformed):
                    self._keeper.journal(journal.parse(frame.data).cursor)

    async def _follow(self, cursor: str | None) -> str:
        """Tell what comes after this place; returns what the child said when it ended."""
        place = [] if cursor is None else [f"--after-cursor={cursor}"]
        async with self._child("--follow", "--no-tail", *place) as process:
            assert process.stdout is not None, "it is a pipe"
            assert process.stderr is not None, "it is a pipe"
            lines = Deframer(LINE_BYTES, counted=False)
            words = asyncio.create_task(_last_words(process.stderr), name="log.journal.stderr")
            try:
                while data := await process.stdout.read(READ_BYTES):
                    for frame in lines.feed(data):
                        self._take(frame.data, truncated=frame.truncated)
                    await self._intake.room()
                return await words
            finally:
                words.cancel()

    def _take(self, line: bytes, *, truncated: bool) -> None:
        if truncated:
            self._intake.lost("journal", "journal", 1, "too long")
            return
        try:
            cursor, kernel, parsed = journal.parse(line)
        except journal.Malformed as error:
            log.warning("a line of the journal's reader counts for nothing", extra={"error": str(error)})
            self._intake.lost("journal", "journal", 1, "unreadable")
            return
        if parsed.pid != os.getpid() and (self._kernel_too or not kernel):
            sender = parsed.service or ("kernel" if kernel else f"uid {parsed.uid}")
            self._intake.take(parsed, Origin("journal", sender))
        self._keeper.journal(cursor)

    @asynccontextmanager
    async def _child(self, *arguments: str) -> AsyncGenerator[Process]:
        process = await asyncio.create_subprocess_exec(
            *self._command, *arguments, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, limit=READ_BYTES, preexec_fn=_with_us
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _last_words(stream: asyncio.StreamReader) -> str:
    words = b""
    while data := await stream.read(LAST_WORDS_BYTES):
        words = (words + data)[-LAST_WORDS_BYTES:]
    return words.decode("utf-8", "backslashreplace").strip()


def _with_us() -> None:
    """A child that outlived us would hold the journal open, and tell nobody."""
    os_libc.prctl(os_libc.PR_SET_PDEATHSIG, signal.SIGKILL)
