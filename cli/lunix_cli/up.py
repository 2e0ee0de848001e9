"""``lunix up``: the bus, every daemon that this machine can support, then events until Ctrl-C; it ends in reverse."""

import asyncio
import os
import signal
import sys
import time
from argparse import Namespace
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Literal

from lunix_cli import daemons, declared, logline, own_history, place, record, script_folder, server, show, terminal, web
from lunix_cli.client import Visit
from lunix_cli.fleet import joined
from lunix_cli.init_runner import InitRunner
from lunix_cli.kept_server import NAME as BUS
from lunix_cli.kept_server import KeptServer, choose_port, websocket
from lunix_cli.script_keeper import ScriptKeeper
from lunix_cli.sections import strangers
from lunix_cli.stream import messages
from lunix_cli.streams import Bounds
from lunix_cli.supervise import Phase, Status, Unit
from lunix_cli.table import aligned
from lunix_common import config
from lunix_common.access import serverconf
from lunix_common.access.accounts import SHARED, widest
from lunix_common.bus.errors import BusAway
from lunix_common.bus.options import state_directory
from lunix_common.config import Settings
from lunix_common.errors import UsageError
from lunix_common.subjects import TABLE, Kind

PATIENCE = 3
"""A daemon that nobody asked for by name may die so often before the others are called ready without it."""


class UpSettings(Settings):
    """The section ``[up]``. Flags of the same names count more."""

    bus: str | None = None
    """The address of a running server to use."""
    server: Literal["nats-server", "embedded"] = "nats-server"
    """Which server to start; the embedded one is lunix-bus, for small devices."""
    port: int | None = None
    only: list[str] | None = None
    """The daemons to start; all that this machine can support where nothing is said."""
    trust_bus: bool = False
    """Serve everyone, on a server without lunix's accounts."""
    log_level: str | None = None
    nats_websocket: int | None = None
    """The port on which nats-server itself takes websockets, for clients in browsers that speak NATS; 0 is any."""
    history: bool = False
    """Keep events for ``lunix history``; nats-server does, below the state directory."""
    history_max_bytes: int = Bounds.max_bytes
    history_max_age_s: int = Bounds.max_age_s
    nats_websocket_origins: list[str] = [f"http://{name}:5869" for name in ("127.0.0.1", "localhost")]  # noqa: RUF012
    """The pages that may do so, as browsers name them; programs name none."""


def run(arguments: Namespace) -> int:
    """Run until a signal; raise what keeps it from starting."""
    flags = {name: value for name, value in vars(arguments).items() if name in UpSettings.model_fields}
    settings = config.load("up", UpSettings, flags=flags)
    state = place.own_state(arguments.state)
    if state != state_directory():
        arguments.state = state
    with record.locked(state):
        asyncio.run(Up(settings, state, place.runtime_directory(arguments.state), tail=not arguments.no_tail).main())
    return 0


class Up:
    """One run of it."""

    def __init__(self, settings: UpSettings, state: Path, runtime: Path, *, tail: bool) -> None:
        self._settings, self._state, self._runtime, self._tail = settings, state, runtime, tail
        self._begin = time.time()
        self._url = ""
        self._server: KeptServer | None = None
        self._supervisor: InitRunner | None = None
        self._off: dict[str, str] = {}
        self._ending = False
        self._news = asyncio.Event()
        self._colour = terminal.colour(sys.stderr)

    async def main(self) -> None:
        """Run the story until it ends or a signal asks for its end; a second signal makes an end of it."""
        story = asyncio.create_task(self._story(), name="up")
        asked: list[asyncio.Task[None]] = []

        def stop() -> None:
            if not asked:
                self._say("stopping")
                asked.append(asyncio.create_task(self._cancel(story), name="stop"))
            elif self._supervisor is not None:
                asked.append(asyncio.create_task(self._supervisor.stop(at_once=True), name="stop at once"))

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
            loop.add_signal_handler(signal.SIGHUP, stop)
        try:
            await asyncio.wait({story})
            if not (asked and story.cancelled()):
                story.result()
            for task in asked:
                await task
        finally:
            record.forget(self._runtime)
            (self._state / "bus.json").unlink(missing_ok=True)

    async def _cancel(self, story: asyncio.Task[None]) -> None:
        """Ask the story to end until it does: what it awaits in nats-py may swallow a cancellation."""
        while not (self._ending or story.done()):
            story.cancel()
            await asyncio.sleep(0.1)

    async def _story(self) -> None:
        self._runtime.mkdir(mode=0o755, parents=True, exist_ok=True)
        if left := record.end_leftovers(self._runtime):
            self._say(f"ended what an earlier run left behind: {', '.join(left)}")
        names = self._names()
        for strange in strangers(declared.table().daemons, config.files()):
            self._say(strange)
        async with AsyncExitStack() as stack:
            try:
                await self._run(stack, names)
            finally:
                self._ending = True

    async def _run(self, stack: AsyncExitStack, names: Sequence[str]) -> None:
        runner = InitRunner(self._runtime, self._log, self._changed, env=place.fresh(os.environ))
        self._supervisor = await stack.enter_async_context(runner)
        if self._settings.bus is None:
            self._url = await self._serve(runner)
        else:
            self._url = await self._look(self._settings.bus)
        bus_s = time.time() - self._begin
        asked = self._settings.only or ()
        await runner.start([self._unit(name, runner.run) for name in names])
        await self._until(lambda _, one: one.settled or one.phase is Phase.PAUSING)
        self._table(self._daemons(), bus_s)
        await self._until(lambda name, one: one.settled or (name not in asked and one.restarts >= PATIENCE))
        await stack.enter_async_context(self._scripts(runner))
        if self._tail:
            await self._show()
        else:
            print("ready", flush=True)
            await asyncio.Event().wait()

    def _names(self) -> list[str]:
        """The daemons to start; why each other one is off is kept. Raises ``UsageError`` for one asked for in vain."""
        known = daemons.names()
        only = self._settings.only
        embedded = self._settings.bus is None and self._settings.server == "embedded"
        for name in only or ():
            if name not in known:
                raise UsageError(f"there is no daemon {name!r}: known are {', '.join(known)}")
        for name in known:
            obstacle = daemons.obstacle(name)
            if only is not None and name not in only:
                self._off[name] = "not asked for"
            elif only is None and name in daemons.FOR_LUNIX_BUS and not embedded:
                self._off[name] = daemons.FOR_LUNIX_BUS[name]
            elif obstacle is not None:
                self._off[name] = obstacle.why
                if only is not None:
                    raise UsageError(f"{name} {obstacle.why}: {obstacle.fix}")
        return [name for name in known if name not in self._off]

    async def _serve(self, runner: InitRunner) -> str:
        embedded = self._settings.server == "embedded"
        if embedded and self._settings.nats_websocket is not None:
            raise UsageError("lunix-bus takes no websockets itself: use --server nats-server, or lunix-websocket")
        program = server.find(embedded=embedded)
        port = choose_port(self._settings.port, self._say)
        listener = websocket(self._settings.nats_websocket, self._settings.nats_websocket_origins)
        past = own_history.setting(self._state, embedded=embedded) if self._settings.history else {}
        settings = serverconf.Settings(port, {**listener, **past, **joined.settings(self._state, embedded=embedded)})
        self._server = KeptServer(program, self._state, declared.table(), settings, self._log_server)
        await runner.start([self._server.unit()])
        await self._server.wait_ready()
        if past:
            bounds = Bounds(self._settings.history_max_bytes, self._settings.history_max_age_s)
            await own_history.settle(self._state, self._server.url, bounds)
        return self._server.url

    async def _look(self, url: str) -> str:
        """Whether somebody's running server takes us; it may come later. Raises ``BusRefused``."""
        visiting = Visit(Namespace(role=None, bus=url, state=self._state), "up")
        try:
            await visiting.session.open()
            version = visiting.session.server
        except BusAway as error:
            self._say(f"{error}; waiting for it")
            version = "unknown"
        finally:
            await visiting.session.close()
        server.announce(self._state, url, version, None)
        return url

    def _unit(self, name: str, run: Path) -> Unit:
        env = self._environment()
        level = self._settings.log_level or env.get("LUNIX_LOG_LEVEL") or ("warning" if self._tail else "info")
        env["LUNIX_LOG_LEVEL"] = level
        if path := terminal.name():
            env["LUNIX_TERMINAL"] = path
        needs = [BUS] if self._server else []
        return daemons.unit(name, env, needs, run, trust_bus=self._settings.trust_bus)

    @asynccontextmanager
    async def _scripts(self, runner: InitRunner) -> AsyncGenerator[None]:
        """Keep the scripts of the one who runs us, on a server whose identities are ours."""
        if self._server is None:
            yield
            return
        keeper = ScriptKeeper(
            script_folder.folder(), self._state, self._environment(), runner.start, runner.drop, self._say
        )
        keeping = asyncio.create_task(keeper.run(), name="up.scripts")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})

    def _environment(self) -> dict[str, str]:
        """What every program on the bus needs to know."""
        bus = {"LUNIX_BUS": self._url, "NATS_URL": self._url, "LUNIX_STATE": str(self._state)}
        return place.fresh(os.environ) | bus

    def _daemons(self) -> Mapping[str, Status]:
        """Every unit but the bus."""
        assert self._supervisor is not None, "units are started first"
        return {name: one for name, one in self._supervisor.status().items() if name != BUS}

    async def _until(self, met: Callable[[str, Status], bool]) -> None:
        """Return when every unit meets this; raise ``UsageError`` when one that was asked for by name has failed."""
        while True:
            self._news.clear()
            status = self._daemons()
            for name in self._settings.only or ():
                if status[name].phase is Phase.FAILED:
                    raise UsageError(f"{name} does not run: {logline.plain(status[name].detail)}")
            if all(met(name, one) for name, one in status.items()):
                return
            await self._news.wait()

    def _changed(self) -> None:
        self._news.set()
        runner = self._supervisor
        if runner is None:
            return
        bus = runner.status().get(BUS)
        if self._server and bus and bus.phase in (Phase.PAUSING, Phase.FAILED):
            self._server.ended(bus.detail)
        keeper = record.Init(runner.pid, runner.run)
        record.write(self._runtime, self._url, bus.pid if bus else None, self._daemons(), self._off, keeper)

    # --- what a person sees -----------------------------------------------------------------------------------------

    def _table(self, status: Mapping[str, Status], bus_s: float) -> None:
        what = f"{self._url}, " + (self._server.title if self._server else "not ours")
        rows = [["bus", "ready", show.duration(bus_s), what]]
        for name, one in status.items():
            took = show.duration(one.since - self._begin) if one.phase is Phase.READY else ""
            rows.append([name, one.phase.value, took, "" if one.phase is Phase.READY else logline.plain(one.detail)])
        rows += [[name, "off", "", why] for name, why in self._off.items() if why != "not asked for"]
        out = sys.stdout if self._tail else sys.stderr
        for line in aligned(rows):
            print(line, file=out)
        if self._tail:
            print(f'\nkeys are in {self._state}/keys. In another terminal: eval "$(lunix env{self._where()})"')
            if page := web.link(self._state, web.secret(self._state)):
                print(f"the page: {page}")
            # At once: whoever closes the terminal at this word would else meet the empty line.
            sys.stdout.write("Ctrl-C ends everything. Events:\n\n")
        out.flush()

    def _where(self) -> str:
        return "" if self._state == state_directory() else f" --state {self._state}"

    async def _show(self) -> None:
        colour = terminal.colour(sys.stdout)
        who = Namespace(role=None, bus=self._url, state=self._state)
        stream = messages(lambda: Visit(who, "up"), _events(), lambda _: None, patient=True)
        async with aclosing(stream) as arrivals:
            async for moment, message in arrivals:
                try:
                    print(show.line(message.subject, message.data, moment, colour=colour), flush=True)
                except OSError:  # the terminal was closed, or the reader of a pipe has enough
                    terminal.silence()
                    return

    def _log(self, name: str, line: str) -> None:
        if name == BUS and self._server:
            self._server.heard(line)
        else:
            self._print(name, line)

    def _print(self, name: str, line: str) -> None:
        for_people = sys.stderr.isatty()
        self._write(logline.people(name, line, colour=self._colour) if for_people else logline.machines(name, line))

    def _log_server(self, line: str) -> None:
        if found := logline.server(line):
            self._print(BUS, found)

    def _say(self, text: str) -> None:
        self._write(f"lunix: {text}")

    @staticmethod
    def _write(text: str) -> None:
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except OSError:  # a terminal that was closed must not keep us from stopping what runs
            terminal.silence()


def _events() -> Sequence[str]:
    """What to listen to: each change of a state once, and what scripts tell each other.

    Streams without a state, such as each process that begins or ends, would bury it all; ``lunix sub`` shows them.
    """
    table = declared.table()
    streams = {domain.name for domain in table.domains if domain.item is None and domain.daemon in TABLE.daemons}
    wildcards = [row.wildcard for row in table if row.kind is Kind.EVENT and row.domain not in streams]
    return [*widest(wildcards), SHARED]
