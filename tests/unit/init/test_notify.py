"""The words of sd_notify."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_init.notify import MAX_BYTES, Notice, parse, printable


@pytest.mark.parametrize(
    ("datagram", "notice"),
    [
        (b"READY=1", Notice(ready=True)),
        (b"READY=1\nSTATUS=serving 3 clients\n", Notice(ready=True, status="serving 3 clients")),
        (b"RELOADING=1\nMONOTONIC_USEC=77", Notice(reloading=True)),
        (b"STOPPING=1", Notice(stopping=True)),
        (b"WATCHDOG=1", Notice(pet=True)),
        (b"WATCHDOG=trigger", Notice(trigger=True)),
        (b"MAINPID=4711", Notice(main_pid=4711)),
        (b"EXTEND_TIMEOUT_USEC=2500000", Notice(extend_s=2.5)),
        (b"WATCHDOG_USEC=500000", Notice(watchdog_s=0.5)),
        (b"ERRNO=2\nSTATUS=no such file", Notice(errno=2, status="no such file")),
    ],
)
def test_what_a_service_says_is_understood(datagram: bytes, notice: Notice) -> None:
    assert parse(datagram) == notice


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"READY",
        b"READY=0",
        b"READY=yes",
        b"WATCHDOG=2",
        b"MAINPID=",
        b"MAINPID=-1",
        b"MAINPID=99999999999",
        b"MAINPID=\xd9\xa3",
        b"EXTEND_TIMEOUT_USEC=soon",
        b"FDSTORE=1\nX_OURS=1",
        b"ready=1",
    ],
)
def test_what_makes_no_sense_is_not_said(datagram: bytes) -> None:
    assert parse(datagram) == Notice()


def test_a_status_cannot_command_a_terminal() -> None:
    assert parse("STATUS=a\x1b]52;c;evil\x07\u202eb".encode()).status == "a ]52;c;evil  b"


def test_a_long_datagram_is_cut() -> None:
    assert parse(b"X=" + b"y" * MAX_BYTES + b"\nREADY=1") == Notice()


@given(st.binary(max_size=300))
def test_no_datagram_harms_the_supervisor(datagram: bytes) -> None:
    notice = parse(datagram)
    assert notice.main_pid is None or notice.main_pid >= 0
    assert notice.status is None or notice.status.isprintable()


@given(st.text(max_size=400))
def test_a_printable_text_is_short_and_printable(text: str) -> None:
    assert len(printable(text)) <= 256
    assert printable(text).isprintable()
