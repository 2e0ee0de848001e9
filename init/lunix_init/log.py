"""What init itself says: one line a fact, on its standard error.

INFO is a change of state, WARNING something lost or degraded, ERROR what a person must act on.
`key=value` on a terminal and in the kernel's log, JSON otherwise.
"""

import json
import os
import time
from collections.abc import Callable

_LEVELS = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3}


def plain(level: str, message: str, fields: dict[str, object]) -> str:
    """Format a line for people."""
    words = "".join(f" {key}={json.dumps(value)}" for key, value in fields.items())
    return f"lunix-init: {level.lower()}: {message}{words}\n"


def structured(level: str, message: str, fields: dict[str, object]) -> str:
    """Format a line for programs."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({"time": now, "level": level, "message": message, **fields}) + "\n"


class Log:
    """A place to write to. It never fails, and never blocks for long: a lost line harms nobody."""

    def __init__(self, fd: int = 2, level: str = "INFO", *, kernel: bool = False) -> None:
        self.fd = fd
        self._least = _LEVELS[level]
        self._kernel = kernel
        form: Callable[[str, str, dict[str, object]], str] = structured
        if kernel or os.isatty(fd):
            form = plain
        self._form = form

    def say(self, level: str, message: str, /, **fields: object) -> None:
        """Write one line."""
        if _LEVELS[level] > self._least:
            return
        line = self._form(level, message, fields)
        if self._kernel:
            line = f"<{_LEVELS[level]}>{line}"
        try:
            os.write(self.fd, line.encode(errors="replace"))
        except OSError:
            return

    def info(self, message: str, /, **fields: object) -> None:
        """Tell a change of state."""
        self.say("INFO", message, **fields)

    def warning(self, message: str, /, **fields: object) -> None:
        """Tell what was lost or is degraded."""
        self.say("WARNING", message, **fields)

    def error(self, message: str, /, **fields: object) -> None:
        """Tell what a person must act on."""
        self.say("ERROR", message, **fields)
