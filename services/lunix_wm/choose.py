"""Whose windows these are: sway's, i3's, or those of an X display with any window manager."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lunix_wm.desk import Desk
from lunix_wm.settings import Settings
from lunix_x11.os_returns import of_display

if TYPE_CHECKING:
    from lunix_x11.connection import Connection

log = logging.getLogger("wm")

_MOST_PATH = 4096


def why_none(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """Why no windows are told, and none will be; ``None`` where they are, or may be later."""
    if settings.windows == "off":
        return "wm.windows is off in the configuration"
    if not any(environ.get(name) for name in ("DISPLAY", "SWAYSOCK", "XDG_RUNTIME_DIR")):
        return "this session has no display: DISPLAY is not set"
    return None


def sockets(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """What the paths of sockets begin with by which windows could be told, now or later."""
    folder = environ.get("XDG_RUNTIME_DIR")
    named = environ.get("SWAYSOCK")
    return [
        *of_display(environ),
        *([Path(folder) / f"sway-ipc.{os.geteuid()}."] if folder else []),
        *([Path(named)] if named else []),
    ]


def open_desk(environ: Mapping[str, str] = os.environ) -> Desk:
    """Who knows the windows; blocks, and raises ``OSError`` where there is nobody."""
    # Imported here: who has neither does not pay for it.
    for path in _sway(environ):
        from lunix_wm.ipc_desk import IpcDesk

        try:
            return IpcDesk(path)
        except OSError as error:
            log.debug("no sway", extra={"path": str(path), "error": str(error)})
    if not environ.get("DISPLAY"):
        raise OSError("this session has no display: DISPLAY is not set, and sway does not run")
    from lunix_x11.connection import Connection

    connection = Connection(environ)
    try:
        return _of_display(connection)
    except BaseException:
        connection.close()
        raise


def _sway(environ: Mapping[str, str]) -> list[Path]:
    """Sockets of sway: the one that is named, then those that are there, the newest first."""
    named = [Path(environ["SWAYSOCK"])] if environ.get("SWAYSOCK") else []
    folder = environ.get("XDG_RUNTIME_DIR")
    found = list(Path(folder).glob(f"sway-ipc.{os.geteuid()}.*.sock")) if folder else []
    return named + sorted(found, key=lambda path: path.lstat().st_mtime, reverse=True)


def _of_display(connection: "Connection") -> Desk:
    from lunix_wm.ewmh_desk import EwmhDesk
    from lunix_x11 import wire

    # Before the question: what changes after its answer is told.
    root = connection.setup.root
    connection.send(wire.change_window(root, {wire.EVENT_MASK: wire.LISTEN_PROPERTIES}))
    atom = wire.number(connection.ask(wire.intern_atom("I3_SOCKET_PATH")))
    path = wire.property_bytes(connection.ask(wire.get_property(root, atom, _MOST_PATH)))
    if path:
        from lunix_wm.ipc_desk import IpcDesk

        try:
            desk = IpcDesk(Path(os.fsdecode(path.rstrip(b"\0"))))
        except (OSError, ValueError) as error:
            # i3 was killed, and its name has stayed behind.
            log.debug("no i3", extra={"error": str(error)})
        else:
            connection.close()
            return desk
    return EwmhDesk(connection)


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
