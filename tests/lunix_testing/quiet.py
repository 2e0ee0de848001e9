"""Waiting until nothing wakes a process."""

import asyncio
from contextlib import suppress
from pathlib import Path

from lunix_testing.deadline import deadline


async def quiet(*pids: int) -> None:
    """Return once nothing has woken these processes for three seconds: their own count of voluntary switches stands."""
    # The server measures each new connection once with a PING of its own, a second or two after it began.
    async with deadline("a time of quiet", 60):
        while True:
            before = _switches(pids)
            await asyncio.sleep(3)
            if _switches(pids) == before:
                return


def _switches(pids: tuple[int, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in (path for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/status")):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            lines = path.read_text(encoding="ascii", errors="replace").splitlines()
            found |= {str(path): line for line in lines if line.startswith("voluntary_ctxt_switches")}
    return found
