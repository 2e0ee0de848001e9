"""One structured log line a fact on stderr: ``key=value`` for people on a terminal, JSON for everything else.

The levels are a contract: INFO is a change of state, DEBUG each message, WARNING something lost or degraded, ERROR
something that a person must mend.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from lunix_common.errors import UsageError

LEVELS = ("debug", "info", "warning", "error")

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
COLOURS = {"DEBUG": "\x1b[2m", "WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}
# C0, DEL, C1 and the bidirectional controls: what could speak to the reader's terminal, or reorder the line.
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}


def safe(text: str) -> str:
    r"""The text without anything that a terminal would obey; such characters stand as ``\\xNN`` or ``\\uNNNN``."""
    return text.translate(CONTROLS).encode("utf-8", "backslashreplace").decode()


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _OWN}


class ForPeople(logging.Formatter):
    """``12:30:01 natsdev: a device was added  name=sda1 subsystem=block``."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback of a defect below it."""
        facts = "".join(f" {key}={shown(value)}" for key, value in _facts(record).items())
        clock = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        line = f"{clock} {record.name}: {safe(record.getMessage())}{facts and ' '}{facts}"
        if self._colour and (colour := COLOURS.get(record.levelname)):
            line = f"{colour}{line}\x1b[0m"
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def shown(value: object) -> str:
    """The value of a fact, for people."""
    text = safe(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or " " in text or '"' in text else text


class ForMachines(logging.Formatter):
    """A JSON object a line: ``time``, ``level``, ``logger``, ``message`` and the facts."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, ASCII."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        head = {"time": moment, "level": record.levelname.lower(), "logger": record.name}
        line = head | {"message": record.getMessage()} | _facts(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def colours(environ: Mapping[str, str]) -> bool:
    """Whether a terminal is shown colours: unless ``NO_COLOR`` is set (https://no-color.org) or it is a dumb one."""
    return not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def configure(level: str, stream: TextIO = sys.stderr, environ: Mapping[str, str] = os.environ) -> None:
    """Send all logging to ``stream``, nats-py's own only from WARNING on; raise ``UsageError`` for no level."""
    if level.lower() not in LEVELS:
        raise UsageError(f"{level!r} is no level of the log: known are {', '.join(LEVELS)}")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(ForPeople(colour=colours(environ)) if stream.isatty() else ForMachines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("nats").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
