"""nl80211's messages: events, interfaces, thresholds; packed by pyroute2 where it can, and read by us."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.generic import ctrlmsg
from pyroute2.netlink.nl80211 import nl80211cmd

from lunix_common.schemas.network import Wifi
from lunix_network import genl, netlink, nl80211
from lunix_network.netlink import Malformed, attribute, attributes
from lunix_network.nl80211 import Connected, Crossed, Disconnected, Moved

MAC = b"\x02\0\0\0\x01\0"
INDEX = attribute(3, struct.pack("=I", 5))


def u32(kind: int, number: int) -> bytes:
    return attribute(kind, struct.pack("=I", number & 0xFFFF_FFFF))


def packed(message: Any, command: int, attributes_: list[tuple[str, Any]]) -> tuple[int, bytes]:
    made = message()
    made["cmd"], made["attrs"] = command, attributes_
    made.encode()
    (read,) = netlink.messages(bytes(made.data))
    return genl.told(read)


@given(st.integers(1, 2**31 - 1), st.binary(min_size=6, max_size=6))
def test_a_connection_names_the_access_point(index: int, mac: bytes) -> None:
    rows = [("NL80211_ATTR_IFINDEX", index), ("NL80211_ATTR_MAC", mac.hex(":"))]
    for number in (nl80211.CONNECT, nl80211.ROAM):
        assert nl80211.event(*packed(nl80211cmd, number, rows)) == Connected(index, mac.hex(":"))
    assert nl80211.event(*packed(nl80211cmd, nl80211.CHANNEL_SWITCHED, rows)) == Moved(index)
    assert nl80211.event(*packed(nl80211cmd, nl80211.NEW_INTERFACE, rows)) is None


@given(st.integers(1, 2**31 - 1), st.integers(0, 2**16 - 1))
def test_an_end_has_a_reason_and_somebody_who_ended_it(index: int, reason: int) -> None:
    rows = [("NL80211_ATTR_IFINDEX", index)]
    assert nl80211.event(*packed(nl80211cmd, nl80211.DISCONNECT, rows)) == Disconnected(index)
    number, data = packed(nl80211cmd, nl80211.DISCONNECT, [*rows, ("NL80211_ATTR_REASON_CODE", reason)])
    assert nl80211.event(number, data) == Disconnected(index, reason)
    assert nl80211.event(number, data + attribute(71, b"")) == Disconnected(index, reason, True)


def test_a_connection_that_was_refused_is_none() -> None:
    refused = INDEX + attribute(72, struct.pack("=H", 17))
    accepted = INDEX + attribute(72, bytes(2))
    assert nl80211.event(nl80211.CONNECT, refused) is None
    assert nl80211.event(nl80211.CONNECT, accepted) == Connected(5, None)


def test_an_event_of_no_interface_is_malformed() -> None:
    with pytest.raises(Malformed):
        nl80211.event(nl80211.CONNECT, b"")


@pytest.mark.parametrize(
    ("inside", "crossed"),
    [
        (u32(3, 0) + u32(9, -85), Crossed(5, True, -85)),
        (u32(3, 1), Crossed(5, False, None)),
        (u32(3, 2), None),
        (u32(4, 50), None),
    ],
)
def test_a_signal_that_crossed_its_threshold(inside: bytes, crossed: Crossed | None) -> None:
    assert nl80211.event(nl80211.NOTIFY_CQM, INDEX + attribute(94, inside)) == crossed


@given(st.binary(min_size=1, max_size=32))
def test_an_interface_says_what_it_is_connected_to(ssid: bytes) -> None:
    data = INDEX + u32(5, 2) + attribute(52, ssid) + u32(38, 2412)
    wifi = Wifi(ssid=ssid.decode("utf-8", "backslashreplace"), ssid_hex=ssid.hex(), frequency_mhz=2412)
    assert nl80211.interface(data) == (5, wifi)


def test_an_interface_that_is_not_connected_or_connects_to_nothing() -> None:
    assert nl80211.interface(INDEX + u32(5, 8)) == (5, None)
    assert nl80211.interface(INDEX + u32(5, 3) + attribute(52, b"own")) is None
    assert nl80211.interface(u32(5, 2)) is None


def test_a_station_is_named_by_its_address() -> None:
    assert nl80211.station(attribute(6, MAC)) == "02:00:00:00:01:00"
    assert nl80211.station(b"") is None


def test_a_threshold_is_asked_for_in_the_kernels_form() -> None:
    number, data = genl.told(next(netlink.messages(netlink.request(30, 0, 1, nl80211.set_threshold(5, -75, 4)))))
    found = attributes(data)
    inside = attributes(found[94])
    assert (number, found[3]) == (nl80211.SET_CQM, struct.pack("=I", 5))
    assert (inside[1], inside[2]) == (struct.pack("=i", -75), struct.pack("=I", 4))


def test_a_family_has_a_number_and_groups() -> None:
    groups = [
        {"attrs": [("CTRL_ATTR_MCAST_GRP_NAME", name), ("CTRL_ATTR_MCAST_GRP_ID", number)]}
        for name, number in (("mlme", 7), ("config", 8))
    ]
    rows = [("CTRL_ATTR_FAMILY_ID", 30), ("CTRL_ATTR_FAMILY_NAME", "nl80211"), ("CTRL_ATTR_MCAST_GROUPS", groups)]
    number, data = packed(ctrlmsg, genl.NEWFAMILY, rows)
    assert number == genl.NEWFAMILY
    assert genl.family(data) == genl.Family(30, "nl80211", {"mlme": 7, "config": 8})
    with pytest.raises(Malformed):
        genl.family(b"")


def test_the_question_for_a_family_names_it() -> None:
    (message,) = netlink.messages(netlink.request(genl.CONTROL, 0, 1, genl.ask_family("nl80211")))
    assert genl.told(message) == (genl.GETFAMILY, attribute(2, b"nl80211\0"))


@given(st.binary(min_size=1, max_size=32))
def test_a_scan_says_what_we_are_connected_to(ssid: bytes) -> None:
    elements = bytes([1, 2, 7, 7, 0, len(ssid)]) + ssid + bytes([3, 1, 6])
    bss = attribute(1, MAC) + u32(2, 2437) + u32(9, 1)
    for kind in (6, 11):
        wifi = nl80211.access_point(INDEX + attribute(47, bss + attribute(kind, elements)))
        assert wifi is not None
        assert (bytes.fromhex(wifi.ssid_hex), wifi.bssid, wifi.frequency_mhz) == (ssid, "02:00:00:00:01:00", 2437)


@pytest.mark.parametrize("bss", [b"", u32(9, 0), attribute(1, MAC)])
def test_other_results_of_a_scan_are_passed_over(bss: bytes) -> None:
    assert nl80211.access_point(attribute(47, bss)) is None


@pytest.mark.parametrize("elements", [b"", b"\1", b"\1\1", b"\1\1x"])
def test_a_network_without_a_name(elements: bytes) -> None:
    wifi = nl80211.access_point(attribute(47, u32(9, 1) + attribute(6, elements)))
    assert wifi == Wifi(ssid="", ssid_hex="")
