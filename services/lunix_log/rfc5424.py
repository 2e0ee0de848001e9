"""Messages of RFC 5424. Each expression is anchored and its repetitions give nothing back, so that time is linear.

More lenient than the RFC where senders are known to be: fields may be longer than it allows and hold other characters
than ASCII, and a ``]`` inside a value need not be escaped.
"""

import re
from datetime import tzinfo

from lunix_common.schemas.log import Structured
from lunix_log import moment, priority
from lunix_log.parsed import Parsed
from lunix_log.priority import USUAL
from lunix_log.visible import message, visible, word

_FIELD = rb"([^\x00-\x20\x7f]{1,255}+)"
_HEAD = re.compile(rb"(?:<(\d{1,3})>)?1 (-|" + moment.RFC3339 + rb") " + rb" ".join([_FIELD] * 4) + rb"(?: |\Z)")
_ELEMENT = re.compile(rb"\[([^\x00-\x20\x7f=\]\"]{1,255}+)")
_PARAMETER = re.compile(rb" {1,8}+([^\x00-\x20\x7f=\]\"]{1,255}+)=\"((?:[^\"\\]++|\\.)*+)\"", re.DOTALL)
_END = re.compile(rb" {0,8}+\]")
_ESCAPED = re.compile(rb"\\([\"\\\]])")


def parse(raw: bytes, zone: tzinfo | None) -> Parsed | None:
    """The message, or ``None`` where it has not the head of RFC 5424."""
    head = _HEAD.match(raw)
    if head is None:
        return None
    known = USUAL if head[1] is None else priority.told(head[1])
    if known is None:
        return None
    structured, rest = _structured(raw, head.end())
    return Parsed(
        text=message(raw[rest:]),
        format="rfc5424",
        priority=known,
        happened_at=None if head[2] == b"-" else moment.rfc3339(head[2], zone),
        host=word(head[3]),
        app=word(head[4]),
        process=word(head[5]),
        message_id=word(head[6]),
        structured=structured,
    )


def _structured(raw: bytes, start: int) -> tuple[Structured, int]:
    """The structured data at ``start``, and where the text begins; data that is malformed is left to the text."""
    if raw[start : start + 1] == b"-" and raw[start + 1 : start + 2] in (b"", b" "):
        return {}, start + 2
    found: Structured = {}
    at = start
    while (element := _ELEMENT.match(raw, at)) is not None:
        values = found.setdefault(visible(element[1]), {})
        at = element.end()
        while (parameter := _PARAMETER.match(raw, at)) is not None:
            add(values, visible(parameter[1]), visible(_ESCAPED.sub(rb"\1", parameter[2])))
            at = parameter.end()
        end = _END.match(raw, at)
        if end is None:
            return {}, start
        at = end.end()
    if raw[at : at + 1] not in (b"", b" "):
        return {}, start
    return found, at + 1 if found else at


def add(values: dict[str, str | list[str]], name: str, value: str) -> None:
    """Take a value in, beside those of the same name."""
    known = values.get(name)
    if known is None:
        values[name] = value
    elif isinstance(known, list):
        known.append(value)
    else:
        values[name] = [known, value]
