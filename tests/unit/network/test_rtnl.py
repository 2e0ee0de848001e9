"""rtnetlink's messages, packed by pyroute2 and read by both."""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from lunix_network import netlink, rtnl
from lunix_network.netlink import Malformed, Message, attribute

V4 = st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number)))
V6 = st.integers(1 << 112, 2**128 - 1).map(lambda number: str(IPv6Address(number)))
NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0/ "), min_size=1, max_size=15)
MAC = st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":"))
KINDS = st.sampled_from(["bridge", "veth", None])
NUMBER = st.integers(1, 2**31 - 1)


def packed(message: Any, kind: int, fields: dict[str, Any], attributes: list[Any]) -> Message:
    """A message by pyroute2."""
    made = message()
    for name, value in fields.items():
        made[name] = value
    made["attrs"] = attributes
    made["header"]["type"] = kind
    made.encode()
    (read,) = netlink.messages(bytes(made.data))
    return read


def given_of(attributes: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in attributes.items() if value is not None]


def the(message: Message, *, gone: bool = False) -> Any:
    news = rtnl.read(message)
    assert news is not None
    assert news.gone is gone
    return news.about


@given(NUMBER, NAMES, st.integers(0, 2**32 - 1), st.integers(0, 9), MAC, NUMBER, KINDS)
def test_links(index: int, name: str, flags: int, state: int, mac: str, mtu: int, kind: str | None) -> None:
    info = {"attrs": [("IFLA_INFO_KIND", kind)]} if kind else None
    attributes = {"IFLA_IFNAME": name, "IFLA_MTU": mtu, "IFLA_ADDRESS": mac, "IFLA_MASTER": 9, "IFLA_LINKINFO": info}
    fields = {"index": index, "flags": flags, "ifi_type": 1}
    message = packed(ifinfmsg, rtnl.NEWLINK, fields, [*given_of(attributes), ("IFLA_LINK", 8)])
    message = message._replace(body=message.body + attribute(16, bytes([state])))
    link = the(message)
    assert link.operstate == (rtnl.OPERSTATES[state] if state < 7 else "unknown")
    assert link._replace(operstate="") == rtnl.Link(
        *(index, name.encode(), "ethernet", flags, "", mtu, mac, kind, 9, None if kind == "veth" or index == 8 else 8)
    )


def test_a_link_with_nothing_said_of_it() -> None:
    link = the(packed(ifinfmsg, rtnl.DELLINK, {"index": 5, "ifi_type": 65000}, []), gone=True)
    assert link == rtnl.Link(5, b"", "65000", 0, "unknown", None, None, None, None, None)


def test_an_event_of_the_wireless_extensions_tells_nothing_of_the_link() -> None:
    message = packed(ifinfmsg, rtnl.NEWLINK, {"index": 5}, [("IFLA_IFNAME", "wlan0")])
    assert rtnl.read(message._replace(body=message.body + attribute(11, bytes(8)))) is None


def test_what_is_elsewhere_is_no_parent() -> None:
    attributes = [("IFLA_LINK", 8), ("IFLA_LINK_NETNSID", 0)]
    assert the(packed(ifinfmsg, rtnl.NEWLINK, {"index": 5}, attributes)).parent is None


def test_a_bridge_that_tells_of_its_port_tells_nothing_of_the_link() -> None:
    assert rtnl.read(packed(ifinfmsg, rtnl.DELLINK, {"family": 7, "index": 5}, [("IFLA_IFNAME", "eth0")])) is None


@given(st.one_of(st.tuples(st.just(2), V4, V4), st.tuples(st.just(10), V6, V6)), st.integers(0, 32), NUMBER)
def test_addresses(pair: tuple[int, str, str], length: int, index: int) -> None:
    family, local, peer = pair
    attributes = {"IFA_ADDRESS": peer, "IFA_LOCAL": local, "IFA_FLAGS": 0xC1}
    fields = {"family": family, "prefixlen": length, "index": index, "scope": 253}
    address = the(packed(ifaddrmsg, rtnl.DELADDR, fields, given_of(attributes)), gone=True)
    assert (address.address, address.length, address.ifindex, address.scope) == (local, length, index, "link")
    assert address.peer == (None if peer == local else peer)
    assert address.flags == (("temporary", "tentative", "permanent") if family == 10 else ("tentative", "permanent"))


def test_an_address_of_one_attribute_alone() -> None:
    fields = {"family": 2, "prefixlen": 24, "index": 3, "flags": 0x80, "scope": 77}
    attributes = [("IFA_ADDRESS", "192.0.2.1"), ("IFA_LABEL", "eth0:1"), ("IFA_BROADCAST", "192.0.2.255")]
    address = the(packed(ifaddrmsg, rtnl.NEWADDR, fields, attributes))
    assert address == rtnl.Address(3, "ipv4", "192.0.2.1", 24, None, "192.0.2.255", "77", "eth0:1", ("permanent",))


def test_an_address_without_one_is_malformed_and_another_family_is_passed_over() -> None:
    with pytest.raises(Malformed):
        rtnl.read(packed(ifaddrmsg, rtnl.NEWADDR, {"family": 2, "index": 3}, []))
    assert rtnl.read(packed(ifaddrmsg, rtnl.NEWADDR, {"family": 45, "index": 3}, [])) is None


@given(
    st.one_of(st.tuples(st.just(2), V4, V4), st.tuples(st.just(10), V6, V6)),
    *(st.integers(0, 32), NUMBER, NUMBER, st.integers(0, 20), st.integers(1, 254)),
)
def test_routes(pair: tuple[int, str, str], length: int, index: int, metric: int, protocol: int, table: int) -> None:
    family, destination, gateway = pair
    attributes = {"RTA_DST": destination, "RTA_GATEWAY": gateway, "RTA_OIF": index, "RTA_PRIORITY": metric}
    fields = {"family": family, "dst_len": length, "table": table, "proto": protocol, "type": 1, "tos": 4}
    route = the(packed(rtmsg, rtnl.NEWROUTE, fields, given_of(attributes)))
    assert (route.destination, route.metric, route.table) == (f"{destination}/{length}", metric, table)
    assert route.hops == (rtnl.Hop(index, gateway),)
    assert (route.type, route.tos, route.source, route.scope) == ("unicast", 4, None, "global")
    assert route.family == ("ipv4" if family == 2 else "ipv6")


def route_of(family: int = 2, *attributes: bytes, **fields: int) -> rtnl.Route | None:
    order = ("dst_len", "src_len", "tos", "table", "proto", "scope", "type")
    numbers = [fields.get(name, 254 if name == "table" else 1 if name == "type" else 0) for name in order]
    return rtnl.route(struct.pack("=8BI", family, *numbers, fields.get("flags", 0)) + b"".join(attributes))


def test_a_default_route_has_no_destination_and_large_tables_an_attribute() -> None:
    route = route_of(10, attribute(15, struct.pack("=I", 1000)), attribute(7, bytes(15) + b"\x01"), type=99)
    assert route is not None
    assert (route.destination, route.table, route.preferred_source, route.type) == ("::/0", 1000, "::1", "99")
    assert route.hops == ()


def test_a_route_from_a_source() -> None:
    route = route_of(10, attribute(2, b"\xfd" + bytes(15)), src_len=8)
    assert route is not None
    assert route.source == "fd00::/8"


@pytest.mark.parametrize(
    ("family", "fields"), [(2, {"table": 255}), (10, {"flags": 0x200}), (45, {}), (7, {})], ids=repr
)
def test_routes_that_are_left_out(family: int, fields: dict[str, int]) -> None:
    assert route_of(family, **fields) is None


def test_next_hops_of_a_route() -> None:
    def hop(index: int, weight: int, *attributes: bytes) -> bytes:
        body = b"".join(attributes)
        return struct.pack("=HBBi", 8 + len(body), 0, weight - 1, index) + body

    via_v6 = attribute(18, struct.pack("=H", 10) + b"\xfe\x80" + bytes(13) + b"\x01")
    other = attribute(18, struct.pack("=H", 28) + b"\x01\x02")
    hops = hop(3, 2, attribute(5, bytes([192, 0, 2, 1]))) + hop(4, 1, via_v6) + hop(5, 1, other) + hop(6, 1)
    route = route_of(2, attribute(9, hops))
    assert route is not None
    expected = (rtnl.Hop(3, "192.0.2.1", 2), rtnl.Hop(4, "fe80::1"), rtnl.Hop(5, "0102"), rtnl.Hop(6, None))
    assert route.hops == expected
    for wrong in (hops[:-4], struct.pack("=HBBi", 4, 0, 0, 1), struct.pack("=HBBi", 40, 0, 0, 1)):
        with pytest.raises(Malformed):
            route_of(2, attribute(9, wrong))


@pytest.mark.parametrize("raw", [b"123", b"12345"])
def test_an_address_of_another_length_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed, match="are no ipv4 address"):
        route_of(2, attribute(1, raw))


@given(V6, MAC, st.sampled_from([(2, "reachable"), (4, "stale"), (0x80, "permanent"), (0, "none")]))
def test_neighbours(there: str, mac: str, state: tuple[int, str]) -> None:
    fields = {"family": 10, "ifindex": 3, "state": state[0], "flags": 0x80}
    message = packed(ndmsg, rtnl.NEWNEIGH, fields, [("NDA_DST", there), ("NDA_LLADDR", mac)])
    assert rtnl.neighbour(message.body) == rtnl.Neighbour(3, "ipv6", there, mac, state[1], True)
    assert rtnl.read(message) is None


def test_a_neighbour_of_another_family_or_without_an_address_is_passed_over() -> None:
    for family, attributes in ((7, [("NDA_LLADDR", "02:00:00:00:00:01")]), (2, [])):
        message = packed(ndmsg, rtnl.NEWNEIGH, {"family": family, "ifindex": 3}, attributes)
        assert rtnl.neighbour(message.body) is None


def test_what_is_too_short_is_malformed() -> None:
    for read in (rtnl.link, rtnl.address, rtnl.route, rtnl.neighbour):
        with pytest.raises(Malformed, match="shorter"):
            read(b"\0")


@pytest.mark.parametrize("kind", [rtnl.GETLINK, rtnl.GETADDR, rtnl.GETROUTE, rtnl.GETNEIGH])
def test_a_request_is_a_structure_with_nothing_in_it(kind: int) -> None:
    sizes = {rtnl.GETLINK: 16 + 8, rtnl.GETADDR: 8, rtnl.GETROUTE: 12, rtnl.GETNEIGH: 12}
    assert len(rtnl.ask(kind)) == sizes[kind]
