r"""Records of ``/dev/kmsg``. Source: ``Documentation/ABI/testing/dev-kmsg`` of the kernel.

    6,1234,5140900,-;NET: Registered protocol family 10
     SUBSYSTEM=net
     DEVICE=n2

What is not printable, and each byte of what is no ASCII, is written as ``\xNN``; so is a backslash itself.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lunix_common.schemas.log import Structured
from lunix_log import priority
from lunix_log.parsed import Parsed
from lunix_log.visible import message, visible

_HEAD = re.compile(rb"(\d{1,10}),(\d{1,20}),(\d{1,20}),[^;]{0,256}+;")
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


class Malformed(ValueError):
    """No record of the kernel's."""


class Record(NamedTuple):
    """One record; ``number`` counts on by one over the run of the kernel."""

    number: int
    parsed: Parsed


def parse(raw: bytes, booted: datetime) -> Record:
    """Take a record apart; ``booted`` is when the kernel's clock was 0. Raise ``Malformed``."""
    head = _HEAD.match(raw)
    if head is None:
        raise Malformed("it has not the head of a record of the kernel")
    text, *beside = raw[head.end() :].split(b"\n")
    known = dict(line[1:].split(b"=", 1) for line in beside if line.startswith(b" ") and b"=" in line)
    structured: Structured = (
        {"kernel": {visible(_raw(name)): visible(_raw(value)) for name, value in known.items()}} if known else {}
    )
    spoken = priority.priority(int(head[1]))
    parsed = Parsed(
        text=message(_raw(text)),
        format="kmsg",
        priority=spoken,
        happened_at=_moment(booted, int(head[3])),
        app="kernel" if spoken.facility == "kern" else None,
        structured=structured,
    )
    return Record(int(head[2]), parsed)


def _raw(text: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), text)


def _moment(booted: datetime, microseconds: int) -> datetime | None:
    try:
        return (booted + timedelta(microseconds=microseconds)).astimezone(UTC)
    except OverflowError:
        return None
