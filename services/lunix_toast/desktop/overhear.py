"""Notifications that programs send to another server, on the bus all the same: a monitor of the session bus hears them.

What that server shows is a toast of which we know: closed there it is closed here, and the other way round. Its actions
are chosen there, for no server offers to others to choose one.
"""

import asyncio
import logging
from collections.abc import Mapping

from lunix_common.bus.errors import RequestError
from lunix_common.schemas.toast import CloseReason
from lunix_dbus import Dbus, DbusAway, DbusError, Message, MessageType, overhear, unpack_variants
from lunix_toast.desktop import INTERFACE, NAME
from lunix_toast.desktop.notify import Notify, toast
from lunix_toast.desktop.others import Others
from lunix_toast.desktop.server import Toasts
from lunix_toast.renderer import Person

log = logging.getLogger("toast")

RULES = (
    f"type='method_call',interface='{INTERFACE}',member='Notify'",
    f"type='method_return',sender='{NAME}'",
    f"type='error',sender='{NAME}'",
    f"type='signal',sender='{NAME}',interface='{INTERFACE}'",
)
REASONS: Mapping[int, CloseReason] = {1: "expired", 2: "dismissed"}
RETRY_S = 2.0
_NOTIFY = "susssasa{sv}i"


class Overhear:
    """Listens while another server has the notifications."""

    def __init__(self, dbus: Dbus, toasts: Toasts) -> None:
        self._dbus = dbus
        self._toasts = toasts
        self._others = Others()
        self._task: asyncio.Task[None] | None = None
        self._person: Person

    def start(self, person: Person) -> None:
        """Begin to listen."""
        self._person = person
        self._task = person.spawn(self._listen(), "toast.overhear")

    def stop(self) -> None:
        """Listen no more. What another server showed goes with it, as far as anybody knows."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._toasts.overhears(None)
        self._forget()

    def let_go(self) -> None:
        """Leave what is shown where it is: nobody closes it because we end."""
        self._others = Others()

    def ended(self, id_: str) -> int | None:
        """The number of a toast that is another server's no more, for who closes or changes it there."""
        return self._others.ended(id_)

    async def _listen(self) -> None:
        while True:
            try:
                await overhear("session", RULES, self._began, self._heard)
                why = "the connection to D-Bus broke"
            except DbusError as error:
                log.warning("what programs say to the other server is not heard", extra={"error": str(error)})
                self._toasts.overhears(f"what programs say to the other server is not heard: {error}")
                return
            except DbusAway as error:
                why = str(error)
            self._toasts.overhears(why)
            self._forget()
            await asyncio.sleep(RETRY_S)

    def _began(self) -> None:
        log.info("what programs say to the other server is heard")
        self._toasts.overhears(None)

    def _forget(self) -> None:
        """Close all: when it ends there we do not learn."""
        for id_ in self._others.all():
            self._others.ended(id_)
            self._person.closed(id_, "closed")

    def _heard(self, message: Message) -> None:
        kind, program = message.message_type, message.destination or ""
        if kind is MessageType.SIGNAL:
            self._told(message)
        elif kind is not MessageType.METHOD_CALL:
            said = self._others.answered(program, message.reply_serial or 0)
            if said is not None and message.signature == "u":
                self._shown(message.body[0], said, program)
        elif message.signature == _NOTIFY and message.sender != self._dbus.unique_name:
            self._others.asked(message.sender or "", message.serial or 0, Notify(*unpack_variants(message.body)))

    def _shown(self, number: int, said: Notify, program: str) -> None:
        # The other server decides when it goes.
        request = toast(said, self._others.toast(number)).model_copy(update={"timeout_ms": 0})
        try:
            id_ = self._toasts.add(request, said.app[:128] or program, by_another=True)
        except RequestError as error:
            log.debug("a notification is not told", extra={"error": str(error)})
        else:
            self._others.shown(number, id_)

    def _told(self, signal: Message) -> None:
        id_ = self._others.toast(signal.body[0]) if signal.signature in ("uu", "us") else None
        if id_ is None:
            return
        what = signal.body[1]
        if signal.member == "ActionInvoked":
            self._person.chose(id_, what)
        elif signal.member == "NotificationClosed":
            self._others.ended(id_)
            self._person.closed(id_, REASONS.get(what, "closed"))
