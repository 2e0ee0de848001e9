"""Moments as people write them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_cli import moments

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
    ],
)
def test_so_long_ago(text: str, before: timedelta) -> None:
    assert moments.moment(text, NOW) == NOW - before


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00", "2026-01-02 03:04:05.000+00:00"])
def test_a_time_of_rfc_3339(text: str) -> None:
    assert moments.moment(text, datetime.now(UTC)) == NOW


def test_a_time_without_a_zone_is_local() -> None:
    assert moments.moment("2026-01-02T03:04:05", NOW) == datetime(2026, 1, 2, 3, 4, 5).astimezone()


@pytest.mark.parametrize(
    "text", ["", "1", "h", "-1h", "0s", "1.5h", "1w", "yesterday", "99999999d", "٣h", "2026-13-01"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        moments.moment(text, NOW)


@given(st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert moments.moment(text, NOW).tzinfo is not None
