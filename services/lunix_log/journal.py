"""Entries of systemd's journal as ``journalctl --output json`` writes them. systemd.journal-fields(7).

A field is a text, an array of the numbers of its bytes where it is no UTF-8 or holds control characters, an array of
such where it is there more than once, and null where journalctl found it too large.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from lunix_common.schemas.log import Structured
from lunix_log import priority
from lunix_log.parsed import Parsed
from lunix_log.rfc5424 import add
from lunix_log.visible import message, visible

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAID = frozenset({"MESSAGE", "MESSAGE_ID", "PRIORITY"})
"""What stands in the entry by another name; and with SYSLOG_ all that the message said."""
_TELLING = frozenset({"_COMM", "_EXE", "_TRANSPORT", "_SYSTEMD_USER_UNIT"})
"""Of what journald adds, what is not in the entry and tells something."""
MOST_FIELDS = 64
_INFO = 6


class Malformed(ValueError):
    """No entry of the journal."""


class Record(NamedTuple):
    """One entry, and the place after it."""

    cursor: str
    kernel: bool
    parsed: Parsed


def parse(line: bytes) -> Record:
    """Take a line of journalctl apart; raise ``Malformed``."""
    try:
        decoded: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"it is no JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise Malformed("it is no JSON object")
    fields = cast("dict[str, Any]", decoded)
    cursor = fields.get("__CURSOR")
    if not isinstance(cursor, str):
        raise Malformed("it has no cursor")
    number = 8 * (_number(fields, "SYSLOG_FACILITY", 23) or 0) + (_number(fields, "PRIORITY", 7, _INFO) or 0)
    kernel = fields.get("_TRANSPORT") == "kernel"
    if "SYSLOG_FACILITY" not in fields and not kernel:
        # What a service writes to its output has none: journald forwards it to others as of the facility daemon.
        number += 24
    service = _texts(fields.get("_SYSTEMD_UNIT"))
    process = _texts(fields.get("SYSLOG_PID"))
    host, app = _texts(fields.get("_HOSTNAME")), _texts(fields.get("SYSLOG_IDENTIFIER")) or _texts(fields.get("_COMM"))
    known = _texts(fields.get("MESSAGE_ID"))
    parsed = Parsed(
        text="\n".join(_texts(fields.get("MESSAGE"))),
        format="journal",
        priority=priority.priority(number),
        happened_at=_moment(fields),
        host=host[0] if host else None,
        app=app[0] if app else None,
        process=process[0] if process else None,
        message_id=known[0] if known else None,
        service=service[0] if service else None,
        pid=_number(fields, "_PID", 1 << 31),
        uid=_number(fields, "_UID", 1 << 32),
        structured=_structured(fields),
    )
    return Record(cursor, kernel, parsed)


def _texts(field: object) -> list[str]:
    """The values of a field."""
    if isinstance(field, str):
        return [message(field.encode("utf-8", "surrogatepass"))]
    if not isinstance(field, list):
        return []
    values = cast("list[object]", field)
    if values and all(isinstance(each, int) and 0 <= each < 256 for each in values):
        return [message(bytes(cast("list[int]", values)))]
    return [text for each in values if not isinstance(each, int) for text in _texts(each)]


def _number(fields: dict[str, Any], name: str, most: int, usual: int | None = None) -> int | None:
    text = fields.get(name)
    if not isinstance(text, str) or not text.isascii() or not text.isdecimal() or len(text) > 10:
        return usual
    return int(text) if int(text) <= most else usual


def _moment(fields: dict[str, Any]) -> datetime | None:
    for name in ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"):
        text = fields.get(name)
        if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 18:
            # So many digits are of the year 5138 at most.
            return _EPOCH + timedelta(microseconds=int(text))
    return None


def _structured(fields: dict[str, Any]) -> Structured:
    values: dict[str, str | list[str]] = {}
    for name, field in fields.items():
        own = not name.startswith(("_", "SYSLOG_")) and name not in _SAID
        if (own or name in _TELLING) and len(values) < MOST_FIELDS:
            for text in _texts(field):
                add(values, visible(name.encode("utf-8", "surrogatepass")), text)
    return {"journal": values} if values else {}
