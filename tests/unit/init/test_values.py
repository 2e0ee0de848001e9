"""The readers of single values."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_init import values
from lunix_init.unit import Kind


@pytest.mark.parametrize(
    ("reader", "value", "expected"),
    [
        (values.text, "a b", "a b"),
        (values.words, ["a", ""], ("a", "")),
        (values.command, "sh -c 'echo a b'", ("sh", "-c", "echo a b")),
        (values.command, ["sh", ""], ("sh", "")),
        (values.names, ["a", "b", "a"], ("a", "b")),
        (values.flag, True, True),
        (values.integer(1, 3), 3, 3),
        (values.factor, 2, 2.0),
        (values.seconds, 3, 3.0),
        (values.seconds, 0.5, 0.5),
        (values.seconds, "500ms", 0.5),
        (values.seconds, "2min", 120.0),
        (values.seconds, "1 h", 3600.0),
        (values.size, "64M", 64 << 20),
        (values.size, "12", 12),
        (values.size, 7, 7),
        (values.limit, "infinity", -1),
        (values.limit, "1K", 1024),
        (values.signal_number, "TERM", signal.SIGTERM),
        (values.signal_number, "SIGUSR1", signal.SIGUSR1),
        (values.mode, "022", 0o22),
        (values.choice(Kind), "getty", Kind.GETTY),
        (values.absolute, "/a", "/a"),
        (values.environment, {"B": "2", "A": "1"}, (("A", "1"), ("B", "2"))),
    ],
)
def test_a_value_that_makes_sense_is_read(reader: Callable[[object], object], value: object, expected: object) -> None:
    assert reader(value) == expected


@pytest.mark.parametrize(
    ("reader", "value", "reason"),
    [
        (values.text, 3, "expected a string, got 3"),
        (values.text, "a\0b", "must not hold a NUL"),
        (values.words, "a", "expected a list"),
        (values.words, [1], "expected a string"),
        (values.command, "sh 'a", "cannot be split"),
        (values.command, [], "the command is empty"),
        (values.command, [""], "the command is empty"),
        (values.names, ["../a"], "is not a unit name"),
        (values.flag, 1, "expected true or false"),
        (values.integer(1, 3), 4, "4 is not between 1 and 3"),
        (values.integer(1, 3), True, "expected a whole number"),
        (values.integer(1, 3), "1", "expected a whole number"),
        (values.factor, 0.5, "is not between 1 and 1000"),
        (values.factor, float("nan"), "is not between 1 and 1000"),
        (values.factor, "2", "expected a number"),
        (values.factor, True, "expected a number"),
        (values.seconds, "5 weeks", "is not a duration such as"),
        (values.seconds, "٣s", "is not a duration such as"),
        (values.seconds, True, "expected a duration"),
        (values.seconds, [], "expected a duration"),
        (values.seconds, -1, "is not between 0 and a year"),
        (values.seconds, float("inf"), "is not between 0 and a year"),
        (values.seconds, "999999999h", "is not between 0 and a year"),
        (values.size, "64 MB", "is not a size such as"),
        (values.size, -1, "is not between"),
        (values.signal_number, "TREM", "is not a signal such as"),
        (values.mode, "099", "is not an octal mode"),
        (values.choice(Kind), "deamon", "is none of 'daemon', 'oneshot', 'getty'"),
        (values.choice(Kind), 1, "is none of 'daemon'"),
        (values.absolute, "a", "is not an absolute path"),
        (values.environment, [], "expected a table"),
        (values.environment, {"A=": "1"}, "is not the name of a variable"),
        (values.environment, {"": "1"}, "is not the name of a variable"),
        (values.environment, {"A": 1}, "expected a string"),
    ],
)
def test_a_value_that_makes_none_is_refused_with_a_sentence(
    reader: Callable[[object], object], value: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        reader(value)


@given(st.recursive(st.none() | st.booleans() | st.text() | st.floats(), st.lists, max_leaves=20))
def test_an_error_shows_any_value_within_a_line(value: Any) -> None:
    assert len(values.shown(value)) <= 60


@given(st.integers(0, 10**9), st.sampled_from(["us", "ms", "s"]))
def test_a_duration_with_a_unit_is_that_many_of_them(number: int, unit: str) -> None:
    scale = {"us": 1e-6, "ms": 1e-3, "s": 1.0}[unit]
    if number * scale <= values.YEAR_S:
        assert values.seconds(f"{number}{unit}") == pytest.approx(number * scale)
