"""Who shows notifications in this session: we, where the name is ours or nobody's; else whoever owns it.

We wait in the queue for the name, so that we are told when it becomes free. A server that is started after us may take
it: then toasts are forwarded to that one, and we wait again.
"""

import logging
from collections.abc import Callable

from lunix_dbus import Dbus
from lunix_toast.desktop import NAME
from lunix_toast.desktop.forward import Forward, Signals
from lunix_toast.desktop.overhear import Overhear
from lunix_toast.desktop.server import Server, Toasts
from lunix_toast.renderer import Renderer

log = logging.getLogger("toast")


class Session:
    """The session bus, our place in it, and the server."""

    def __init__(self, toasts: Toasts, changed: Callable[[], None]) -> None:
        """``changed`` is called when somebody else is to show toasts than before."""
        self.dbus = Dbus("session")
        self.server = Server(self.dbus, toasts)
        self.overhear = Overhear(self.dbus, toasts)
        self._signals = Signals(self.dbus)
        self._changed = changed
        self._ours = False
        self._owner: str | None = None
        self.dbus.watch(NAME, self._owned_by)
        self.dbus.own(NAME, self._owned, yields=True)

    def forward(self) -> Renderer | None:
        """A renderer that speaks to another server, where there is one."""
        another = self.another
        return None if another is None else Forward(self.dbus, self._signals, self.overhear, another)

    @property
    def another(self) -> str | None:
        """Who else shows notifications, by its unique name."""
        return None if self._ours or self._owner == self.dbus.unique_name else self._owner

    def _owned_by(self, owner: str | None) -> None:
        if owner != self._owner:
            self._owner = owner
            self._changed()

    def _owned(self, ours: bool) -> None:
        if ours != self._ours:
            self._ours = ours
            log.info("notifications of the desktop come to us" if ours else "another one has the notifications")
            self._changed()
