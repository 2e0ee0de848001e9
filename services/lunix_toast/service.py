"""The daemon: requests in, facts and toasts out, and one timer for the toast that expires next."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from lunix_common.bus import Bus, Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.toast import (
    CloseReason,
    CloseRequest,
    ListRequest,
    Paused,
    PauseRequest,
    Toast,
    ToastAccepted,
    ToastClosed,
    ToastRequest,
)
from lunix_toast.alarm import Alarm
from lunix_toast.choose import open_renderer
from lunix_toast.renderer import Nowhere, Renderer
from lunix_toast.settings import Settings
from lunix_toast.store import Crowded, Fact, Gone, NoSuchAction, Store

log = logging.getLogger("toast")


async def serve(context: Context[Settings]) -> None:
    """Answer until the daemon is asked to stop; then close every toast."""
    service = ToastService(context)
    context.stack.callback(service.stop)
    context.bus.serve("toast.in", service.take)
    context.bus.serve("toast.close", service.close)
    context.bus.serve("toast.pause", service.pause)
    context.bus.serve_list("toast", service.listed, service.listed_beside)
    try:
        await context.ready()
        while True:
            await context.reload.wait()
            context.reload.clear()
            service.use(context.settings)
    finally:
        service.shut_down()


class ToastService:
    """Holds the store, the renderer and the timer together: each change is published in the step that makes it."""

    def __init__(self, context: Context[Settings]) -> None:
        settings = context.settings
        self._bus: Bus = context.bus
        self._tasks = context.tasks
        # Ids of different runs differ: a late answer to an old toast must not meet a new one.
        self._store = Store(secrets.token_hex(3), settings.limits)
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(lambda now: self._publish(self._store.expire(now)))
        self._closed = False
        self.renderer: Renderer = Nowhere()
        self._show_by(open_renderer(settings))

    def use(self, settings: Settings) -> None:
        """Take over changed settings; toasts that are there keep their times."""
        self._store.limits = settings.limits
        try:
            renderer = open_renderer(settings)
        except OSError as error:
            log.error("toasts stay where they were", extra={"error": str(error)})
            return
        self._show_by(renderer)

    def _show_by(self, renderer: Renderer) -> None:
        """Let another renderer show what is there."""
        self.renderer.stop()
        self.renderer = renderer
        renderer.start(self)
        log.info("toasts are shown", extra={"renderer": renderer.name})
        for toast in self._store:
            if toast.shown:
                renderer.show(toast)

    def chose(self, id_: str, action: str, token: str | None = None) -> None:
        """Take an action that a person chose on the screen."""
        with suppress(Gone, NoSuchAction):  # it ended while the click was under way
            self._close(id_, "action", action)

    def dismissed(self, id_: str) -> None:
        """Take a toast that a person clicked away."""
        with suppress(Gone):
            self._close(id_, "dismissed", None)

    def gone(self, renderer: Renderer, why: str) -> None:
        """Go on without the screen."""
        if renderer is self.renderer and not self._closed:
            log.warning("the screen is gone", extra={"renderer": renderer.name, "error": why})
            self._show_by(Nowhere())

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> object:
        """Do something beside, in a task of the daemon's."""
        return self._tasks.create_task(work, name=name)

    async def take(self, request: Request[ToastRequest]) -> ToastAccepted:
        """Answer ``toast.in``."""
        if self._closed:
            raise RequestError(503, "the daemon is about to stop")
        try:
            id_, facts = self._store.add(request.payload, self._loop.time(), datetime.now(UTC))
        except Crowded:
            raise RequestError(429, f"{len(self._store)} toasts are there, and all are more urgent") from None
        self._publish(facts)
        return ToastAccepted(id=id_)

    async def close(self, request: Request[CloseRequest]) -> ToastClosed:
        """Answer ``toast.close``."""
        asked = request.payload
        try:
            return self._close(asked.id, "closed", asked.action)
        except Gone:
            raise RequestError(404, f"there is no toast {asked.id!r}") from None
        except NoSuchAction:
            raise RequestError(400, f"toast {asked.id} does not offer the action {asked.action!r}") from None

    async def pause(self, request: Request[PauseRequest]) -> Paused:
        """Answer ``toast.pause``."""
        self._publish(self._store.pause(self._loop.time(), paused=request.payload.paused))
        return Paused(paused=self._store.paused, held=self._store.held)

    def listed(self, asked: ListRequest) -> Iterable[Toast]:
        """The items of ``toast.list``."""
        return [toast for toast in self._store if asked.tag in (None, toast.tag)]

    def listed_beside(self) -> dict[str, object]:
        """What ``toast.list`` tells beside its items."""
        return {"paused": self._store.paused}

    def shut_down(self) -> None:
        """Close every toast and take no more."""
        self._closed = True
        self._publish(self._store.shut_down())

    def stop(self) -> None:
        """Give the screen back."""
        self.renderer.stop()

    def _close(self, id_: str, reason: CloseReason, action: str | None) -> ToastClosed:
        facts = self._store.close(id_, reason, action)
        self._publish(facts)
        closed = facts[-1].payload
        assert isinstance(closed, ToastClosed), "the last fact of a toast is its end"
        return closed

    def _publish(self, facts: list[Fact]) -> None:
        for pattern, payload in facts:
            self._bus.emit(pattern, payload)
        self._alarm.set(self._store.deadline())
        for _, payload in facts:
            if isinstance(payload, ToastClosed):
                self.renderer.close(payload)
            elif isinstance(payload, Toast) and payload.shown:
                self.renderer.show(payload)
