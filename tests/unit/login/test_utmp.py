"""Records of utmp in both layouts."""

import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_login import utmp
from lunix_login.utmp import LARGE, SMALL, Record

AT = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
LOCALHOST = bytes([127, 0, 0, 1]) + bytes(12)

both = pytest.mark.parametrize("form", [SMALL, LARGE], ids=["384", "400"])


def packed(
    form: struct.Struct,
    line: bytes = b"pts/0",
    user: bytes = b"ada",
    host: bytes = b"",
    address: bytes = bytes(16),
    seconds: int = int(AT.timestamp()),
    micros: int = 250_000,
) -> bytes:
    return form.pack(7, 812, line, b"ts/0", user, host, 0, 0, 0, seconds, micros, address)


@both
def test_a_record_is_read(form: struct.Struct) -> None:
    (record,) = utmp.records(packed(form, host=b"example.org"), form)
    assert record == Record(7, 812, "pts/0", "ada", "example.org", AT)
    assert record.key == "pts/0:812"


def test_the_layouts_have_the_sizes_of_the_c_library() -> None:
    assert (SMALL.size, LARGE.size) == (384, 400)
    assert utmp.layout("x86_64") is utmp.layout("armv7l") is SMALL
    assert utmp.layout("aarch64") is LARGE


@both
def test_what_is_cut_off_is_left_out(form: struct.Struct) -> None:
    data = packed(form) + packed(form, user=b"eve")
    assert [one.user for one in utmp.records(data[:-1], form)] == ["ada"]


@pytest.mark.parametrize(
    ("address", "host"),
    [(LOCALHOST, "127.0.0.1"), (bytes(15) + b"\1", "::1"), (bytes(16), None)],
)
def test_where_there_is_no_name_the_address_stands(address: bytes, host: str | None) -> None:
    (record,) = utmp.records(packed(SMALL, address=address), SMALL)
    assert record.host == host


def test_names_are_text_whatever_they_are() -> None:
    (record,) = utmp.records(packed(SMALL, user=b"\xff" * 32, line=b"ssh:notty", host=b"a\0garbage"), SMALL)
    assert record.user == "\\xff" * 32
    assert (record.line, record.host) == (None, "a")


@pytest.mark.parametrize(("seconds", "micros"), [(-1, -1), (2**62, 2**62)])
def test_no_time_is_too_strange(seconds: int, micros: int) -> None:
    (record,) = utmp.records(packed(LARGE, seconds=seconds, micros=micros), LARGE)
    assert record.at.tzinfo is UTC


@both
@given(data=st.binary(max_size=1300))
def test_no_file_is_too_strange(form: struct.Struct, data: bytes) -> None:
    assert len(list(utmp.records(data, form))) == len(data) // form.size


@given(st.binary(max_size=32), st.binary(max_size=32), st.integers(-(2**31), 2**31 - 1), st.integers(0, 999_999))
def test_names_of_any_bytes_are_bounded_text(line: bytes, user: bytes, seconds: int, micros: int) -> None:
    (record,) = utmp.records(packed(SMALL, line, user, seconds=seconds, micros=micros), SMALL)
    assert len(record.user or "") <= 256
    assert "\0" not in (record.user or "") + (record.line or "")
