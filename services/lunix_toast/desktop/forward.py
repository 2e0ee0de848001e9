"""The renderer of a desktop that has a notification server already: toasts are shown by that one.

Calls go out one after the other, in the order of the toasts, from a task of their own: a server that is slow holds
nobody up. What a person does there is told by its signals, and closes the toast here and everywhere else.
"""

import asyncio
import logging
from collections.abc import Callable

from lunix_common.schemas.toast import Toast, Urgency
from lunix_dbus import Dbus, DbusAway, DbusError, Match, Signal, Variant
from lunix_toast.desktop import INTERFACE, NAME, PATH
from lunix_toast.desktop.image import SIDE, image_data
from lunix_toast.desktop.overhear import REASONS, Overhear
from lunix_toast.paint.markup import escape, plain
from lunix_toast.pictures.find import Pictures
from lunix_toast.renderer import Person

log = logging.getLogger("toast")

MOST_WAITING = 1_000
_URGENCIES: dict[Urgency, int] = {"low": 0, "normal": 1, "critical": 2}
_SIGNALS = ("NotificationClosed", "ActionInvoked", "ActivationToken")


class Signals:
    """The signals of whoever owns the name, declared once for all renderers of this kind that come and go."""

    def __init__(self, dbus: Dbus) -> None:
        self.taker: Callable[[Signal], None] | None = None
        for member in _SIGNALS:
            dbus.subscribe(Match(NAME, INTERFACE, member, path=PATH), self._heard)

    def _heard(self, signal: Signal) -> None:
        if self.taker is not None:
            self.taker(signal)


class Forward:
    """Shows toasts by the server that owns the name."""

    def __init__(self, dbus: Dbus, signals: Signals, overhear: Overhear, owner: str) -> None:
        self._dbus = dbus
        self._signals = signals
        self._overhear = overhear
        self._calls: asyncio.Queue[Toast | str] = asyncio.Queue(MOST_WAITING)
        self._numbers: dict[str, int] = {}
        self._toasts: dict[int, str] = {}
        self._tokens: dict[int, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._person: Person
        self._pictures: Pictures
        self._stopped = False
        self.name = f"notifications: by {NAME} of {owner}"
        self.capabilities = frozenset({"actions", "body"})

    def start(self, person: Person) -> None:
        """Begin to speak to it and to hear of it."""
        self._person = person
        self._signals.taker = self._heard
        self._pictures = Pictures("", person.spawn)
        self._task = person.spawn(self._speak(), "toast.forward")
        self._overhear.start(person)

    def show(self, toast: Toast) -> None:
        """Have it show a toast, or change the one that it shows."""
        if not toast.by_another:
            self._put(toast)

    def hide(self, id_: str) -> None:
        """Have it take a toast away."""
        self._put(id_)

    async def finish(self) -> None:
        """Return when the server has answered all."""
        await self._calls.join()

    def stop(self) -> None:
        """Speak to it no more. What it shows stays, for its server may have gone."""
        self._stopped = True
        self._signals.taker = None
        self._overhear.stop()
        if self._task is not None:
            self._task.cancel()

    def _put(self, what: Toast | str) -> None:
        try:
            self._calls.put_nowait(what)
        except asyncio.QueueFull:
            log.warning("the notification server is too slow", extra={"waiting": MOST_WAITING})

    async def _speak(self) -> None:
        markup = await self._has_markup()
        while True:
            what = await self._calls.get()
            try:
                if isinstance(what, str):
                    await self._close(what)
                else:
                    await self._notify(what, markup=markup)
            except (DbusAway, DbusError) as error:
                log.warning("the notification server refuses", extra={"error": str(error)})
            self._calls.task_done()

    async def _has_markup(self) -> bool:
        try:
            [capabilities] = await self._dbus.call(NAME, PATH, INTERFACE, "GetCapabilities")
        except (DbusAway, DbusError) as error:
            log.warning("the notification server refuses", extra={"error": str(error)})
            return False
        return "body-markup" in capabilities

    async def _notify(self, toast: Toast, *, markup: bool) -> None:
        if toast.markup:
            body = toast.body if markup else plain(toast.body)
        else:
            body = escape(toast.body) if markup else toast.body
        actions = [text for action in toast.actions for text in (action.key, action.label)]
        hints = _hints(toast)
        if toast.image is not None:
            picture = await self._pictures.fetch(toast.image, None, SIDE)
            if picture is not None:
                hints["image-data"] = Variant("(iiibiiay)", image_data(picture))
        before = self._numbers.get(toast.id) or self._overhear.ended(toast.id) or 0
        said = (
            toast.app or "lunix", before, toast.icon or "", toast.summary, body, actions, hints, toast.timeout_ms or 0,
        )  # fmt: skip
        [number] = await self._dbus.call(NAME, PATH, INTERFACE, "Notify", "susssasa{sv}i", said)
        self._numbers[toast.id] = number
        self._toasts[number] = toast.id

    async def _close(self, id_: str) -> None:
        number = self._numbers.pop(id_, None)
        if number is not None:
            self._toasts.pop(number, None)
        else:
            number = self._overhear.ended(id_)
        if number is not None:
            await self._dbus.call(NAME, PATH, INTERFACE, "CloseNotification", "u", [number])

    def _heard(self, signal: Signal) -> None:
        number, what = signal.body
        id_ = self._toasts.get(number)
        if id_ is None:
            return
        if signal.member == "ActivationToken":
            self._tokens = {number: what}
        elif signal.member == "ActionInvoked":
            self._person.chose(id_, what, self._tokens.pop(number, None))
        else:
            del self._toasts[number]
            self._numbers.pop(id_, None)
            self._person.closed(id_, REASONS.get(what, "closed"))


def _hints(toast: Toast) -> dict[str, Variant]:
    hints = {"urgency": Variant("y", _URGENCIES[toast.urgency])}
    if toast.transient:
        hints["transient"] = Variant("b", True)
    if toast.resident:
        hints["resident"] = Variant("b", True)
    if toast.progress_percent is not None:
        hints["value"] = Variant("i", toast.progress_percent)
    return hints
