"""Lines of lunix's own daemons, as ``lunix_common.journal`` writes them, and why some are not told again.

    a message → log.* → a daemon that follows it writes a line → init, the journal → a message → …

would go on for ever. So the lines of lunix-log itself are never told; those of the level debug, one for each message by
the contract of the levels, are not either; and all others have a small budget of their own (``limit``).
"""

import json
from typing import Any, NamedTuple, cast

from lunix_common.schemas.log import Severity, Structured
from lunix_log.visible import shown

_LEVELS: dict[str, Severity] = {
    "debug": "debug", "info": "info", "warning": "warning", "error": "err", "critical": "crit",
}  # fmt: skip
_BEGIN = '{"time": "'


class OwnLine(NamedTuple):
    """What a daemon of lunix wrote."""

    told: bool
    """Whether it may be told again: not where it is lunix-log's own, and not where it is one for each message."""
    severity: Severity
    text: str
    structured: Structured


def parse(line: str) -> OwnLine | None:
    """The line taken apart; ``None`` where it is none of lunix's."""
    if not line.startswith(_BEGIN):
        return None
    try:
        # What begins so is an object or nothing.
        facts = cast("dict[str, Any]", json.loads(line))
    except (ValueError, RecursionError):
        return None
    severity = _LEVELS.get(str(facts.pop("level", "")))
    text = facts.pop("message", None)
    if severity is None or not isinstance(text, str):
        return None
    del facts["time"]
    values: dict[str, str | list[str]] = {
        shown(name): shown(value if isinstance(value, str) else json.dumps(value)) for name, value in facts.items()
    }
    told = severity != "debug" and facts.get("logger") != "log"
    return OwnLine(told, severity, shown(text), {"lunix": values} if values else {})
