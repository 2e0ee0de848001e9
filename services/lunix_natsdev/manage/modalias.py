"""Which drivers to load: the aliases that devices ask for, handed to modprobe in batches, never in the way of events.

kmod's modprobe and busybox' both take ``-abq -- alias …``. An alias that no module answers to is no failure.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from lunix_natsdev.os_spawn import Helpers

_SETTING = Path("/proc/sys/kernel/modprobe")
_BATCH = 32
_ALIAS_BYTES = 4096


def alias_of(properties: Mapping[str, str]) -> str | None:
    """The alias in an event's properties, where it is one that may be given to a program."""
    alias = properties.get("MODALIAS", "")
    plain = alias.isascii() and alias.isprintable() and len(alias) <= _ALIAS_BYTES
    # A platform device may call itself anything; a name with a slash or a leading dash is no alias.
    return alias if alias and plain and "/" not in alias and not alias.startswith("-") else None


def batches(waiting: Sequence[str], workers: int) -> list[tuple[str, ...]]:
    """Share out what waits: over all workers first, and then as few processes as may be."""
    size = min(_BATCH, max(1, -(-len(waiting) // workers)))
    return [tuple(waiting[at : at + size]) for at in range(0, len(waiting), size)]


def modprobe(setting: Path = _SETTING) -> str | None:
    """The program that the kernel itself loads modules by (on NixOS it is elsewhere); ``None`` without one.

    A kernel without modules has no such setting, and an empty one forbids loading.
    """
    try:
        program = setting.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return program if program and Path(program).exists() else None


class Modules:
    """Loads modules in the background. ``want`` never blocks, and ``idle`` waits for what was wanted."""

    def __init__(
        self,
        log: logging.Logger,
        *,
        program: str,
        workers: int = 4,
        timeout_s: float = 60.0,
        dry_run: bool = False,
    ) -> None:
        self._log = log
        self._program = program
        self._workers = workers
        self._timeout_s = timeout_s
        self._dry_run = dry_run
        self._helpers = Helpers(workers)
        self._waiting: dict[str, None] = {}
        self._wanted = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def want(self, alias: str) -> None:
        """Load the modules for this alias soon; what waits already is not asked for twice."""
        if self._dry_run:
            self._log.info("would run %s -abq -- %s", self._program, alias)
            return
        self._waiting[alias] = None
        self._idle.clear()
        self._wanted.set()

    async def idle(self) -> None:
        """Wait until nothing is being loaded and nothing waits."""
        await self._idle.wait()

    async def run(self) -> None:
        """Load what is wanted, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            running: set[asyncio.Task[None]] = set()
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                waiting = list(self._waiting)
                self._waiting.clear()
                for batch in batches(waiting, self._workers):
                    task = tasks.create_task(self._load(batch), name=f"natsdev.modprobe.{batch[0][:40]}")
                    running.add(task)
                    task.add_done_callback(lambda ended: self._ended(running, ended))

    def _ended(self, running: set[asyncio.Task[None]], ended: asyncio.Task[None]) -> None:
        running.discard(ended)
        if not running and not self._waiting:
            self._idle.set()

    async def _load(self, aliases: tuple[str, ...]) -> None:
        argv = (self._program, "-abq", "--", *aliases)
        try:
            end = await self._helpers.run(argv, timeout_s=self._timeout_s)
        except OSError as error:
            self._log.warning("modules cannot be loaded", extra={"program": self._program, "reason": error.strerror})
            return
        if end.code is None:
            self._log.warning("loading modules took too long", extra={"aliases": " ".join(aliases)})
        else:
            self._log.debug("asked for modules", extra={"aliases": " ".join(aliases), "code": end.code})
