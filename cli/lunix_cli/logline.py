"""Lines of the daemons' logs and of nats-server's, for people. Pure."""

import json
from datetime import datetime
from typing import Any, cast

from lunix_cli.server import LOG_LINE
from lunix_cli.terminal import END
from lunix_common.journal import COLOURS, safe, shown

_HEAD = {"time", "level", "logger", "message", "traceback"}
_SERVER_LEVELS = {"WRN": "warning", "ERR": "error", "FTL": "error"}


def fields(line: str) -> dict[str, Any] | None:
    """The facts of a daemon's log line, ``None`` where it is not one of ours."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) and "message" in found else None


def plain(line: str) -> str:
    """What a log line says, without time, level and facts."""
    found = fields(line)
    return safe(str(found["message"]) if found else line)


def people(name: str, line: str, *, colour: bool) -> str:
    """A line for people: ``12:30:01 natsdev: a device was added  name=sda1``, and a defect's traceback below it."""
    found = fields(line)
    clock = _clock(found.get("time")) if found else _now()
    return behind(f"{clock} {name}: ", line, colour=colour)


def behind(head: str, line: str, *, colour: bool) -> str:
    """A line for people behind whatever stands before it, in the colour of its level."""
    found = fields(line)
    if found is None:
        return f"{head}{safe(line)}"
    facts = "".join(f" {safe(key)}={shown(value)}" for key, value in found.items() if key not in _HEAD)
    text = f"{head}{safe(str(found['message']))}{facts and ' '}{facts}"
    for row in str(found.get("traceback") or "").splitlines():
        text += f"\n    {safe(row)}"
    start = COLOURS.get(str(found.get("level")).upper()) if colour else None
    return f"{start}{text}{END}" if start else text


def machines(name: str, line: str) -> str:
    """A line for programs: as it is where it is one of ours, else as the message of one."""
    return line if fields(line) else json.dumps({"level": "warning", "logger": name, "message": line})


def server(line: str) -> str | None:
    """A line of nats-server as one of ours, as JSON; ``None`` for one that needs nobody's attention."""
    match = LOG_LINE.match(line)
    if match is None:
        return json.dumps({"level": "error", "message": line})
    level = _SERVER_LEVELS.get(match["level"])
    return json.dumps({"level": level, "logger": "bus", "message": match["text"]}) if level else None


def _clock(moment: object) -> str:
    try:
        return datetime.fromisoformat(str(moment)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return _now()


def _now() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")
