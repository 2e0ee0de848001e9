"""The files below /proc: what is in them is read, whatever a process calls itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_ps import proc_text
from lunix_ps.proc_text import Figures, Identity

TAIL = b" S 2 10 10 0 -1 4194560 0 0 0 0 5 7 0 0 20 0 1 0 345 1000 33 18446744073709551615 0 0"


def stat_of(comm: bytes) -> bytes:
    return b"10 (" + comm + b")" + TAIL + b"\n"


def status_of(comm: bytes) -> bytes:
    return b"Name:\t" + comm + b"\nUmask:\t0022\nState:\tS (sleeping)\nPPid:\t2\nUid:\t0\t1000\t0\t0\nThreads:\t1\n"


def escaped(name: bytes) -> bytes:
    """As the kernel does it."""
    return name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")


@given(st.binary(max_size=15).filter(lambda name: b"\0" not in name))
def test_any_name_is_read_back_from_stat_and_status(name: bytes) -> None:
    assert proc_text.figures(stat_of(escaped(name))) == proc_text.figures(stat_of(name)) == Figures(12, 345, 33)
    assert proc_text.identity(status_of(escaped(name))) == Identity(name, "sleeping", 2, 1000)


@pytest.mark.parametrize("name", [b"a\rb", b"\rPPid:\t9", b"\x0bUid:\t9", b"x\x0cPPid:\t7"])
def test_no_name_forges_a_line_of_status(name: bytes) -> None:
    assert proc_text.identity(status_of(name)) == Identity(name, "sleeping", 2, 1000)


@pytest.mark.parametrize("text", [b"", b"10 (a", b"10 (a) S 2", b"garbage", stat_of(b"a").replace(b" 5 ", b" x ")])
def test_what_is_no_stat_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"no stat|invalid literal"):
        proc_text.figures(text)


@pytest.mark.parametrize(
    "text", [b"", b"Name:\tx\n", b"Name:\tx\nState:\tS\nPPid:\t2\nUid:\t0", status_of(b"").replace(b"1000", b"x")]
)
def test_what_is_no_status_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"no stat|invalid literal"):
        proc_text.identity(text)


def test_a_state_that_nobody_knows_is_called_so() -> None:
    assert proc_text.identity(status_of(b"a").replace(b"State:\tS", b"State:\tQ")).state == "unknown"


def test_arguments_may_be_empty_or_none() -> None:
    assert proc_text.arguments(b"") == []
    assert proc_text.arguments(b"a\0\0b\0") == [b"a", b"", b"b"]
    assert proc_text.arguments(b"nginx: master") == [b"nginx: master"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"0::/user.slice/a\n", "/user.slice/a"),
        (b"9:name=systemd:/sys\n1:cpu:/x\n0::/\n", "/sys"),
        (b"9:name=systemd:/\n0::/new:er\n", "/new:er"),
        (b"1:name=systemd:/\n0::/\n", "/"),
        (b"4:memory:/a\n", None),
        (b"", None),
        (b"0::/\xff\n", "/\\xff"),
    ],
)
def test_the_group_is_that_of_version_2_or_of_systemd(text: bytes, path: str | None) -> None:
    assert proc_text.control_group(text) == path
