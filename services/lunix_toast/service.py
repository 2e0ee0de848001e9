"""The daemon: requests in, facts and toasts out, and one timer for the toast that expires next."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from lunix_common.access.roles import REQUEST_INFO
from lunix_common.alarm import Alarm
from lunix_common.bus import Bus, Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.toast import (
    CloseReason,
    CloseReply,
    CloseRequest,
    ForgetRequest,
    Forgotten,
    HistoryRequest,
    Limited,
    ListRequest,
    Paused,
    PauseRequest,
    PopRequest,
    Snoozed,
    SnoozeRequest,
    Toast,
    ToastAccepted,
    ToastClosed,
    ToastRequest,
)
from lunix_toast.pausing import Pause
from lunix_toast.rate import REPLACEMENT, Rates
from lunix_toast.renderer import Renderer
from lunix_toast.screen import Screen, why_no_session
from lunix_toast.sender import sender_of
from lunix_toast.settings import Settings
from lunix_toast.store import Crowded, Fact, Gone, NoSuchAction, Store

log = logging.getLogger("toast")


async def serve(context: Context[Settings]) -> None:
    """Answer until the daemon is asked to stop; then close every toast."""
    service = ToastService(context)
    context.stack.callback(service.screen.stop)
    if why := why_no_session(context.settings):
        context.bus.part_is_off("notifications", why)
    else:
        session = service.screen.join_session(service)
        await context.stack.enter_async_context(session.dbus)
        await session.dbus.tried()
    service.screen.choose(context.settings)
    context.bus.serve("toast.in", service.take)
    context.bus.serve("toast.close", service.close)
    context.bus.serve("toast.pause", service.pause)
    context.bus.serve("toast.snooze", service.snooze)
    context.bus.serve("toast.history", service.past)
    context.bus.serve("toast.history.pop", service.pop)
    context.bus.serve("toast.history.clear", service.clear)
    context.bus.serve_list("toast", service.listed, service.listed_beside)
    try:
        await context.ready()
        while True:
            await context.reload.wait()
            context.reload.clear()
            service.use(context.settings)
    finally:
        service.shut_down()
        await service.screen.finish()


class ToastService:
    """Holds the store, the renderer and the timer together: each change is published in the step that makes it."""

    def __init__(self, context: Context[Settings]) -> None:
        settings = context.settings
        self._bus: Bus = context.bus
        self._tasks = context.tasks
        # Ids of different runs differ: a late answer to an old toast must not meet a new one.
        self._store = Store(secrets.token_hex(3), settings.limits, lambda: datetime.now(UTC))
        self._rates = Rates(settings.burst, settings.per_second)
        self._loop = asyncio.get_running_loop()
        self._alarm = Alarm(lambda now: self._publish(self._store.expire(now)))
        self._closed = False
        self.screen = Screen(self, lambda: [toast for toast in self._store if toast.shown], settings)

    @property
    def capabilities(self) -> frozenset[str]:
        """What is shown of a toast, in the words of the notification specification."""
        return self.screen.renderer.capabilities

    def use(self, settings: Settings) -> None:
        """Take over changed settings; toasts that are there keep their times."""
        self._store.limit(settings.limits)
        self._rates = Rates(settings.burst, settings.per_second)
        try:
            self.screen.choose(settings)
        except OSError as error:
            log.error("toasts stay where they were", extra={"error": str(error)})

    def chose(self, id_: str, action: str, token: str | None = None) -> None:
        """Take an action that a person chose on the screen."""
        self.screen.hand_token(id_, token)
        with suppress(Gone, NoSuchAction):  # it ended while the click was under way
            self._close(id_, "action", action)

    def closed(self, id_: str, reason: CloseReason) -> None:
        """Take a toast that was closed on the screen or by its sender."""
        with suppress(Gone):
            self._close(id_, reason, None)

    def overhears(self, why: str | None) -> None:
        """Take note whether notifications that another server shows are heard, and why not."""
        self._bus.part_is_off("overhearing", why)

    def gone(self, renderer: Renderer, why: str) -> None:
        """Go on without the screen."""
        if not self._closed:
            self.screen.lost(renderer, why)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Do something beside, in a task of the daemon's."""
        return self._tasks.create_task(work, name=name)

    async def take(self, request: Request[ToastRequest]) -> ToastAccepted:
        """Answer ``toast.in``."""
        return ToastAccepted(id=self.add(request.payload, sender_of(request.headers.get(REQUEST_INFO, ""))))

    def add(self, request: ToastRequest, sender: str, *, by_another: bool = False) -> str:
        """Show a toast of this sender, or know that another server does, and return its id; raise ``RequestError``."""
        if self._closed:
            raise RequestError(503, "the daemon is about to stop")
        limited = self._rates.take(sender, self._loop.time(), REPLACEMENT if self._store.has(request) else 1.0)
        if limited.dropped and (limited.accepted or limited.dropped == 1):
            log.warning("toasts were dropped", extra={"sender": sender, "dropped": limited.dropped})
            self._bus.emit("toast.limited", Limited(sender=sender, dropped=limited.dropped))
        if not limited.accepted:
            raise RequestError(429, f"{sender} asks for too many toasts")
        try:
            id_, facts = self._store.add(request, self._loop.time(), datetime.now(UTC), by_another=by_another)
        except Crowded:
            raise RequestError(429, f"{len(self._store)} toasts are there, and all are more urgent") from None
        self._publish(facts)
        return id_

    async def close(self, request: Request[CloseRequest]) -> CloseReply:
        """Answer ``toast.close``."""
        asked = request.payload
        toast = self._store.get(asked.id)
        if asked.action is not None and toast is not None and toast.by_another:
            raise RequestError(409, f"toast {asked.id} is shown by another server: its actions are chosen there")
        try:
            return self._close(asked.id, "closed", asked.action)
        except Gone:
            raise RequestError(404, f"there is no toast {asked.id!r}") from None
        except NoSuchAction:
            raise RequestError(400, f"toast {asked.id} does not offer the action {asked.action!r}") from None

    async def pause(self, request: Request[PauseRequest]) -> Paused:
        """Answer ``toast.pause``."""
        self._publish(self._store.pause(self._loop.time(), self._asked(request.payload)))
        return self._store.state

    def _asked(self, asked: PauseRequest) -> Pause | None:
        if not asked.paused:
            return None
        if asked.for_ms is None:
            return Pause(asked.level, frozenset(asked.except_apps))
        until = datetime.now(UTC) + timedelta(milliseconds=asked.for_ms)
        end = self._loop.time() + asked.for_ms / 1000
        return Pause(asked.level, frozenset(asked.except_apps), end, until)

    async def snooze(self, request: Request[SnoozeRequest]) -> Snoozed:
        """Answer ``toast.snooze``."""
        asked = request.payload
        try:
            facts = self._store.snooze(asked.id, asked.for_ms, self._loop.time(), datetime.now(UTC))
        except Gone:
            raise RequestError(404, f"there is no toast {asked.id!r}") from None
        self._publish(facts)
        held = facts[-1].payload
        assert isinstance(held, Toast), "it is told that it is held back"
        assert held.held_until is not None, "and until when"
        return Snoozed(id=asked.id, held_until=held.held_until)

    async def past(self, request: Request[HistoryRequest]) -> bytes:
        """Answer ``toast.history``."""
        app = request.payload.app
        return self._bus.page(
            request.payload, lambda _asked: [toast for toast in self._store.history if app in (None, toast.app)]
        )

    async def pop(self, request: Request[PopRequest]) -> ToastAccepted:
        """Answer ``toast.history.pop``."""
        try:
            id_, facts = self._store.pop(request.payload.id, self._loop.time(), datetime.now(UTC))
        except Gone:
            raise RequestError(404, "the history has no such toast") from None
        except Crowded:
            raise RequestError(429, f"{len(self._store)} toasts are there, and all are more urgent") from None
        self._publish(facts)
        return ToastAccepted(id=id_)

    async def clear(self, request: Request[ForgetRequest]) -> Forgotten:
        """Answer ``toast.history.clear``."""
        history, id_ = self._store.history, request.payload.id
        return Forgotten(count=history.clear() if id_ is None else int(history.take(id_) is not None))

    def listed(self, asked: ListRequest) -> Iterable[Toast]:
        """The items of ``toast.list``."""
        return [toast for toast in self._store if asked.tag in (None, toast.tag)]

    def listed_beside(self) -> dict[str, object]:
        """What ``toast.list`` tells beside its items."""
        return {"paused": self._store.paused}

    def shut_down(self) -> None:
        """Close every toast and take no more."""
        self._closed = True
        self.screen.let_go()
        self._publish(self._store.shut_down())

    def _close(self, id_: str, reason: CloseReason, action: str | None) -> CloseReply:
        facts = self._store.close(id_, reason, action)
        self._publish(facts)
        closed = facts[-1].payload
        return CloseReply(id=id_, reason=closed.reason if isinstance(closed, ToastClosed) else None)

    def _publish(self, facts: list[Fact]) -> None:
        for pattern, payload in facts:
            self._bus.emit(pattern, payload)
            self.screen.told(payload)
        self._alarm.set(self._store.deadline())
        for _, payload in facts:
            if isinstance(payload, ToastClosed):
                self.screen.renderer.hide(payload.id)
            elif isinstance(payload, Toast):
                self.screen.show(payload)
