"""Moments as people write them: ``90s``, ``15m``, ``2h`` or ``7d`` ago, or a time of RFC 3339. Pure."""

import re
from datetime import datetime, timedelta

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGE = re.compile(r"([0-9]{1,9})([smhd])")


def age(text: str) -> timedelta:
    """A time that passes, above nothing and at most 100 years; raise ``ValueError``."""
    found = _AGE.fullmatch(text)
    if found is not None:
        result = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if timedelta() < result <= timedelta(days=36_525):
            return result
    raise ValueError(f"{text!r} is no time that passes: write 90s, 15m, 2h or 7d")


def moment(text: str, now: datetime) -> datetime:
    """So long before ``now``, or at this time, which is local where it names no zone; raise ``ValueError``."""
    if _AGE.fullmatch(text):
        return now - age(text)
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone() if found.tzinfo is None else found
    except (OverflowError, ValueError):
        raise ValueError(f"{text!r} is no moment: write 2h, 7d or 2026-01-02T03:04:05Z") from None
