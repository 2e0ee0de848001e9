"""Who shows toasts at this moment: another notification server, popups, a terminal, or nobody."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lunix_common.schemas.common import Model
from lunix_common.schemas.toast import Toast
from lunix_toast.choose import are_popups, open_popups, open_renderer, wants_popups
from lunix_toast.renderer import Nowhere, Person, Renderer
from lunix_toast.settings import Settings

if TYPE_CHECKING:
    from lunix_toast.desktop.server import Toasts
    from lunix_toast.desktop.session import Session

log = logging.getLogger("toast")

_FINISH_S = 1.0


class Screen:
    """Holds the one renderer that shows toasts, and changes it when the session changes."""

    def __init__(self, person: Person, shown: Callable[[], Iterable[Toast]], settings: Settings) -> None:
        """``shown`` tells what has to be on the screen, for a renderer that takes over."""
        self.renderer: Renderer = Nowhere()
        self.session: Session | None = None
        self._person = person
        self._shown = shown
        self._settings = settings
        self._by: str | None = None
        self._chosen = False
        self._waiting: asyncio.Task[None] | None = None

    def join_session(self, toasts: "Toasts") -> "Session":
        """Become the server of the desktop's notifications, or speak to the one that is there."""
        # Imported here: who has no session bus does not pay for it.
        from lunix_toast.desktop.session import Session

        self.session = Session(toasts, self._changed)
        return self.session

    def choose(self, settings: Settings) -> None:
        """Let those show toasts whom the settings and the session name; raise ``OSError`` where they cannot."""
        self._settings = settings
        another = self._another()
        forward = self.session.forward() if self.session is not None and another is not None else None
        self._use(forward or open_renderer(settings))
        self._by, self._chosen = another, True
        self._await_display()

    def show(self, toast: Toast) -> None:
        """Put a toast on the screen, or take one from it that is held back."""
        if toast.shown:
            self.renderer.show(toast)
        else:
            self.renderer.hide(toast.id)

    def told(self, fact: Model) -> None:
        """Tell programs of the desktop what became of their notifications."""
        if self.session is not None:
            self.session.server.told(fact)

    def hand_token(self, id_: str, token: str | None) -> None:
        """By this token the program behind a toast may take the focus."""
        if self.session is not None and token is not None:
            self.session.server.hand_token(id_, token)

    def lost(self, renderer: Renderer, why: str) -> None:
        """Go on without a screen that is gone."""
        if renderer is self.renderer:
            log.warning("the screen is gone", extra={"renderer": renderer.name, "error": why})
            self._use(Nowhere())
            self._await_display()

    def let_go(self) -> None:
        """Leave what another server shows for programs where it is."""
        if self.session is not None:
            self.session.overhear.let_go()

    async def finish(self) -> None:
        """Return when another server has taken away what it showed for us, or does not answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISH_S):
                await self.renderer.finish()

    def stop(self) -> None:
        """Give the screen back."""
        self.renderer.stop()

    def _another(self) -> str | None:
        insists = self._settings.renderer != "auto" or self._settings.terminal != ""
        return None if self.session is None or insists else self.session.another

    def _changed(self) -> None:
        if self._chosen and self._another() != self._by:
            try:
                self.choose(self._settings)
            except OSError as error:
                log.error("toasts stay where they were", extra={"error": str(error)})

    def _await_display(self) -> None:
        """Where popups are wanted and there is no display, show them as soon as there is one."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        if self._another() is None and wants_popups(self._settings) and not are_popups(self.renderer):
            self._waiting = self._person.spawn(self._reopen(self._settings), "toast.display")

    async def _reopen(self, settings: Settings) -> None:
        # Imported here: who has its display does not pay for it.
        from lunix_x11.os_returns import NewSockets, of_display, opened

        if not (paths := of_display(os.environ)):
            return
        try:
            sockets = NewSockets(paths)
        except OSError as error:
            log.warning("a display cannot be waited for", extra={"error": str(error)})
            return
        with closing(sockets):
            popups = await opened(
                partial(open_popups, settings),
                sockets,
                lambda error: log.debug("no popups yet", extra={"error": str(error)}),
            )
        self._waiting = None
        self._use(popups)

    def _use(self, renderer: Renderer) -> None:
        self.renderer.stop()
        self.renderer = renderer
        renderer.start(self._person)
        log.info("toasts are shown", extra={"renderer": renderer.name})
        for toast in self._shown():
            renderer.show(toast)


def why_no_session(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Why notifications of the desktop do not reach us; ``None`` where they may."""
    if settings.notifications == "off":
        return "the setting notifications is off"
    if not (environ.get("DBUS_SESSION_BUS_ADDRESS") or environ.get("XDG_RUNTIME_DIR")):
        return "there is no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set"
    if find_spec("dbus_fast") is None:
        return "dbus-fast is not installed: pip install 'lunix[dbus]'"
    return None
