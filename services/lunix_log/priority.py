"""Facilities and severities: the number before a message and their names. RFC 5424, section 6.2.1; syslog(3)."""

from typing import NamedTuple, get_args

from lunix_common.schemas.log import Facility, Severity

FACILITIES: tuple[Facility, ...] = get_args(Facility)[:-1]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
UNKNOWN: Facility = "unknown"


class Priority(NamedTuple):
    """Who speaks, and how urgent it is."""

    facility: Facility
    severity: Severity


USUAL = Priority("user", "notice")
"""Of a message that tells none: RFC 3164, section 4.3.3."""


def priority(number: int) -> Priority:
    """Of the number; every one has a severity, and from 192 on an unknown facility."""
    facility, severity = divmod(number, 8)
    return Priority(FACILITIES[facility] if facility < len(FACILITIES) else UNKNOWN, SEVERITIES[severity])


def told(digits: bytes) -> Priority | None:
    """Of what stands between ``<`` and ``>``; ``None`` where RFC 3164 knows no such number."""
    number = int(digits)
    return priority(number) if number < 8 * len(FACILITIES) else None


def at_least(severity: Severity) -> frozenset[Severity]:
    """This severity and those that are more severe."""
    return frozenset(SEVERITIES[: SEVERITIES.index(severity) + 1])
