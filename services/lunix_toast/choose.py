"""Which renderer this session has: popups, a terminal, or none."""

import logging
import os
import sys
from collections.abc import Mapping

from lunix_toast.renderer import Nowhere, Renderer
from lunix_toast.settings import Settings
from lunix_toast.terminal import TerminalRenderer, find

log = logging.getLogger("toast")


def wants_popups(settings: Settings, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether popups are what toasts are shown by wherever there is a display."""
    return settings.renderer == "popups" or (
        settings.renderer == "auto" and settings.terminal == "" and bool(environ.get("DISPLAY"))
    )


def are_popups(renderer: Renderer) -> bool:
    """Whether this one is that."""
    module = sys.modules.get("lunix_toast.x11.popups")
    return module is not None and isinstance(renderer, module.Popups)


def open_renderer(settings: Settings, environ: Mapping[str, str] = os.environ) -> Renderer:
    """The renderer that the settings ask for; raise ``OSError`` where they name one that cannot be opened."""
    if wants_popups(settings, environ):
        try:
            return open_popups(settings, environ)
        except OSError as error:
            if settings.renderer == "popups":
                raise
            log.warning("there are no popups", extra={"error": str(error)})
    where = find(settings, environ)
    if where is None:
        return Nowhere()
    try:
        return TerminalRenderer(where, environ)
    except OSError as error:
        if settings.renderer == "terminal" or settings.terminal != "":
            raise
        log.warning("the terminal cannot be opened", extra={"terminal": where, "error": error.strerror})
        return Nowhere()


def open_popups(settings: Settings, environ: Mapping[str, str] = os.environ) -> Renderer:
    """Popups; raise ``OSError`` where there is no display."""
    # Imported here: who has no display does not pay for it.
    from lunix_toast.x11.popups import Popups

    return Popups(settings, environ)
