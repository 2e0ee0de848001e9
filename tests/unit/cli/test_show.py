"""A message becomes one line that tells a person the most, and nothing to the terminal."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_cli import show

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def text(subject: str, fields: Any) -> str:
    return show.payload(subject, json.dumps(fields).encode())


def test_a_line_has_the_time_the_subject_and_the_facts() -> None:
    data = json.dumps({"id": "d1", "name": "sda1", "subsystem": "block", "fs_label": "MY STICK"}).encode()
    line = show.line("hardware.block.add", data, MOMENT, colour=False)
    assert line == '03:04:05.678 hardware.block.add           sda1  fs_label="MY STICK"'


def test_in_colour_each_domain_has_its_own() -> None:
    line = show.line("toast.shown", b"{}", MOMENT, colour=True)
    assert line == "\x1b[2m03:04:05.678\x1b[0m \x1b[35mtoast.shown\x1b[0m"
    assert show.hue("hardware.usb.add") != show.hue("toast.shown")


def test_a_domain_of_third_parties_keeps_its_colour() -> None:
    assert show.hue("garden.bed.dry") == show.hue("garden.bed.wet")
    assert 31 <= show.hue("garden.bed.dry") <= 36


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"name": "sda", "size_bytes": 8_000_000_000, "removable": True}, "sda  size=8.0 GB  removable"),
        ({"summary": "tea is ready", "urgency": "normal"}, '"tea is ready"  urgency=normal'),
        ({"reason": "expired", "id": "7"}, "reason=expired"),
        ({"name": "v0", "action": "add", "links": [], "properties": {"A": "1"}, "usb": None, "body": ""}, "v0"),
        ({"created_at": "2026", "timeout_ms": 5, "odd": 1.5}, "odd=1.5"),
        ({"resync": True, "synthetic": False}, "resync"),
        ({"celsius": 0, "level": 0.0, "on": False}, "level=0.0  celsius=0"),
        ({"size_bytes": 10**400}, f"size_bytes=1{'0' * 58}…"),
        ({"size_bytes": float("nan")}, "size_bytes=nan"),
        ({}, ""),
    ],
)
def test_the_most_telling_fields_come_first_and_what_is_said_already_is_left_out(fields: Any, line: str) -> None:
    assert text("hardware.net.add", fields) == line


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["Error: no module", "", " "], '"Error: no module"'),
        (["", 7], ""),
        ([], ""),
        ("words", "lines=words"),
        (None, ""),
    ],
)
def test_of_the_lines_of_a_service_the_last_that_says_something_is_shown(lines: object, shown: str) -> None:
    assert show.payload("init.log.tea.last", json.dumps({"service": "tea", "lines": lines}).encode()) == shown


def test_a_line_ends_after_six_facts() -> None:
    assert text("a.b", {f"f{number}": number + 10 for number in range(20)}).count("=") == 6


def test_what_is_long_is_cut() -> None:
    assert text("a.b", {"summary": "x" * 1000}) == "x" * 59 + "…"


@pytest.mark.parametrize(
    "data", [b"plain text", b"[1]", b"\xff", b"[" * 100_000], ids=["text", "list", "bytes", "deep"]
)
def test_what_is_no_object_stands_as_it_is(data: bytes) -> None:
    shown = show.payload("user.x", data)
    assert shown.startswith(data[:5].decode("utf-8", "backslashreplace"))
    assert len(shown) <= 240


@given(
    subject=st.text(min_size=1),
    fields=st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats())),
)
def test_nothing_that_a_terminal_obeys_gets_through(subject: str, fields: dict[str, Any]) -> None:
    line = show.line(subject, json.dumps(fields).encode(), MOMENT, colour=False)
    assert not set(line) & {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066)}


@given(st.binary())
def test_any_bytes_make_one_line(data: bytes) -> None:
    assert "\n" not in show.line("a.b", data, MOMENT, colour=False)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (31_000_000, "31.0 MB"),
        (2e12, "2.0 TB"),
        (5e15, "5.0 PB"),
        (5e18, "5000.0 PB"),
    ],
)
def test_sizes_are_for_people(number: float, shown: str) -> None:
    assert show.size(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.421, "0.42 s"), (12, "12 s"), (60, "1 min"), (3000, "50 min"), (7200, "2 h"), (172_800, "2 days")],
)
def test_durations_are_for_people(seconds: float, shown: str) -> None:
    assert show.duration(seconds) == shown
