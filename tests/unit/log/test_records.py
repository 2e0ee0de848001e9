"""Records of the kernel, entries of the journal, and lines of lunix's own daemons."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.journal import ForMachines
from lunix_log import journal, kmsg, own_lines
from lunix_log.own_lines import OwnLine

BOOTED = datetime(2026, 11, 21, 10, tzinfo=UTC)


def test_a_record_of_the_kernel_with_what_stands_beside() -> None:
    raw = b"6,1234,5140900,-,caller=T1;NET: Registered\\x5c \\xc3\\xa4\n SUBSYSTEM=net\n DEVICE=n2\n odd\nodd=1\n"
    number, parsed = kmsg.parse(raw, BOOTED)
    assert (number, parsed.priority, parsed.app) == (1234, ("kern", "info"), "kernel")
    assert parsed.text == "NET: Registered\\ ä"
    assert parsed.structured == {"kernel": {"SUBSYSTEM": "net", "DEVICE": "n2"}}
    assert parsed.happened_at == datetime(2026, 11, 21, 10, 0, 5, 140900, tzinfo=UTC)


def test_a_record_that_a_program_wrote_to_the_kernel() -> None:
    parsed = kmsg.parse(b"30,7,0,-;systemd[1]: \\x1b[2Jhi", BOOTED).parsed
    assert (parsed.priority, parsed.app, parsed.structured) == (("daemon", "info"), None, {})
    assert parsed.text == "systemd[1]: \\x1b[2Jhi"
    assert kmsg.parse(b"1999,7,99999999999999999999,-;x", BOOTED).parsed.priority == ("unknown", "debug")


@given(st.binary(max_size=60))
def test_what_is_no_record_is_refused(raw: bytes) -> None:
    for text in (raw, b"6,1,2,-;" + raw):
        try:
            kmsg.parse(text, BOOTED)
        except kmsg.Malformed:
            assert b";" not in text or not text.startswith(b"6,")


ENTRY: dict[str, Any] = {
    "__CURSOR": "s=1;i=2",
    "__REALTIME_TIMESTAMP": "1795255205000000",
    "_SOURCE_REALTIME_TIMESTAMP": "1795255200000000",
    "_TRANSPORT": "journal",
    "_HOSTNAME": "box",
    "_PID": "4133",
    "_UID": "1000",
    "_COMM": "app",
    "_SYSTEMD_UNIT": "app.service",
    "_BOOT_ID": "f00",
    "SYSLOG_IDENTIFIER": "my-app",
    "SYSLOG_FACILITY": "10",
    "SYSLOG_PID": "99",
    "SYSLOG_RAW": "x",
    "PRIORITY": "3",
    "MESSAGE": "it failed",
    "MESSAGE_ID": "be02cf6855d2428ba40df7e9d022f03d",
    "CODE_FILE": "a.c",
    "TAG": ["a", [98, 255], 7],
}


def entry(**changes: Any) -> journal.Record:
    fields = {name: value for name, value in (ENTRY | changes).items() if value != "ABSENT"}
    return journal.parse(json.dumps(fields).encode())


def test_an_entry_of_the_journal() -> None:
    cursor, kernel, parsed = entry()
    assert (cursor, kernel) == ("s=1;i=2", False)
    assert (parsed.text, parsed.priority) == ("it failed", ("authpriv", "err"))
    assert (parsed.host, parsed.app, parsed.service, parsed.process) == ("box", "my-app", "app.service", "99")
    assert (parsed.pid, parsed.uid, parsed.message_id) == (4133, 1000, "be02cf6855d2428ba40df7e9d022f03d")
    assert parsed.happened_at == datetime.fromtimestamp(1795255200, UTC)
    values = {"_TRANSPORT": "journal", "_COMM": "app", "CODE_FILE": "a.c", "TAG": ["a", "b\\xff"]}
    assert parsed.structured == {"journal": values}


def test_fields_that_are_missing_or_odd() -> None:
    parsed = journal.parse(b'{"__CURSOR": "c"}').parsed
    assert (parsed.text, parsed.priority, parsed.structured) == ("", ("daemon", "info"), {})
    assert (parsed.host, parsed.app, parsed.service, parsed.pid, parsed.happened_at) == (None,) * 5
    assert entry(MESSAGE=None).parsed.text == ""
    assert entry(MESSAGE=[104, 105, 27]).parsed.text == "hi\\x1b"
    assert entry(MESSAGE=["a", "b"]).parsed.text == "a\nb"
    assert entry(MESSAGE=[]).parsed.text == ""
    assert entry(SYSLOG_IDENTIFIER="ABSENT").parsed.app == "app"
    assert entry(PRIORITY="x", SYSLOG_FACILITY="99").parsed.priority == ("kern", "info")
    assert entry(_PID="12345678901").parsed.pid is None
    assert entry(_SOURCE_REALTIME_TIMESTAMP="x").parsed.happened_at == datetime.fromtimestamp(1795255205, UTC)
    late = "99999999999999999"
    assert entry(_SOURCE_REALTIME_TIMESTAMP=late, __REALTIME_TIMESTAMP="é").parsed.happened_at is not None
    assert entry(_TRANSPORT="kernel", SYSLOG_FACILITY="0").parsed.priority == ("kern", "err")
    assert entry(_TRANSPORT="kernel", SYSLOG_FACILITY="ABSENT").kernel
    many = entry(**{f"F{number}": "x" for number in range(200)}).parsed.structured["journal"]
    assert len(many) == journal.MOST_FIELDS


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"{}", b'{"__CURSOR": 1}', b"[" * 100_000, b"\xff"])
def test_what_is_no_entry_is_refused(line: bytes) -> None:
    with pytest.raises(journal.Malformed):
        journal.parse(line)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(ENTRY)), ANYTHING), st.dictionaries(st.text(max_size=8), ANYTHING))
def test_whatever_stands_in_a_field_there_is_an_entry(known: dict[str, Any], others: dict[str, Any]) -> None:
    journal.parse(json.dumps(others | known | {"__CURSOR": "c"}).encode())


def written(level: int, message: str, **facts: object) -> str:
    record = logging.LogRecord("ps", level, "", 0, message, None, None)
    vars(record).update(facts)
    return ForMachines().format(record)


def test_a_line_of_a_daemon_of_lunix_is_taken_apart() -> None:
    found = own_lines.parse(written(logging.WARNING, "events were lost", count=3, why="\x1bx"))
    assert found == OwnLine(
        True, "warning", "events were lost", {"lunix": {"logger": "ps", "count": "3", "why": "\\x1bx"}}
    )
    assert own_lines.parse('{"time": "x", "level": "error", "message": "m"}') == OwnLine(True, "err", "m", {})


def test_a_line_for_each_message_and_those_of_lunix_log_are_not_told_again() -> None:
    debug = own_lines.parse(written(logging.DEBUG, "a message"))
    own = own_lines.parse('{"time": "x", "level": "warning", "logger": "log", "message": "messages were dropped"}')
    assert debug is not None
    assert own is not None
    assert (debug.told, own.told) == (False, False)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        '{"time": "x", "level": "loud", "message": "m"}',
        '{"time": "x", "level": "info"}',
        '{"time": "x", "level": "info", "message": 1}',
        '{"time": "x"',
        '{"time": "x"}[]',
    ],
)
def test_any_other_line_is_not(line: str) -> None:
    assert own_lines.parse(line) is None
