"""Which renderer this session has: popups, a terminal, or none."""

import logging
import os
from collections.abc import Mapping

from lunix_toast.renderer import Nowhere, Renderer
from lunix_toast.settings import Settings
from lunix_toast.terminal import TerminalRenderer, find

log = logging.getLogger("toast")


def open_renderer(settings: Settings, environ: Mapping[str, str] = os.environ) -> Renderer:
    """The renderer that the settings ask for; raise ``OSError`` where they name one that cannot be opened."""
    if settings.renderer == "popups":
        return _popups(settings, environ)
    if settings.renderer == "auto" and settings.terminal == "" and environ.get("DISPLAY"):
        try:
            return _popups(settings, environ)
        except OSError as error:
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


def _popups(settings: Settings, environ: Mapping[str, str]) -> Renderer:
    # Imported here: who has no display does not pay for it.
    from lunix_toast.x11.popups import Popups

    return Popups(settings, environ)
