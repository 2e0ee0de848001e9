"""The server of the desktop's notifications, for as long as the name is ours."""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

from lunix_common import __version__
from lunix_common.bus.errors import RequestError
from lunix_common.schemas.common import Model
from lunix_common.schemas.toast import CloseReason, ToastAction, ToastClosed, ToastRequest
from lunix_dbus import Call, Dbus, DbusError, Interface, Method
from lunix_toast.desktop import INTERFACE, PATH
from lunix_toast.desktop.ids import Numbers
from lunix_toast.desktop.notify import Notify, toast

log = logging.getLogger("toast")

_EXPIRED, _DISMISSED, _CLOSED, _UNDEFINED = 1, 2, 3, 4
_REASONS: dict[CloseReason, int] = {
    "expired": _EXPIRED,
    "dismissed": _DISMISSED,
    "action": _DISMISSED,
    "closed": _DISMISSED,
}
"""What a request on the bus closes a person or somebody in their name has closed."""
_FULL = "org.freedesktop.Notifications.MaxNotificationsExceeded"


class Toasts(Protocol):
    """Where notifications go."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What is shown of them."""
        ...

    def add(self, request: ToastRequest, sender: str, *, by_another: bool = False) -> str:
        """Show a toast, or know that another server does, and return its id; raise ``RequestError``."""
        ...

    def overhears(self, why: str | None) -> None:
        """Tell whether what another server shows is heard, and why not."""
        ...

    def closed(self, id_: str, reason: CloseReason) -> None:
        """Close a toast."""
        ...


class Server:
    """Answers the methods, and sends the signals that follow from the service's facts."""

    def __init__(self, dbus: Dbus, toasts: Toasts) -> None:
        self._dbus = dbus
        self._toasts = toasts
        self._numbers = Numbers()
        self._tokens: dict[str, str] = {}
        self._called_off: str | None = None
        dbus.export(
            Interface(
                PATH,
                INTERFACE,
                {
                    "Notify": Method("susssasa{sv}i", "u", self._notify),
                    "CloseNotification": Method("u", "", self._close),
                    "GetCapabilities": Method("", "as", self._capabilities),
                    "GetServerInformation": Method("", "ssss", self._information),
                },
                {"NotificationClosed": "uu", "ActionInvoked": "us", "ActivationToken": "us"},
            )
        )

    def hand_token(self, toast_id: str, token: str) -> None:
        """The token of the action that is told next, by which its program may take the focus."""
        self._tokens = {toast_id: token}

    def told(self, fact: Model) -> None:
        """Tell the program behind a toast what became of it."""
        if isinstance(fact, ToastAction) and (known := self._numbers.known(fact.id)):
            if token := self._tokens.pop(fact.id, None):
                self._signal("ActivationToken", "us", (known.number, token), known.sender)
            self._signal("ActionInvoked", "us", (known.number, fact.action), known.sender)
        elif isinstance(fact, ToastClosed) and (known := self._numbers.known(fact.id)):
            reason = _CLOSED if fact.id == self._called_off else _REASONS.get(fact.reason, _UNDEFINED)
            self._signal("NotificationClosed", "uu", (known.number, reason), known.sender)
            self._numbers.ended(fact.id)

    def _signal(self, member: str, signature: str, body: Sequence[object], to: str) -> None:
        self._dbus.emit(PATH, INTERFACE, member, signature, body, to)

    async def _notify(self, call: Call) -> Sequence[object]:
        said = Notify(*call.body)
        try:
            id_ = self._toasts.add(toast(said, self._numbers.toast(said.replaces_id)), said.app[:128] or call.sender)
        except RequestError as error:
            raise DbusError(_FULL, str(error)) from error
        return [self._numbers.give(id_, call.sender, said.replaces_id)]

    async def _close(self, call: Call) -> Sequence[object]:
        [number] = call.body
        id_ = self._numbers.toast(number)
        if id_ is not None:
            self._called_off = id_
            try:
                self._toasts.closed(id_, "closed")
            finally:
                self._called_off = None
        # The specification wants an empty error for a number that is none; who closes twice has what it wanted.
        return []

    async def _capabilities(self, _call: Call) -> Sequence[object]:
        own = {"x-dunst-stack-tag", "x-canonical-private-synchronous"}
        return [sorted(self._toasts.capabilities | own)]

    async def _information(self, _call: Call) -> Sequence[Any]:
        return ["lunix-toast", "lunix", __version__, "1.3"]
