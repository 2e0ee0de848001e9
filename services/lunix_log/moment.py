"""The times that messages bear: those of RFC 3339, and those of RFC 3164, which have neither year nor zone."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")

AHEAD = timedelta(days=7)
"""A clock may be so fast; a date that is further ahead is one of the year before."""

RFC3339 = rb"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)?"
_RFC3339 = re.compile(
    rb"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?:([Zz])|([+-])(\d\d):?(\d\d))?"
)


def rfc3339(text: bytes, zone: tzinfo | None) -> datetime | None:
    """A time of RFC 3339 in UTC; ``None`` where it is none. ``zone`` (``None``: this machine's) is for one without.

    Parts of a microsecond are cut. A leap second is the last moment of the second before.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[group]) for group in range(1, 7))
    if found[8]:
        zone = UTC
    elif found[9]:
        offset = timedelta(hours=int(found[10]), minutes=int(found[11]))
        try:
            zone = timezone(-offset if found[9] == b"-" else offset)
        except ValueError:
            return None
    return _moment(year, month, day, (hour, minute, second), found[7], zone)


def without_year(
    month: bytes, day: int, clock: tuple[int, int, int], fraction: bytes | None, received: datetime, zone: tzinfo | None
) -> datetime | None:
    """The last moment of this date and time up to its reception, and a week; ``None`` where there is none.

    So a message of the last second of a year that arrives in the new one is of the old one, and one of a clock that is
    fast is of the year to come. 29 February is one of a leap year or none. Of an hour that a zone has twice it is the
    nearer one.
    """
    near = [
        moment
        for year in (received.year - 1, received.year, received.year + 1)
        for fold in (0, 1)
        if (moment := _moment(year, MONTHS.index(month) + 1, day, clock, fraction, zone, fold)) is not None
        and moment <= received + AHEAD
    ]
    return min(near, key=lambda moment: abs(moment - received), default=None)


def with_year(
    year: int, month: bytes, day: int, clock: tuple[int, int, int], fraction: bytes | None, zone: tzinfo | None
) -> datetime | None:
    """The same for those who write the year."""
    return _moment(year, MONTHS.index(month) + 1, day, clock, fraction, zone)


def _moment(
    year: int,
    month: int,
    day: int,
    clock: tuple[int, int, int],
    fraction: bytes | None,
    zone: tzinfo | None,
    fold: int = 0,
) -> datetime | None:
    hour, minute, second = clock
    microsecond = int((fraction or b"0")[:6].ljust(6, b"0"))
    if second == 60:
        second, microsecond = 59, 999_999
    try:
        naive = datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)
        return naive.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
