r"""The kernel's datagrams, good and hostile."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_natsdev.uevent import Malformed, Uevent, pairs, parse, shown

NAMES = st.binary(min_size=1, max_size=24).filter(lambda name: not {0, ord("/")} & set(name) and name != b"..")
KEYS = st.from_regex(r"\AX_[A-Z]{1,8}\Z")
VALUES = st.binary(max_size=40).filter(lambda value: 0 not in value)


def datagram(action: str = "add", path: bytes = b"/devices/virtual/net/v0", **properties: bytes) -> bytes:
    return datagram_of(action, path, properties)


def datagram_of(action: str, path: bytes, properties: dict[str, bytes]) -> bytes:
    own = {"ACTION": action.encode(), "DEVPATH": path, "SUBSYSTEM": b"net"} | properties | {"SEQNUM": b"7"}
    fields = [key.encode() + b"=" + value for key, value in own.items()]
    return b"\0".join([action.encode() + b"@" + path, *fields]) + b"\0"


def good(raw: bytes) -> Uevent:
    event = parse(raw)
    assert isinstance(event, Uevent), event
    return event


def test_a_kernel_datagram_becomes_a_record() -> None:
    event = good(datagram(INTERFACE=b"v0"))
    assert (event.action, event.devpath, event.seqnum) == ("add", b"/devices/virtual/net/v0", 7)
    assert event.subsystem == "net"
    assert event.properties["INTERFACE"] == "v0"
    assert event.old_devpath is None
    assert event.synthetic is None


def test_a_rename_tells_where_the_device_was_as_bytes() -> None:
    event = good(datagram("move", DEVPATH_OLD=b"/devices/virtual/net/\xff"))
    assert event.old_devpath == b"/devices/virtual/net/\xff"


def test_a_rename_without_the_old_path_has_none() -> None:
    assert good(datagram("move")).old_devpath is None


def test_an_event_that_was_asked_for_carries_its_mark() -> None:
    assert good(datagram("change", SYNTH_UUID=b"0")).synthetic == "0"


def test_values_keep_spaces_and_line_feeds_and_show_other_bytes_escaped() -> None:
    event = good(datagram(NAME=b"a b=c\r\nACTION=remove \xfe\xc3\xa4"))
    assert event.properties["NAME"] == "a b=c\r\nACTION=remove \\xfeä"
    assert event.action == "add"


def test_of_a_repeated_key_the_first_counts() -> None:
    assert good(datagram() + b"ACTION=remove\0").properties["ACTION"] == "add"


def test_a_field_without_an_equals_sign_is_none() -> None:
    assert "ODD" not in good(datagram() + b"ODD\0").properties


def test_bytes_that_are_no_text_are_shown_escaped() -> None:
    assert shown(b"a\xff") == "a\\xff"


def test_an_empty_value_is_a_value() -> None:
    assert pairs(["A=", "=B", "C"]) == {"A": "", "": "B"}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "does not begin"),
        (b"libudev\0\xfe\xed\xca\xfe", "does not begin"),
        (b"add@devices/x\0", "does not begin"),
        (b"ADD@/devices/x\0", "does not begin"),
        (b"add@/devices//x\0", "does not begin"),
        (datagram(path=b"/devices/../../etc/x"), "upwards"),
        (datagram().replace(b"ACTION=add", b"ACTION=remove"), "different things"),
        (datagram().replace(b"DEVPATH=/devices/virtual/net/v0", b"DEVPATH=/devices/virtual/net/v1"), "different"),
        (datagram().replace(b"SUBSYSTEM=net", b"SUBSYSTEM="), "no SUBSYSTEM"),
        (datagram().replace(b"SEQNUM=7", b"SEQNUM=seven"), "no SEQNUM"),
        (datagram().replace(b"SEQNUM=7", b"SEQNUM=\xd9\xa7"), "no SEQNUM"),
        (datagram()[:60], "different things"),
    ],
)
def test_what_is_no_uevent_is_named_with_its_reason(raw: bytes, reason: str) -> None:
    malformed = parse(raw)
    assert isinstance(malformed, Malformed)
    assert reason in malformed.reason


@given(st.binary(max_size=4096))
def test_no_input_makes_it_raise(raw: bytes) -> None:
    assert isinstance(parse(raw), Malformed | Uevent)


@given(st.binary(max_size=64), st.integers(0, 200), st.integers(0, 200))
def test_no_damage_to_a_good_datagram_makes_it_raise(noise: bytes, start: int, length: int) -> None:
    raw = datagram(INTERFACE=b"v0")
    assert isinstance(parse(raw[:start] + noise + raw[start + length :]), Malformed | Uevent)


@given(st.lists(NAMES, min_size=1, max_size=5), st.dictionaries(KEYS, VALUES, max_size=8))
def test_every_name_and_value_arrives(names: list[bytes], properties: dict[str, bytes]) -> None:
    path = b"/devices/" + b"/".join(names)
    event = good(datagram_of("add", path, properties))
    assert event.devpath == path
    assert event.properties["DEVPATH"] == path.decode("utf-8", "backslashreplace")
    for key, value in properties.items():
        assert event.properties[key] == value.decode("utf-8", "backslashreplace")
    "".join(event.properties.values()).encode()


def test_a_thousand_times_the_input_takes_no_more_than_its_share_of_time() -> None:
    def cost(size: int) -> float:
        hostile = b"add@" + b"/a" * size + b"\0" + b"=" * size + b"\0A=" * size
        begin = time.process_time()
        for _ in range(8):
            parse(hostile)
        return time.process_time() - begin

    small, big = min(cost(2_000) for _ in range(3)), cost(64_000)
    assert big < small * 32 * 8, (small, big)
