"""A lunix-init behind ``lunix up``: a child that keeps the units, told by unit files and heard on its control socket.

    up → unit files → lunix-init → processes
    up ←  events, log lines  ←  control socket

Should ``lunix up`` be killed, lunix-init gets SIGTERM from the kernel, and stops all units in order.
"""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lunix_cli import init_units
from lunix_cli.supervise import Phase, Status, Unit
from lunix_init.os_libc import PR_SET_PDEATHSIG, prctl
from lunix_init_bus.control import Control, Refused

START_S = 30.0
"""A daemon that says nothing for so long while it starts is started anew."""
READY_S = 10.0
FIRST_PAUSE_S, MOST_PAUSE_S = 0.1, 5.0
"""Before lunix-init is tried once more."""
MOST_RUN = 40
"""Of the characters in the name of a run directory: its sockets' paths have room for 107 bytes."""

Log = Callable[[str, str], None]


class InitRunner:
    """Starts units in the order of their needs, starts again what dies, and stops all that they have started.

    Use it as an async context manager: its end stops every unit.
    ``log`` gets the name of a unit and a line that it wrote; ``changed`` is called when a status changes.
    """

    def __init__(
        self,
        directory: Path,
        log: Log,
        changed: Callable[[], None] = lambda: None,
        *,
        start_s: float = START_S,
        env: Mapping[str, str] = os.environ,
    ) -> None:
        self._log, self._changed, self._start_s = log, changed, start_s
        self._env = dict(env)
        self._directory = directory
        self._status: dict[str, Status] = {}
        self._lines: dict[str, int] = {}
        self._ending = False
        self._turn = asyncio.Lock()
        self._stack = AsyncExitStack()
        self.run = Path()
        """The run directory of lunix-init."""
        self.pid: int | None = None
        """Its process."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.run = stack.enter_context(run_directory(self._directory))
            self._units = self.run / "units"
            self._units.mkdir()
            await self._begin(stack)
            self._keeping = asyncio.create_task(self._keep(), name="up.follow")
            stack.push_async_callback(self._forget)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop()
        finally:
            await self._stack.aclose()

    async def _forget(self) -> None:
        self._keeping.cancel()
        await asyncio.wait({self._keeping})

    async def _begin(self, stack: AsyncExitStack) -> None:
        """Have a lunix-init run, and be connected to it; raise ``OSError`` where it does not start."""
        self._process = await self._spawn(stack)
        await self._connect(stack)

    async def _connect(self, stack: AsyncExitStack) -> None:
        self._control = await stack.enter_async_context(Control(self.run))
        await self._control.do("events")

    async def _spawn(self, stack: AsyncExitStack) -> Process:
        """Start lunix-init and return when it listens."""
        words = ("-P", "-m", "lunix_init", "--units", str(self._units), "--run", str(self.run))
        address = self.run / "up"
        address.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notify:
            notify.bind(str(address))
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *words,
                stdin=DEVNULL,
                # Our stdout is for whoever runs us.
                stdout=2,
                stderr=PIPE,
                env=self._env | {"NOTIFY_SOCKET": str(address)},
                # Ctrl-C on a terminal is for us.
                start_new_session=True,
                preexec_fn=bound_to(os.getpid()),
            )
            self.pid = process.pid
            logging = asyncio.create_task(self._read_log(process), name="up.init.log")
            stack.push_async_callback(asyncio.wait, {logging})
            stack.push_async_callback(end, process)
            told = asyncio.create_task(asyncio.get_running_loop().sock_recv(notify, 4096))
            ended = asyncio.create_task(process.wait())
            try:
                await asyncio.wait({told, ended}, timeout=READY_S, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ready = told.done()
                for task in (told, ended):
                    task.cancel()
                await asyncio.wait({told, ended})
        if not ready:
            raise OSError("lunix-init did not start")
        return process

    async def _read_log(self, process: Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            if said := init_units.said_by_init(line.decode("utf-8", "backslashreplace").rstrip("\n")):
                self._log("init", said)

    async def start(self, units: Sequence[Unit]) -> None:
        """Begin to keep these units."""
        now = time.time()
        async with self._turn:
            for unit in units:
                self._status[unit.name] = Status(Phase.WAITING, now)
                draft = self._units / f".{unit.name}"
                draft.write_text(init_units.text(unit, self._env, self._start_s), encoding="utf-8")
                draft.rename(self._units / f"{unit.name}.toml")
            found = await self._control.do("reload")
            for unit in units:
                if error := found["errors"].get(unit.name):
                    raise OSError(f"the unit of {unit.name} is refused: {error}")
            await self._listen([unit.name for unit in units])

    async def _listen(self, names: Sequence[str]) -> None:
        for name in names:
            since = self._lines.setdefault(name, 0)
            self._told(name, await self._control.do("logs", name=name, since=since, follow=True))
        for name in names:
            self._set(name, await self._control.do("get", name=name))

    async def drop(self, names: Sequence[str]) -> None:
        """Stop these units and forget them; does not wait for their end."""
        async with self._turn:
            for name in names:
                (self._units / f"{name}.toml").unlink(missing_ok=True)
                self._status.pop(name, None)
                self._lines.pop(name, None)
            await self._control.do("reload")
        self._changed()

    def status(self) -> Mapping[str, Status]:
        """Every unit, by name."""
        return dict(self._status)

    async def stop(self, *, at_once: bool = False) -> None:
        """Stop all units, those that others need last, and lunix-init itself. Idempotent."""
        self._ending = True
        with suppress(ProcessLookupError):
            self._process.terminate()
        with suppress(ConnectionError):
            for name in self._status if at_once else ():
                with suppress(Refused):
                    await self._control.do("signal", name=name, signal="KILL")
        await asyncio.wait({self._keeping})
        await self._process.wait()
        for name, one in self._status.items():
            if one.phase not in (Phase.FAILED, Phase.STOPPED):
                self._status[name] = Status(Phase.STOPPED, time.time(), restarts=one.restarts)
        self._changed()

    # --- what lunix-init tells --------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Follow lunix-init; connect again when it runs its program anew, and start another one when it is killed."""
        while True:
            with suppress(ConnectionError):
                await self._follow()
            pause = FIRST_PAUSE_S
            while not self._ending and not await self._again():
                await asyncio.sleep(pause)
                pause = min(pause * 2, MOST_PAUSE_S)
            if self._ending:
                return

    async def _again(self) -> bool:
        """Connect once more, to another lunix-init where this one is gone; tell whether that went well."""
        try:
            if not await self._reconnected():
                await self._anew()
            async with self._turn:
                await self._listen(list(self._status))
        except OSError as error:
            self._log("init", f"lunix-init cannot be followed: {error}")
            return False
        return True

    async def _reconnected(self) -> bool:
        try:
            await self._connect(self._stack)
        except OSError:
            # It is gone, or will be in a moment.
            await self._process.wait()
            return False
        return True

    async def _anew(self) -> None:
        """Start another one: it ends what the first has left, and begins anew."""
        self._log("init", "lunix-init is gone, and is started again with everything that it kept")
        self._lines.clear()
        await self._begin(self._stack)
        if self._ending:
            await end(self._process)

    async def _follow(self) -> None:
        while (message := await self._control.arrivals.get()) is not None:
            # Not between the lines of a unit that is begun to be kept and those that follow.
            async with self._turn:
                await self._heed(message)

    async def _heed(self, message: Mapping[str, Any]) -> None:
        if "log" in message:
            line = message["log"]
            self._told(line["service"], {"lines": [line]})
        elif "lost" in message:
            for name in self._status:
                with suppress(Refused):
                    self._set(name, await self._control.do("get", name=name))
        elif (event := message["event"])["kind"].startswith("service.") and event["service"] in self._status:
            name = event["service"]
            if self._ending:
                self._set_ending(name, event["kind"])
                return
            try:
                service = await self._control.do("get", name=name)
            except Refused:  # somebody has taken its unit file away
                self._set_ending(name, event["kind"])
                return
            if event["kind"] == "service.exited" and service["state"] == "backoff":
                self._log(name, init_units.again(event, service["next_start_s"] or 0))
            self._set(name, service)

    def _told(self, name: str, logs: Mapping[str, Any]) -> None:
        for line in logs["lines"]:
            if line["number"] > self._lines.get(name, 0):
                self._lines[name] = line["number"]
                self._log(name, line["text"])

    def _set(self, name: str, service: Mapping[str, Any]) -> None:
        status = init_units.status(service, time.time())
        before = self._status[name]
        if before.phase is status.phase and before.pid == status.pid:
            status = replace(status, since=before.since)
        self._status[name] = status
        self._changed()

    def _set_ending(self, name: str, kind: str) -> None:
        """For a unit that cannot be asked for any more, or not for long: lunix-init may be gone by then."""
        one = self._status[name]
        if kind == "service.stopping":
            self._status[name] = replace(one, phase=Phase.STOPPING)
        elif kind == "service.exited" and one.phase is not Phase.FAILED:
            self._status[name] = Status(Phase.STOPPED, time.time(), restarts=one.restarts)
        self._changed()


class run_directory:  # noqa: N801 - used as a function
    """``init`` below a directory, or a directory of its own where that name is too long; gone in the end."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "init"
        if len(os.fsencode(self._path)) > MOST_RUN:
            self._path = Path(tempfile.mkdtemp(prefix="lunix-"))

    def __enter__(self) -> Path:
        shutil.rmtree(self._path, ignore_errors=True)
        self._path.mkdir(mode=0o700, parents=True)
        return self._path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._path, ignore_errors=True)


def bound_to(parent: int) -> Callable[[], None]:
    """What a child does before its exec, so that the kernel asks it to end when its parent has died."""

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return bind


async def end(process: Process) -> None:
    """End a lunix-init in order, if it still runs; it stops what it keeps."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
