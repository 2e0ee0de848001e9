"""What every daemon does alike: arguments, checks, readiness, signals, tasks, the order of its end, exit codes.

A daemon is a ``Spec`` and one coroutine that reads like its story:

    async def serve(context: Context[MySettings]) -> None:
        socket = context.stack.enter_context(open_the_kernel_socket())    # 1. the world
        context.bus.serve("my.list", answer)                              # 2. what it answers
        await context.ready()                                             # 3. the bus, then readiness
        async for fact in socket:                                         # 4. the loop
            context.bus.emit("my.<name>.changed", fact, name=fact.name)

It ends by SIGTERM or SIGINT, which cancel it: the stack closes in reverse, the bus is drained, the exit code is 0.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

from lunix_common import __version__, config, journal
from lunix_common.bus.connection import Bus
from lunix_common.bus.errors import Duplicate
from lunix_common.bus.options import BusOptions, find
from lunix_common.config import Settings as Settings
from lunix_common.errors import OK, SYSTEM, USAGE, UsageError, leaves
from lunix_common.notify import Notifier
from lunix_common.subjects import TABLE, Table

S = TypeVar("S", bound=Settings)

WAIT_STEP_S = 10.0
"""While a start waits for the bus it tells its supervisor so, this often."""
STOP_S = 2.8
"""A daemon that was asked to stop is gone within three seconds, whatever hangs."""


@dataclass(frozen=True)
class Spec(Generic[S]):
    """A daemon: its name on the bus and in the configuration, its settings and its story."""

    name: str
    doc: str
    settings: type[S]
    serve: "Callable[[Context[S]], Awaitable[None]]"
    acts: bool = False
    """It changes the world beside the bus, and so has ``--dry-run``."""
    check: Callable[[S], Iterable[str]] | None = None
    """Lines that ``--check`` prints: what would be used. Raises ``UsageError`` or ``OSError`` where it would not go."""
    arguments: Callable[[argparse.ArgumentParser], None] | None = None
    """Flags of its own, each named as the setting that it overrides."""
    table: Table | None = None
    """Its declarations; without them lunix's own or, for a daemon that is not among these, ``declarations``' too."""


class Context(Generic[S]):
    """What a daemon's coroutine is given."""

    def __init__(
        self, spec: Spec[S], load: Callable[[], S], options: BusOptions, notifier: Notifier, *, dry_run: bool
    ) -> None:
        self.settings = load()
        """As they were read last."""
        self.options = options
        """How it is connected, for those who connect more than once."""
        self.bus = Bus(options, spec.name, doc=spec.doc, table=spec.table or _declared(spec.name))
        self.log = logging.getLogger(spec.name)
        self.dry_run = dry_run
        self.stack = AsyncExitStack()
        """Closed in reverse when the daemon ends, after the bus is drained."""
        self.reload = asyncio.Event()
        """Set when SIGHUP has changed ``settings``; a daemon that takes them over clears it."""
        self.tasks: asyncio.TaskGroup
        """Owns every task of the daemon; one that fails ends it."""
        self._load = load
        self._notifier = notifier
        self._is_ready = False

    async def ready(self) -> None:
        """Connect to the bus, however long it takes, and tell the supervisor that the daemon answers.

        Call it once the kernel's sockets are open and all endpoints are declared. Raises ``OSError`` where another
        instance of this daemon answers on the bus.
        """
        await self.stack.enter_async_context(self.bus)
        up = asyncio.create_task(self.bus.up(), name="daemon.up")
        refused = asyncio.create_task(self._refused(), name="daemon.refused")
        try:
            while not up.done():
                self._notifier.waiting("waiting for the bus", extend_s=WAIT_STEP_S * 3)
                await asyncio.wait({up, refused}, timeout=WAIT_STEP_S, return_when=asyncio.FIRST_COMPLETED)
                if refused.done():
                    refused.result()
        finally:
            up.cancel()
            refused.cancel()
        self._is_ready = True
        self._notifier.ready()
        self.log.info("ready")

    async def _refused(self) -> None:
        while True:
            reason = await self.bus.refusal()
            if isinstance(reason, Duplicate):
                raise reason
            self._notifier.waiting(str(reason), extend_s=WAIT_STEP_S * 3)

    async def pet_watchdog(self, every_s: float) -> None:
        """Tell the supervisor that the loop turns, twice in the time that it allows."""
        while True:
            self._notifier.alive()
            await asyncio.sleep(every_s / 2)

    def reload_requested(self) -> None:
        """Take SIGHUP: read the configuration again. One that is wrong changes nothing."""
        self._notifier.reloading(time.monotonic_ns() // 1000)
        try:
            self.settings = self._load()
            self.log.info("the configuration was read again")
            self.reload.set()
        except UsageError as error:
            self.log.error("the configuration stays as it was", extra={"error": str(error)})
        if self._is_ready:
            self._notifier.ready()


def run(spec: Spec[Any], argv: Sequence[str] | None = None) -> NoReturn:
    """Run a daemon to its end and exit with its code. The only place that turns errors into codes."""
    code = OK
    try:
        arguments = _parser(spec).parse_args(argv)
        journal.configure(arguments.log_level)
        if arguments.check:
            _check(spec, arguments)
        else:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_supervised(spec, arguments, Notifier(arguments.ready_fd)))
    except* UsageError as group:
        code = _told(spec, USAGE, group)
    except* OSError as group:
        code = _told(spec, SYSTEM, group)
    except* Exception:
        logging.getLogger(spec.name).exception("stopped by a defect")
        code = SYSTEM
    sys.exit(code)


def _told(spec: Spec[Any], code: int, group: BaseExceptionGroup[BaseException]) -> int:
    for error in leaves(group):
        # The number of an errno tells a person nothing.
        text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        logging.getLogger(spec.name).error(text)
    return code


class _Parser(argparse.ArgumentParser):
    """argparse exits with 2; our supervisors know 100."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        sys.stderr.write(f"{self.prog}: {message}\n")
        sys.exit(USAGE)


def _parser(spec: Spec[Any]) -> argparse.ArgumentParser:
    parser = _Parser(prog=spec.name, description=spec.doc)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--bus", metavar="URL", help="where the bus is (default: LUNIX_BUS, else what `lunix up` says)")
    parser.add_argument("--state", type=Path, metavar="DIR", help="the directory with keys and the bus's address")
    parser.add_argument(
        "--trust-bus", action="store_true", help="serve everyone: for a server without lunix's accounts"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="read this file instead of the usual ones")
    parser.add_argument("--check", action="store_true", help="say what would be used, and exit")
    parser.add_argument("--ready-fd", type=int, metavar="N", help="write a newline there when ready")
    parser.add_argument("--log-level", choices=journal.LEVELS, default=os.environ.get("LUNIX_LOG_LEVEL", "info"))
    if spec.acts:
        parser.add_argument("--dry-run", action="store_true", help="say what would be changed, and change nothing")
    if spec.arguments:
        spec.arguments(parser)
    return parser


def _settings(spec: Spec[S], arguments: argparse.Namespace) -> S:
    flags = {name: value for name, value in vars(arguments).items() if name in spec.settings.model_fields}
    paths = [arguments.config] if arguments.config else None
    return config.load(spec.name, spec.settings, paths=paths, flags=flags)


def _options(spec: Spec[Any], arguments: argparse.Namespace) -> BusOptions:
    try:
        return find(spec.name, url=arguments.bus, state=arguments.state, trust_bus=arguments.trust_bus)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _declared(name: str) -> Table:
    """A mistake in the declarations of others must not stop a daemon that does not need them."""
    if name in TABLE.daemons:
        return TABLE
    from lunix_common import declarations  # which lunix's own daemons do not need

    try:
        table = declarations.load(declarations.directory())
    except ValueError as error:
        raise UsageError(str(error)) from error
    if name not in table.daemons:
        raise UsageError(f"no file in {declarations.directory()} declares the daemon {name}")
    return table


def _check(spec: Spec[Any], arguments: argparse.Namespace) -> None:
    settings, options = _settings(spec, arguments), _options(spec, arguments)
    lines = [f"bus = {options.url}", f"key = {options.key or 'none'}"]
    lines += [f"{spec.name}.{key} = {(str(value) if isinstance(value, Path) else value)!r}" for key, value in settings]
    lines += spec.check(settings) if spec.check else ()
    sys.stdout.write("\n".join(lines) + "\n")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Use uvloop where it is installed: it halves the latency of requests. ``LUNIX_LOOP=asyncio`` does without it."""
    if os.environ.get("LUNIX_LOOP") == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _supervised(spec: Spec[Any], arguments: argparse.Namespace, notifier: Notifier) -> None:
    """Run the daemon's story until it ends or a signal asks for its end."""
    options, dry_run = _options(spec, arguments), getattr(arguments, "dry_run", False)
    context: Context[Any] = Context(spec, lambda: _settings(spec, arguments), options, notifier, dry_run=dry_run)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, context.reload_requested)
    story = asyncio.create_task(_story(spec, context, notifier), name=spec.name)
    asked = asyncio.create_task(stopped.wait(), name=f"{spec.name}.signal")
    await asyncio.wait({story, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    notifier.stopping()
    if not story.done():
        story.cancel()
        # In steps: a process that stood still for long has what it waits for by now, and ends in the next.
        for _ in range(10):
            await asyncio.wait({story}, timeout=STOP_S / 10)
        if not story.done():
            context.log.error("did not stop in time", extra={"seconds": STOP_S})
            os._exit(OK)
    if not story.cancelled():
        story.result()


async def _story(spec: Spec[Any], context: Context[Any], notifier: Notifier) -> None:
    async with context.stack, asyncio.TaskGroup() as tasks:
        context.tasks = tasks
        if notifier.watchdog_s:
            tasks.create_task(context.pet_watchdog(notifier.watchdog_s), name=f"{spec.name}.watchdog")
        await spec.serve(context)
