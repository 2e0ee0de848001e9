"""Messages as real senders write them, taken apart."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_log import syslog
from lunix_log.parsed import Parsed

RECEIVED = datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)
AT_TEN = datetime(2026, 11, 21, 10, tzinfo=UTC)


def parsed(raw: bytes, *, local: bool = False) -> Parsed:
    return syslog.parse(raw, RECEIVED, UTC, local=local)


def told(found: Parsed) -> dict[str, Any]:
    """What it says, without what it does not."""
    names = ("text", "host", "app", "process", "message_id")
    return {name: value for name in names if (value := getattr(found, name)) is not None}


HEADED: dict[str, tuple[bytes, dict[str, str]]] = {
    "rsyslog, traditional": (
        b"<38>Nov 21 10:00:00 web1 sshd[4133]: Accepted publickey for ada",
        {"text": "Accepted publickey for ada", "host": "web1", "app": "sshd", "process": "4133"},
    ),
    "rsyslog, RSYSLOG_ForwardFormat": (
        b"<38>2026-11-21T11:00:00.000000+01:00 web1 sshd[4133]: bye",
        {"text": "bye", "host": "web1", "app": "sshd", "process": "4133"},
    ),
    "VMware": (
        b"<166>2026-11-21T10:00:00.000Z esx1 Hostd: info hostd[2099]",
        {"text": "info hostd[2099]", "host": "esx1", "app": "Hostd"},
    ),
    "syslog-ng with a source": (
        b"<13>Nov 21 10:00:00 s_all@web1 postfix/smtpd[77]: connect",
        {"text": "connect", "host": "s_all@web1", "app": "postfix/smtpd", "process": "77"},
    ),
    "busybox syslogd -R": (
        b"<13>Nov 21 10:00:00 openwrt root: hello",
        {"text": "hello", "host": "openwrt", "app": "root"},
    ),
    "busybox syslogd -R of old": (b"<13>Nov 21 10:00:00 root: hello", {"text": "hello", "app": "root"}),
    "an address of IPv6": (
        b"<13>Nov 21 10:00:00 2001:db8::1 cron[1]: x",
        {"text": "x", "host": "2001:db8::1", "app": "cron", "process": "1"},
    ),
    "one digit of a day": (b"<13>Nov 21 10:00:00 a b: c", {"text": "c", "host": "a", "app": "b"}),
    "Juniper": (
        b"<165>Nov 21 10:00:00 router1 mgd[4133]: UI_DBASE_LOGIN_EVENT: User 'ada' entering configuration mode",
        {
            "text": "UI_DBASE_LOGIN_EVENT: User 'ada' entering configuration mode",
            "host": "router1",
            "app": "mgd",
            "process": "4133",
        },
    ),
    "Juniper's kernel": (
        b"<165>Nov 21 10:00:00 router1 /kernel: tcp_auth_ok",
        {"text": "tcp_auth_ok", "host": "router1", "app": "/kernel"},
    ),
    "Cisco IOS with a number": (
        b"<189>45: *Nov 21 10:00:00.000: %SYS-5-CONFIG_I: Configured from console by vty0",
        {"text": "Configured from console by vty0", "message_id": "SYS-5-CONFIG_I"},
    ),
    "Cisco IOS with two numbers and a zone": (
        b"<187>000123: 000045: .Nov 21 10:00:00 UTC: %LINK-3-UPDOWN: Interface Gi0/1, changed state to up",
        {"text": "Interface Gi0/1, changed state to up", "message_id": "LINK-3-UPDOWN"},
    ),
    "Cisco IOS with its origin": (
        b"<187>45: router1: Nov 21 10:00:00: %LINEPROTO-5-UPDOWN: up",
        {"text": "up", "host": "router1", "message_id": "LINEPROTO-5-UPDOWN"},
    ),
    "Cisco IOS-XR": (
        b"<189>12: RP/0/RSP0/CPU0:Nov 21 10:00:00.000 GMT: config[65]: %MGBL-SYS-5-CONFIG_I : x",
        {"text": "%MGBL-SYS-5-CONFIG_I : x", "host": "RP/0/RSP0/CPU0", "app": "config", "process": "65"},
    ),
    "Cisco ASA": (
        b"<166>Nov 21 2026 10:00:00: %ASA-6-302013: Built outbound TCP",
        {"text": "Built outbound TCP", "message_id": "ASA-6-302013"},
    ),
    "Cisco ASA with its name": (
        b"<166>Nov 21 2026 10:00:00 fw1 : %ASA-6-302013: Built outbound TCP",
        {"text": "Built outbound TCP", "host": "fw1", "message_id": "ASA-6-302013"},
    ),
    "a name before a mnemonic": (
        b"<166>Nov 21 10:00:00 fw1: %ASA-6-302013: Built",
        {"text": "Built", "host": "fw1", "message_id": "ASA-6-302013"},
    ),
    "Cisco Nexus": (
        b"<189>: 2026 Nov 21 10:00:00 UTC: %ETHPORT-5-IF_UP: Interface Ethernet1/1 is up",
        {"text": "Interface Ethernet1/1 is up", "message_id": "ETHPORT-5-IF_UP"},
    ),
    "HP Comware": (
        b"<189>Nov 21 10:00:00 2026 HP %%10IFNET/3/LINK_UPDOWN(l)[12]: GE1/0/1 link status is UP.",
        {"text": "GE1/0/1 link status is UP.", "host": "HP", "message_id": "10IFNET/3/LINK_UPDOWN"},
    ),
    "HP ProCurve": (
        b"<14> Nov 21 10:00:00 192.0.2.7 00076 ports: port 5 is now on-line",
        {"text": "port 5 is now on-line", "host": "192.0.2.7", "app": "ports"},
    ),
    "MikroTik with a head": (
        b"<30>Nov 21 10:00:00 MikroTik system,info,account user admin logged in",
        {"text": "system,info,account user admin logged in", "host": "MikroTik"},
    ),
    "Ubiquiti": (
        b"<4>Nov 21 10:00:00 U7PG2,788a20aabbcc,v4.3.28 kernel: [12.3] up",
        {"text": "[12.3] up", "host": "U7PG2,788a20aabbcc,v4.3.28", "app": "kernel"},
    ),
    "no number": (b"Nov 21 10:00:00 web1 app[1]: x", {"text": "x", "host": "web1", "app": "app", "process": "1"}),
    "a byte order mark and no number": (
        b"\xef\xbb\xbfNov 21 10:00:00 web1 app: x",
        {"text": "x", "host": "web1", "app": "app"},
    ),
    "nothing behind the time": (b"<13>Nov 21 10:00:00", {"text": ""}),
}
HEADLESS: dict[str, tuple[bytes, dict[str, str]]] = {
    "MikroTik": (b"<30>system,info,account user admin logged in", {"text": "system,info,account user admin logged in"}),
    "Fortinet": (
        b"<189>date=2026-11-21 time=10:00:00 devname=fw",
        {"text": "date=2026-11-21 time=10:00:00 devname=fw"},
    ),
    "Cisco IOS without a clock": (b"<189>45: %SYS-5-RESTART: x", {"text": "x", "message_id": "SYS-5-RESTART"}),
    "Cisco IOS without a clock, with its origin": (
        b"<189>45: sw1: %SYS-5-RESTART: x",
        {"text": "x", "host": "sw1", "message_id": "SYS-5-RESTART"},
    ),
    "a program and nothing else": (b"<30>dnsmasq[12]: started", {"text": "started", "app": "dnsmasq", "process": "12"}),
    "nothing but text": (b"hello, world", {"text": "hello, world"}),
    "nothing": (b"", {"text": ""}),
    "a number that is none": (b"<192>x", {"text": "<192>x"}),
    "a number of another sort": (b"<1234>x", {"text": "<1234>x"}),
    "words and colons": (b"<13>see: here: there", {"text": "here: there", "app": "see"}),
    "an address of the web": (b"<13>http://box/", {"text": "http://box/"}),
}


@pytest.mark.parametrize(("raw", "wanted"), HEADED.values(), ids=HEADED)
def test_a_message_with_a_head(raw: bytes, wanted: dict[str, str]) -> None:
    found = parsed(raw)
    assert told(found) == wanted
    assert (found.format, found.happened_at) == ("rfc3164", AT_TEN)


@pytest.mark.parametrize(("raw", "wanted"), HEADLESS.values(), ids=HEADLESS)
def test_a_message_without_a_head(raw: bytes, wanted: dict[str, str]) -> None:
    found = parsed(raw)
    assert told(found) == wanted
    assert (found.format, found.happened_at) == ("plain", None)


def test_what_comes_from_this_machine_names_no_host() -> None:
    found = parsed(b"<13>Nov 21 10:00:00 hello there", local=True)
    assert told(found) == {"text": "hello there"}
    found = parsed(b"<30>Nov 21 10:00:00 systemd[1]: Started x.", local=True)
    assert told(found) == {"text": "Started x.", "app": "systemd", "process": "1"}
    assert told(parsed(b"<13>45: Nov 21 10:00:00: x", local=True)) == {"text": "Nov 21 10:00:00: x", "app": "45"}


def test_the_number_tells_facility_and_severity() -> None:
    assert parsed(b"<0>x").priority == ("kern", "emerg")
    assert parsed(b"<86>x").priority == ("authpriv", "info")
    assert parsed(b"<191>x").priority == ("local7", "debug")
    assert parsed(b"x").priority == parsed(b"<192>x").priority == ("user", "notice")


def test_a_date_that_no_calendar_has_is_no_time() -> None:
    found = parsed(b"<13>Feb 31 10:00:00 web1 app: x")
    assert (found.format, found.happened_at, found.host) == ("rfc3164", None, "web1")
    assert parsed(b"<13>Nov 21 2026 25:00:00 web1 app: x").happened_at is None


def test_a_time_without_a_zone_is_one_of_the_zone_that_is_configured() -> None:
    zone = timezone(timedelta(hours=9))
    for raw in (b"<13>Nov 21 19:00:00 a b: c", b"<13>2026-11-21T19:00:00 a b: c", b"<13>Nov 21 2026 19:00:00 a b: c"):
        assert syslog.parse(raw, RECEIVED, zone, local=False).happened_at == AT_TEN
    assert syslog.parse(b"<13>Nov 21 10:00:00 UTC: %A-5-B: c", RECEIVED, zone, local=False).happened_at == AT_TEN


def test_the_example_of_rfc_5424() -> None:
    found = parsed(
        b"<165>1 2026-11-21T10:00:00.000Z mymachine.example.com evntslog - ID47 "
        b'[exampleSDID@32473 iut="3" eventSource="Application" eventID="1011"]'
        b'[examplePriority@32473 class="high"] \xef\xbb\xbfAn application event log entry...'
    )
    assert told(found) == {
        "text": "An application event log entry...",
        "host": "mymachine.example.com",
        "app": "evntslog",
        "message_id": "ID47",
    }
    assert (found.format, found.happened_at, found.priority) == ("rfc5424", AT_TEN, ("local4", "notice"))
    assert found.structured == {
        "exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"},
        "examplePriority@32473": {"class": "high"},
    }


def test_a_structured_message_of_juniper() -> None:
    found = parsed(
        b"<165>1 2026-11-21T10:00:00.000Z router1 mgd 3046 UI_DBASE_LOGOUT_EVENT "
        b"[junos@2636.1.1.1.2.18 username=\"ada\"] User 'ada' exiting configuration mode"
    )
    assert (found.process, found.message_id) == ("3046", "UI_DBASE_LOGOUT_EVENT")
    assert found.structured == {"junos@2636.1.1.1.2.18": {"username": "ada"}}


@pytest.mark.parametrize(
    ("data", "structured", "text"),
    [
        (b"-", {}, ""),
        (b"- x", {}, "x"),
        (b"", {}, ""),
        (b"[a] x", {"a": {}}, "x"),
        (b"[a]", {"a": {}}, ""),
        (b'[a b="c"] x', {"a": {"b": "c"}}, "x"),
        (b'[a b="c" b="d" b="e"] x', {"a": {"b": ["c", "d", "e"]}}, "x"),
        (b'[a b="1"][a c="2"] x', {"a": {"b": "1", "c": "2"}}, "x"),
        (b'[a b="\\"\\\\\\]\\n"] x', {"a": {"b": '"\\]\\n'}}, "x"),
        (b'[a b="not ] escaped"] x', {"a": {"b": "not ] escaped"}}, "x"),
        (b'[a  b="c" ] x', {"a": {"b": "c"}}, "x"),
        (b'[a b="\xff\x1b[2J"] x', {"a": {"b": "\\xff\\x1b[2J"}}, "x"),
        (b'[a b="c] x', {}, '[a b="c] x'),
        (b"[a b=c] x", {}, "[a b=c] x"),
        (b'[a b="c"]x', {}, '[a b="c"]x'),
        (b"-x", {}, "-x"),
        (b"no data", {}, "no data"),
    ],
)
def test_structured_data(data: bytes, structured: dict[str, Any], text: str) -> None:
    found = parsed(b"<13>1 - - - - - " + data)
    assert (found.format, found.structured, found.text) == ("rfc5424", structured, text)
    assert told(found) == {"text": text}


@pytest.mark.parametrize(
    "raw",
    [
        b"<13>2 - - - - - - x",
        b"<13>1 - - - x",
        b"<13>1 yesterday - - - - - x",
        b"<192>1 - - - - - - x",
        b"<13>1 apple",
    ],
)
def test_what_is_not_of_rfc_5424_is_taken_as_it_is(raw: bytes) -> None:
    assert parsed(raw).format == "plain"


def test_a_message_of_rfc_5424_may_lack_its_number() -> None:
    assert parsed(b"1 - box app - - - x").priority == ("user", "notice")


def test_bytes_and_controls_are_shown() -> None:
    found = parsed(b"<13>Nov 21 10:00:00 w\xffb \x1b]52;c;eA==\x07\xe2\x80\xae a\tb\nc\x00d\r\n\0")
    assert found.host == "w\\xffb"
    assert found.text == "\\x1b]52;c;eA==\\x07\\u202e a\tb\nc\\x00d"


@given(st.binary(max_size=300), st.booleans())
def test_whatever_comes_there_is_a_message(raw: bytes, local: bool) -> None:
    found = parsed(raw, local=local)
    for text in told(found).values():
        text.encode()
        assert not any(ord(letter) < 32 and letter not in "\t\n" for letter in text)


HEADS = [
    b"<13>",
    b"Nov 21 10:00:00 ",
    b"1 ",
    b"- ",
    b"2026-11-21T10:00:00Z ",
    b"[a ",
    b'b="',
    b'"]',
    b"45: ",
    b"%A-5-B: ",
    b"x",
]


@given(st.lists(st.one_of(st.sampled_from(HEADS), st.binary(max_size=5)), max_size=20))
def test_whatever_pieces_there_are_nothing_of_the_end_is_lost(pieces: list[bytes]) -> None:
    assert parsed(b"".join(pieces) + b" the end").text.endswith("the end")
