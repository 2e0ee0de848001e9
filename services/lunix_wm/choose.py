"""Whose windows these are: which display this session has."""

import os
from collections.abc import Mapping
from pathlib import Path

from lunix_wm.desk import Desk
from lunix_wm.settings import Settings
from lunix_x11.os_returns import of_display


def why_none(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Why no windows are told, and none will be; ``None`` where they are, or may be later."""
    if settings.windows == "off":
        return "wm.windows is off in the configuration"
    if not environ.get("DISPLAY"):
        return "this session has no display: DISPLAY is not set"
    return None


def sockets(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """What the paths of sockets begin with by which windows could be told, now or later."""
    return of_display(environ)


def open_desk(environ: Mapping[str, str] = os.environ) -> Desk:
    """Who knows the windows; blocks, and raises ``OSError`` where there is nobody."""
    # Imported here: who has no display does not pay for it.
    from lunix_wm.ewmh_desk import EwmhDesk
    from lunix_x11.connection import Connection

    connection = Connection(environ)
    try:
        return EwmhDesk(connection)
    except BaseException:
        connection.close()
        raise


def told(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """What ``--check`` says about it."""
    if why := why_none(settings, environ):
        return f"none: {why}"
    try:
        desk = open_desk(environ)
    except OSError as error:
        return f"none yet: {error}"
    desk.stop()
    return f"those of {desk.name}"
