"""The daemon: windows and programs of one session. What changes is compared with what was told, and told."""

import asyncio
import errno
import logging
import os
from collections.abc import Awaitable, Iterable
from pathlib import Path

from lunix_common.alarm import Alarm
from lunix_common.bus import Bus, Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.wm import (
    Asked,
    ExecRequest,
    Exited,
    ListRequest,
    MoveRequest,
    Started,
    Window,
    WindowEvent,
    WindowRequest,
)
from lunix_wm import choose, command, os_spawn
from lunix_wm.desk import Desk, Unable
from lunix_wm.desks import Desks
from lunix_wm.os_spawn import Child, NoScope
from lunix_wm.programs import Programs
from lunix_wm.settings import Settings
from lunix_wm.windows import Windows

log = logging.getLogger("wm")

_CODES = {errno.ENOENT: 404, errno.EACCES: 403, errno.EPERM: 403, errno.EAGAIN: 503, errno.ENOMEM: 503}


async def serve(context: Context[Settings]) -> None:
    """Tell and answer until the daemon is asked to stop."""
    service = WmService(context)
    context.stack.callback(service.close)
    context.bus.serve_list("wm", service.listed)
    context.bus.serve("wm.focus", service.focus)
    context.bus.serve("wm.close", service.close_window)
    context.bus.serve("wm.move", service.move)
    context.bus.serve("wm.exec", service.exec)
    if why := choose.why_none(context.settings):
        service.lacking(why)
    else:
        keeper = context.tasks.create_task(service.desks.run(), name="wm.desks")
        settled = asyncio.create_task(service.desks.settled.wait(), name="wm.settled")
        await asyncio.wait({keeper, settled}, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
    service.starting = False
    await context.ready()
    while True:
        await context.reload.wait()
        context.reload.clear()
        service.use(context.settings)


class WmService:
    """Holds what was told of windows, and the programs that run."""

    def __init__(self, context: Context[Settings]) -> None:
        self.starting = True
        """Windows that are found now were there before: they are listed, and not told."""
        self.desks = Desks(lambda: self._look(self._loop.time()), self.lacking)
        self._bus: Bus = context.bus
        self._settings = context.settings
        self._windows = Windows()
        self._programs = Programs(self._exited)
        self._being_started = 0
        self._lacking: str | None = None
        self._found_anew = False
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(self._look)

    def use(self, settings: Settings) -> None:
        """Take over changed settings; whose windows are told is decided at the start."""
        self._settings = settings

    def close(self) -> None:
        """Let programs go on without us; idempotent."""
        self._programs.close()
        self._alarm.set(None)

    # --- windows ----------------------------------------------------------------------------------------------------

    def lacking(self, why: str | None) -> None:
        """Take note of why there are no windows."""
        if why is not None:
            self._found_anew = True
        self._lacking = why
        self._bus.part_is_off("windows", why)

    def listed(self, asked: ListRequest) -> Iterable[Window]:
        """The items of ``wm.list``."""
        return [
            window
            for window in self._windows
            if asked.app in (None, window.app)
            and asked.pid in (None, window.pid)
            and asked.workspace in (None, window.workspace)
        ]

    async def focus(self, request: Request[WindowRequest]) -> Asked:
        """Answer ``wm.focus``."""
        desk, window = self._find(request.payload.id)
        return await self._asked(window, desk.focus(window))

    async def close_window(self, request: Request[WindowRequest]) -> Asked:
        """Answer ``wm.close``."""
        desk, window = self._find(request.payload.id)
        return await self._asked(window, desk.close_window(window))

    async def move(self, request: Request[MoveRequest]) -> Asked:
        """Answer ``wm.move``."""
        desk, window = self._find(request.payload.id)
        return await self._asked(window, desk.move(window, request.payload))

    def _find(self, id_: str) -> tuple[Desk, Window]:
        if self.desks.desk is None:
            raise RequestError(503, f"there are no windows: {self._lacking}")
        window = self._windows.get(id_)
        if window is None:
            raise RequestError(404, f"there is no window {id_!r}")
        return self.desks.desk, window

    async def _asked(self, window: Window, done: Awaitable[None]) -> Asked:
        try:
            await done
        except Unable as error:
            raise RequestError(409, str(error)) from None
        return Asked(id=window.id)

    def _look(self, now_s: float) -> None:
        """Compare with what was told, and tell; once more later where something is held back."""
        told = self._windows.look(self.desks.windows(), now_s, self._settings.changed_every_ms / 1000)
        self._alarm.set(told.due_s)
        if self.starting:
            return
        resync = self._found_anew and self._lacking is None
        self._found_anew = self._found_anew and not resync
        for verb, window in told.facts:
            fields = {name: getattr(window, name) for name in Window.model_fields}
            self._bus.emit(f"wm.window.{verb}", WindowEvent(**fields, resync=resync))

    # --- programs ---------------------------------------------------------------------------------------------------

    async def exec(self, request: Request[ExecRequest]) -> Started:
        """Answer ``wm.exec``."""
        try:
            program = command.program(request.payload, os.environ, str(Path.home()))
        except ValueError as error:
            raise RequestError(400, f"wm.exec: {error}") from None
        if len(self._programs) + self._being_started >= self._settings.most_programs:
            raise RequestError(429, f"{len(self._programs)} programs run already")
        self._being_started += 1
        try:
            child = await asyncio.to_thread(self._start, program)
        except NoScope as error:
            raise RequestError(503, str(error)) from None
        except OSError as error:
            raise self._refused(program, error) from None
        finally:
            self._being_started -= 1
        self._programs.add(child)
        log.info("started", extra={"program": child.name, "pid": child.pid, "scope": child.scope})
        return Started(pid=child.pid, program=child.name, scope=child.scope)

    def _start(self, program: command.Program) -> Child:
        systemd_run = None if self._settings.scope == "none" else os_spawn.user_manager()
        if systemd_run is not None:
            try:
                return os_spawn.start_scoped(program, systemd_run)
            except NoScope as error:
                if self._settings.scope == "systemd":
                    raise
                log.warning("a program is in no scope", extra={"program": program.name, "error": str(error)})
        elif self._settings.scope == "systemd":
            raise NoScope("systemd's user manager does not run here")
        return os_spawn.start(program)

    def _refused(self, program: command.Program, error: OSError) -> RequestError:
        name = errno.errorcode.get(error.errno or 0, "no errno")
        what = os.fsdecode(error.filename or program.argv[0])
        # Who publishes without waiting for an answer finds it here.
        log.warning("a program was not started", extra={"program": program.name, "error": name})
        return RequestError(_CODES.get(error.errno or 0, 400), f"{what}: {error.strerror or error} ({name})")

    def _exited(self, exited: Exited) -> None:
        log.info("ended", extra={"program": exited.program, "pid": exited.pid, "exit_code": exited.exit_code})
        self._bus.emit("wm.exited", exited)
