"""Netlink's framing: what was packed is read, and bytes that no kernel sends end in one way."""

import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_network import genl, netlink, nl80211, rtnl
from lunix_network.netlink import Malformed, Message

ROWS = st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(max_size=40)), max_size=8)


@given(ROWS)
def test_attributes_that_were_packed_are_read(rows: list[tuple[int, bytes]]) -> None:
    packed = b"".join(netlink.attribute(kind, value) for kind, value in rows)
    assert list(netlink.rows(packed)) == rows
    assert netlink.attributes(packed) == dict(rows)


@given(st.integers(16, 60000), st.integers(0, 0xFFFE), st.integers(0, 1 << 31), st.binary(max_size=60))
def test_messages_that_were_packed_are_read(kind: int, flags: int, seq: int, body: bytes) -> None:
    padded = netlink.request(kind, flags, seq, body) + bytes(-len(body) % 4)
    read = list(netlink.messages(padded * 3))
    assert read == [Message(kind, flags | 1, seq, 0, body)] * 3


@pytest.mark.parametrize("length", [0, 15, 21])
def test_a_length_that_cannot_be_is_malformed(length: int) -> None:
    with pytest.raises(Malformed, match="says that it has"):
        list(netlink.messages(struct.pack("=IHHII", length, 16, 0, 0, 0) + bytes(4)))


def test_what_is_shorter_than_a_header_is_malformed() -> None:
    with pytest.raises(Malformed, match="are no message"):
        list(netlink.messages(bytes(15)))
    with pytest.raises(Malformed, match="an attribute"):
        list(netlink.rows(struct.pack("=HH", 3, 1)))


def test_numbers_have_four_bytes() -> None:
    assert netlink.u32(None) is None
    assert netlink.i32(None) is None
    assert netlink.u32(b"\xff\xff\xff\xff") == 0xFFFF_FFFF
    assert netlink.i32(b"\xff\xff\xff\xff") == -1
    assert netlink.i32(struct.pack("=i", 7)) == 7
    with pytest.raises(Malformed):
        netlink.u32(b"abc")


def test_an_error_and_an_acknowledgement() -> None:
    assert netlink.failure(struct.pack("=i", -95) + bytes(16)) == 95
    assert netlink.failure(struct.pack("=i", 0)) == 0
    assert netlink.failure(b"") == 0


READERS: list[Callable[[bytes], object]] = [
    *(rtnl.link, rtnl.address, rtnl.route, rtnl.neighbour),
    *(genl.family, nl80211.interface, nl80211.station, partial(nl80211.event, nl80211.CONNECT)),
    *(partial(nl80211.event, nl80211.NOTIFY_CQM), nl80211.access_point),
]


@pytest.mark.parametrize("read", READERS)
@given(start=st.sampled_from([b"", b"\x02\x18\0\0", b"\x0a\x40\0\0"]), rows=ROWS, tail=st.binary(max_size=12))
def test_any_bytes_are_read_or_malformed(
    read: Callable[[bytes], object], start: bytes, rows: list[tuple[int, bytes]], tail: bytes
) -> None:
    body = start + bytes(12 - len(start))
    body += b"".join(netlink.attribute(kind % 64, value) for kind, value in rows) + tail
    for data in (body, body[4:], tail):
        with suppress(Malformed):
            read(data)
