"""The times of messages: years that nobody wrote, and all that is no time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_log import moment

BERLIN = ZoneInfo("Europe/Berlin")


def utc(year: int, month: int, day: int, *clock: int) -> datetime:
    hour, minute, second, microsecond = (*clock, 0, 0, 0, 0)[:4]
    return datetime(year, month, day, hour, minute, second, microsecond, UTC)


def dated(month: bytes, day: int, clock: tuple[int, int, int], received: datetime) -> datetime | None:
    return moment.without_year(month, day, clock, None, received, UTC)


def test_the_last_second_of_a_year_arrives_in_the_new_one() -> None:
    assert dated(b"Dec", 31, (23, 59, 59), utc(2027, 1, 1, 0, 0, 3)) == utc(2026, 12, 31, 23, 59, 59)


def test_a_clock_that_is_fast_is_in_the_new_year_already() -> None:
    assert dated(b"Jan", 1, (0, 0, 1), utc(2026, 12, 31, 23, 59, 58)) == utc(2027, 1, 1, 0, 0, 1)


def test_new_year_of_the_sender_is_that_of_its_zone() -> None:
    received = utc(2026, 12, 31, 23, 30)
    assert moment.without_year(b"Jan", 1, (0, 30, 0), None, received, BERLIN) == received


def test_what_is_long_ago_is_of_the_past() -> None:
    assert dated(b"Mar", 1, (18, 0, 0), utc(2026, 11, 21)) == utc(2026, 3, 1, 18)
    assert dated(b"Nov", 29, (0, 0, 0), utc(2026, 11, 21)) == utc(2025, 11, 29)
    assert dated(b"Nov", 27, (0, 0, 0), utc(2026, 11, 21)) == utc(2026, 11, 27)


def test_29_february_is_one_of_a_leap_year_or_none() -> None:
    assert dated(b"Feb", 29, (1, 0, 0), utc(2028, 2, 29, 1)) == utc(2028, 2, 29, 1)
    assert dated(b"Feb", 29, (1, 0, 0), utc(2029, 1, 2)) == utc(2028, 2, 29, 1)
    assert dated(b"Feb", 29, (1, 0, 0), utc(2026, 2, 28)) is None


def test_of_an_hour_that_is_there_twice_it_is_the_nearer_one() -> None:
    for received in (utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30)):
        assert moment.without_year(b"Oct", 25, (2, 30, 0), None, received, BERLIN) == received


@pytest.mark.parametrize("clock", [(24, 0, 0), (0, 60, 0), (0, 0, 61)])
def test_a_clock_that_shows_no_time(clock: tuple[int, int, int]) -> None:
    assert dated(b"Nov", 21, clock, utc(2026, 11, 21)) is None


def test_a_leap_second_is_the_end_of_the_one_before() -> None:
    assert moment.rfc3339(b"2016-12-31T23:59:60Z", None) == utc(2016, 12, 31, 23, 59, 59, 999_999)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"2026-11-21T10:00:00Z", utc(2026, 11, 21, 10)),
        (b"2026-11-21t10:00:00.123456789z", utc(2026, 11, 21, 10, 0, 0, 123_456)),
        (b"2026-11-21 10:00:00,5-07:00", utc(2026, 11, 21, 17, 0, 0, 500_000)),
        (b"2026-11-21T10:00:00+0530", utc(2026, 11, 21, 4, 30)),
        (b"2026-11-21T10:00:00", utc(2026, 11, 21, 9)),
        (b"2026-02-30T10:00:00Z", None),
        (b"2026-11-21T10:00:00+99:00", None),
        (b"0000-01-01T00:00:00Z", None),
        (b"0001-01-01T00:00:00+01:00", None),
        (b"9999-12-31T23:59:59-01:00", None),
        (b"2026-11-21", None),
    ],
)
def test_times_of_rfc_3339(text: bytes, wanted: datetime | None) -> None:
    assert moment.rfc3339(text, BERLIN) == wanted


def test_without_a_zone_it_is_the_time_of_this_machine() -> None:
    here = datetime(2026, 11, 21, 10).astimezone()
    assert moment.with_year(2026, b"Nov", 21, (10, 0, 0), None, None) == here


@given(st.integers(631_152_000, 4_102_444_800), st.timedeltas(timedelta(days=-300), timedelta(days=6)))
def test_the_year_of_whatever_was_sent_lately_is_found(seconds: int, off: timedelta) -> None:
    sent = datetime.fromtimestamp(seconds, UTC)
    received = sent - off
    clock = (sent.hour, sent.minute, sent.second)
    assert dated(moment.MONTHS[sent.month - 1], sent.day, clock, received) == sent
