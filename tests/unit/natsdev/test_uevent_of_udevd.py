"""udevd's datagrams, good and hostile."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_natsdev.uevent import Malformed, Uevent, parse_processed

LO = b"/devices/virtual/net/lo"


def datagram(path: bytes = LO, action: bytes = b"change", **properties: bytes) -> bytes:
    """As systemd 252 sends it: 40 bytes of header, the last 16 of them hashes for filters."""
    fields = {"ACTION": action, "DEVPATH": path, "SUBSYSTEM": b"net"} | properties
    return framed(b"".join(key.encode() + b"=" + value + b"\0" for key, value in fields.items()) + b"SEQNUM=7\0")


def framed(body: bytes, prefix: bytes = b"libudev\0", magic: bytes = b"\xfe\xed\xca\xfe") -> bytes:
    return prefix + magic + struct.pack("=III", 40, 40, len(body)) + bytes(16) + body


def good(raw: bytes) -> Uevent:
    event = parse_processed(raw)
    assert isinstance(event, Uevent), event
    return event


def test_what_udevd_found_is_told_with_the_kernels_properties() -> None:
    event = good(datagram(ID_NET_DRIVER=b"veth", DEVLINKS=b"/dev/a /dev/b"))
    assert (event.action, event.devpath, event.seqnum, event.subsystem) == ("change", LO, 7, "net")
    assert event.properties["ID_NET_DRIVER"] == "veth"
    assert event.properties["DEVLINKS"] == "/dev/a /dev/b"
    assert event.old_devpath is None


def test_a_rename_tells_where_the_device_was_as_bytes() -> None:
    event = good(datagram(b"/devices/\xff", b"move", DEVPATH_OLD=b"/devices/\xfe"))
    assert (event.devpath, event.old_devpath) == (b"/devices/\xff", b"/devices/\xfe")
    assert event.properties["DEVPATH"] == "/devices/\\xff"


def test_a_rename_without_the_old_path_has_none() -> None:
    assert good(datagram(action=b"move")).old_devpath is None


def test_the_path_is_found_where_it_stands_first() -> None:
    assert good(framed(b"DEVPATH=/a/b\0ACTION=add\0SUBSYSTEM=x\0SEQNUM=1\0DEVPATH=/other\0")).devpath == b"/a/b"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "too short"),
        (b"add@/devices/virtual/net/lo\0ACTION=add\0", "does not begin"),
        (framed(b"ACTION=add\0", magic=b"\0\0\0\0"), "does not begin"),
        (framed(b"ACTION=add\0SUBSYSTEM=net\0SEQNUM=7\0"), "no DEVPATH"),
        (datagram(b"devices/lo"), "no DEVPATH"),
        (datagram(b"/devices//lo"), "no DEVPATH"),
        (datagram(action=b"CHANGE"), "no ACTION"),
        (datagram(b"/devices/../../etc"), "upwards"),
        (datagram(SUBSYSTEM=b""), "no SUBSYSTEM"),
        (datagram().replace(b"SEQNUM=7", b"SEQNUM=x"), "no SEQNUM"),
        (datagram()[:60], "no DEVPATH"),
        (framed(b"")[:24].replace(struct.pack("=I", 40), b"\xff\xff\xff\xff"), "no ACTION"),
    ],
)
def test_what_is_not_udevds_is_named_with_its_reason(raw: bytes, reason: str) -> None:
    malformed = parse_processed(raw)
    assert isinstance(malformed, Malformed)
    assert reason in malformed.reason or reason.replace("no ", "or no ") in malformed.reason


@given(st.binary(max_size=2048), st.booleans())
def test_no_input_makes_it_raise(raw: bytes, with_header: bool) -> None:
    assert isinstance(parse_processed(framed(raw) if with_header else raw), Malformed | Uevent)


@given(st.binary(max_size=64), st.integers(0, 160), st.integers(0, 160))
def test_no_damage_to_a_good_datagram_makes_it_raise(noise: bytes, start: int, length: int) -> None:
    raw = datagram(ID_NET_DRIVER=b"veth")
    assert isinstance(parse_processed(raw[:start] + noise + raw[start + length :]), Malformed | Uevent)
