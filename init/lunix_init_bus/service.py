"""The daemon: it keeps a table of the services, and tells each event of lunix-init together with the service after it.

    lunix-init → control socket → (get the service) → table → bus

An event says what happened, ``get`` says how things stand then; both are told in one message, and the table that
``init.list`` answers from changes in the same step.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from lunix_common.bus import Bus, Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.common import Model
from lunix_common.schemas.init import (
    ActRequest,
    Begun,
    EndRequest,
    Exit,
    ListRequest,
    Logs,
    LogsRequest,
    NameRequest,
    Reloaded,
    ReloadRequest,
    Service,
    Shutdown,
    UsageList,
    UsageRequest,
)
from lunix_common.subjects import Role
from lunix_init_bus import told
from lunix_init_bus.control import Control, Refused
from lunix_init_bus.settings import InitSettings

log = logging.getLogger("init")

AWAY = "lunix-init is not there at this moment: ask again"
FIRST_RETRY_S, MOST_RETRY_S = 0.02, 1.0
MOST_LINES = 10_000

Act = Callable[[Control], Awaitable[Model]]


async def serve(context: Context[InitSettings]) -> None:
    """Follow lunix-init for ever."""
    speaker = Speaker(context.bus, context.settings)
    speaker.declare()
    await speaker.run(context.ready)


class Speaker:
    """Speaks for one lunix-init."""

    def __init__(self, bus: Bus, settings: InitSettings) -> None:
        self._bus = bus
        self._run = settings.run
        self._logged = frozenset(settings.log)
        self._next_line: dict[str, int] = {}
        self._services: dict[str, Service] = {}
        self._errors: dict[str, str] = {}
        self._control: Control | None = None
        self._boot: str | None = None
        self._seq = 0

    # --- what happens -----------------------------------------------------------------------------------------------

    async def run(self, ready: Callable[[], Awaitable[None]]) -> None:
        """Connect, tell what happens, and connect again when lunix-init runs its program anew."""
        delay, told = FIRST_RETRY_S, False
        while True:
            try:
                async with Control(self._run) as control:
                    await self._catch_up(control)
                    self._control, delay = control, FIRST_RETRY_S
                    if not told:
                        told = True
                        await ready()
                    await self._follow(control)
            except ConnectionError as error:
                log.debug("no lunix-init", extra={"error": str(error)})
            except OSError:
                if not told:
                    raise
            finally:
                self._control = None
            await asyncio.sleep(delay)
            delay = min(delay * 2, MOST_RETRY_S)

    async def _catch_up(self, control: Control) -> None:
        """Have what was missed told again; where that is not kept any more, look how things stand and say so."""
        head = await control.do("events", since=self._seq if self._boot else None, boot=self._boot)
        if self._boot != head["boot"]:
            anew = self._boot is not None
            self._boot = head["boot"]
            await self._look(control)
            if anew:
                self._next_line.clear()
                self._bus.lost("init", "lunix-init was started anew")
        for name in self._services:
            await self._listen(control, name)

    async def _follow(self, control: Control) -> None:
        while (message := await control.arrivals.get()) is not None:
            if "lost" in message:
                await self._look(control)
                self._bus.lost("init", f"events of lunix-init went past: {message['lost'].get('reason', '')}")
            elif "log" in message:
                self._tell_line(message["log"]["service"], message["log"])
            elif (event := message.get("event")) and event["seq"] > self._seq:
                await self._tell(control, event)
                self._seq = event["seq"]

    async def _tell(self, control: Control, event: dict[str, Any]) -> None:
        domain, _, what = event["kind"].partition(".")
        if domain == "service":
            await self._tell_service(control, event, what)
        elif event["kind"] == "usage.high":
            self._bus.emit("init.usage.<service>.high", told.high(event), service=event["service"])
        elif event["kind"] == "shutdown":
            self._bus.emit("init.shutdown", Shutdown(ending=event["ending"]))
        elif event["kind"] == "units.changed":
            await self._look(control, event["time"])
        elif event["kind"] == "fault":
            log.error("lunix-init met a defect and goes on", extra={"error": event.get("error")})

    async def _tell_service(self, control: Control, event: dict[str, Any], what: str) -> None:
        name = event["service"]
        known = self._services.get(name)
        try:
            now = told.service(await control.do("get", name=name))
        except Refused:
            # Its unit was removed meanwhile: this is one of the last things that it did.
            if known is None:
                return
            now = known
        if what == "removed":
            self._services.pop(name, None)
        else:
            self._services[name] = now
        if known is None and what != "added":
            self._emit(now, "added", event["time"])
        if lines := told.last_lines(event):
            self._bus.emit("init.log.<service>.last", lines, service=name)
        self._emit(now, what, event["time"], told.exit_of(event, now))

    async def _look(self, control: Control, moment: str | None = None) -> None:
        """Read all services; with ``moment``, tell who is new or changed (who is gone has an event of its own)."""
        found = await control.do("list")
        self._errors = dict(found["errors"])
        fresh = {one.id: one for one in map(told.service, found["items"])}
        if moment is None:
            self._services, self._seq = fresh, found["seq"]
            return
        before = dict(self._services)
        self._services.update(fresh)
        for what, service in told.differences(before, fresh):
            self._emit(service, what, moment)
            if what == "added":
                await self._listen(control, service.id)

    async def _listen(self, control: Control, name: str) -> None:
        """Have told what a service writes, where that is asked for: from its first line that was not told on."""
        own = os.environ.get("LUNIX_UNIT")  # what it writes because of what it tells would never end
        if name not in self._logged and ("*" not in self._logged or name == own):
            return
        since = self._next_line.get(name, 1) - 1
        try:
            found = await control.do("logs", name=name, since=since, most=MOST_LINES, follow=True)
        except Refused:
            return
        for line in found["lines"]:
            self._tell_line(name, line)

    def _tell_line(self, name: str, line: dict[str, Any]) -> None:
        number, expected = line["number"], self._next_line.get(name)
        if expected is not None and number < expected:
            return
        if expected is not None and number > expected:
            self._bus.lost("init", f"lines of {name} came too fast")
        self._next_line[name] = number + 1
        self._bus.emit("init.log.<service>.line", told.line(name, line), service=name)

    def _emit(self, service: Service, what: str, moment: str, ended: Exit | None = None) -> None:
        event = told.event(service, moment, ended)
        self._bus.emit("init.service.<id>.<event>", event, id=service.id, event=what)

    # --- what is asked ----------------------------------------------------------------------------------------------

    def declare(self) -> None:
        """Declare every query and command."""
        bus = self._bus
        bus.serve_list("init", self._listed, lambda: {"errors": self._errors})
        bus.serve("init.get", self._get)
        bus.serve("init.usage", self._usage)
        bus.serve("init.logs", self._logs)
        bus.serve("init.reload", self._reload)
        for verb in ("start", "stop", "restart"):
            bus.serve(f"init.{verb}", self._act(verb))
        for verb in ("reexec", "poweroff", "reboot"):
            bus.serve(f"init.{verb}", self._end(verb))

    async def _ask(self, act: Act) -> Model:
        if self._control is None:
            raise RequestError(503, AWAY)
        try:
            return await act(self._control)
        except Refused as refused:
            raise RequestError(refused.code, refused.message) from refused
        except ConnectionError as error:
            raise RequestError(503, AWAY) from error

    def _listed(self, asked: ListRequest) -> Iterable[Service]:
        wanted = (asked.id, asked.state)
        return [
            one
            for _, one in sorted(self._services.items())
            if wanted[0] in (None, one.id) and wanted[1] in (None, one.state)
        ]

    async def _get(self, request: Request[NameRequest]) -> Model:
        describe = told.service_with_lines if request.role.includes(Role.ADMIN) else told.service

        async def act(control: Control) -> Model:
            return describe(await control.do("get", name=request.payload.name))

        return await self._ask(act)

    async def _usage(self, request: Request[UsageRequest]) -> Model:
        name = request.payload.name

        async def act(control: Control) -> Model:
            found = await control.do("usage", name=name)
            return UsageList.model_validate(found if name is None else {"items": [found], "total": found})

        return await self._ask(act)

    async def _logs(self, request: Request[LogsRequest]) -> Model:
        asked = request.payload

        async def act(control: Control) -> Model:
            # lunix-init counts from the last line that is known, and gives the newest ones: who reads on gets all.
            since, most = max(asked.since - 1, 0), MOST_LINES if asked.since else asked.most
            found = Logs.model_validate(await control.do("logs", name=asked.name, since=since, most=most))
            return told.fitting(told.first(found, asked.most), self._bus.max_payload)

        return await self._ask(act)

    async def _reload(self, request: Request[ReloadRequest]) -> Model:
        name = request.payload.name

        async def act(control: Control) -> Model:
            found = await control.do("reload", name=name)
            return Reloaded.model_validate(found) if name is None else Reloaded(service=told.service(found))

        return await self._ask(act)

    def _act(self, verb: str) -> Callable[[Request[ActRequest]], Awaitable[Model]]:
        async def answer(request: Request[ActRequest]) -> Model:
            async def act(control: Control) -> Model:
                return told.service(await control.do(verb, name=request.payload.name, wait=request.payload.wait))

            return await self._ask(act)

        return answer

    def _end(self, verb: str) -> Callable[[Request[EndRequest]], Awaitable[Model]]:
        async def answer(request: Request[EndRequest]) -> Model:
            async def act(control: Control) -> Model:
                await control.do(verb, code=None if verb == "reexec" else request.payload.code)
                return Begun.model_validate({"doing": verb})

            return await self._ask(act)

        return answer
