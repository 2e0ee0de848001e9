"""The renderer that writes to a terminal, and where that terminal is found.

A terminal may stop taking output at any time (Ctrl-S, a slow serial line), so it is opened anew without blocking: what
it does not take waits, bounded, until it does.
"""

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from lunix_common.errors import UsageError
from lunix_common.journal import colours
from lunix_common.schemas.toast import Toast
from lunix_toast import layout
from lunix_toast.renderer import Person
from lunix_toast.settings import Settings

log = logging.getLogger("toast")

MOST_WAITING_BYTES = 256 * 1024
_STDERR = 2
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC


def find(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | int | None:
    """The path or descriptor to write to, ``None`` for no terminal; raise ``UsageError``."""
    if settings.renderer == "none":
        return None
    if settings.terminal != "":
        return settings.terminal
    if os.isatty(_STDERR):
        return _STDERR
    if path := environ.get("LUNIX_TERMINAL"):
        if not Path(path).is_absolute():
            raise UsageError(f"LUNIX_TERMINAL = {path!r}: write the whole path of a terminal")
        return path
    return _STDERR if settings.renderer == "terminal" else None


def _open(where: str | int) -> int:
    if isinstance(where, str):
        return os.open(where, _FLAGS)
    try:
        # An open file of our own: not to block must not become the habit of all who share the descriptor.
        return os.open(f"/proc/self/fd/{where}", _FLAGS)
    except OSError:  # a socket, a terminal of another user's, or no /proc
        return os.dup(where)


class TerminalRenderer:
    """Writes each toast below what is on the terminal already; where it is none, one line each."""

    capabilities = frozenset({"actions", "body"})
    """What it writes names the actions, and the bus takes the choice."""

    def __init__(self, where: str | int, environ: Mapping[str, str] = os.environ) -> None:
        self._fd = _open(where)
        self._is_terminal = os.isatty(self._fd)
        self._colour = colours(environ)
        self._waiting = bytearray()
        self._dropped = 0
        self._watched: asyncio.AbstractEventLoop | None = None
        self._open = True
        path = where if isinstance(where, str) else f"descriptor {where}"
        self.name = f"terminal: {path}{'' if self._is_terminal else ', one line a toast'}"

    def start(self, person: Person) -> None:
        """Do nothing: nobody chooses anything here."""

    def show(self, toast: Toast) -> None:
        """Write it."""
        self._write(self._text(toast).encode())

    def hide(self, id_: str) -> None:
        """Do nothing: what was written scrolls away by itself."""

    async def finish(self) -> None:
        """Do nothing: it is on its way."""

    def stop(self) -> None:
        """Write no more; what the terminal did not take is dropped."""
        if self._open:
            self._open = False
            self._waiting.clear()
            self._unwatch()
            os.close(self._fd)

    def _text(self, toast: Toast) -> str:
        if not self._is_terminal:
            return layout.line(toast)
        try:
            columns = os.get_terminal_size(self._fd).columns or layout.MOST_COLUMNS
        except OSError:  # it hung up: the write will tell
            columns = layout.MOST_COLUMNS
        return layout.card(toast, columns, colour=self._colour)

    def _write(self, text: bytes) -> None:
        if len(self._waiting) + len(text) > MOST_WAITING_BYTES:
            self._dropped += 1
        elif self._open:
            self._waiting += text
            if self._watched is None:
                self._flush()

    def _flush(self) -> None:
        """Write until all is written or the terminal takes no more; then again when it does."""
        try:
            while self._waiting:
                del self._waiting[: os.write(self._fd, self._waiting)]
                if not self._waiting and self._dropped:
                    self._waiting += f"… and {self._dropped} more toasts\n".encode()
                    self._dropped = 0
        except BlockingIOError:
            self._watch()
            return
        except OSError as error:
            log.warning("the terminal is gone", extra={"terminal": self.name, "error": error.strerror})
            self.stop()
            return
        self._unwatch()

    def _watch(self) -> None:
        if self._watched is None:
            self._watched = asyncio.get_running_loop()
            self._watched.add_writer(self._fd, self._flush)

    def _unwatch(self) -> None:
        if self._watched is not None:
            self._watched.remove_writer(self._fd)
            self._watched = None
