"""rtnetlink's messages as records: links, addresses, routes, neighbours. rtnetlink(7), linux/if_link.h, if_addr.h.

What a message of another address family says about the same thing is left out: a bridge tells of its ports as links of
the family AF_BRIDGE, whose "deleted" means only that they left the bridge.
"""

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

from lunix_network.ip_text import ip_text
from lunix_network.netlink import Attributes, Malformed, Message, attribute, attributes, head, i32, string, text, u32

NEWLINK, DELLINK, GETLINK = 16, 17, 18
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
NEWNEIGH, GETNEIGH = 28, 30
NEWNEXTHOP, DELNEXTHOP = 104, 105
GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400 | 0x8000_0000
"""Links, addresses and routes of both families, and next hops: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, …"""

IFF_UP, IFF_RUNNING, IFF_LOWER_UP, IFF_DORMANT = 0x1, 0x40, 0x10000, 0x20000
OPERSTATES = ("unknown", "not-present", "down", "lower-layer-down", "testing", "dormant", "up")
"""RFC 2863, in the order of the kernel's numbers."""
MAIN, LOCAL = 254, 255
"""Tables of routes; the kernel itself keeps the second: what is delivered on this machine."""

_LINK, _ADDRESS, _ROUTE, _NEIGHBOUR = (struct.Struct(f"={form}") for form in ("BxHiII", "BBBBI", "8BI", "BxxxiHBB"))
_HOP = struct.Struct("=HBBi")
_VIA = struct.Struct("=H")
_SKIP_STATISTICS = attribute(29, struct.pack("=I", 1 << 3))
_WIRELESS = 11
_CLONED = 0x200
_AF_UNSPEC = 0
_FAMILIES: dict[int, "Family"] = {2: "ipv4", 10: "ipv6"}
_BYTES = {"ipv4": 4, "ipv6": 16}
_LINK_TYPES = {
    1: "ethernet",
    772: "loopback",
    512: "ppp",
    65534: "none",
    768: "tunnel",
    769: "tunnel",
    776: "sit",
    32: "infiniband",
    280: "can",
    778: "gre",
    801: "wifi-raw",
    803: "wifi-monitor",
    804: "ieee802.15.4",
}
_ROUTE_TYPES = (
    *("unspecified", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable"),
    *("prohibit", "throw", "nat", "xresolve"),
)
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
_PROTOCOLS = {
    0: "unspecified",
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    9: "ra",
    11: "zebra",
    12: "bird",
    16: "dhcp",
    18: "keepalived",
    186: "bgp",
    187: "isis",
    188: "ospf",
    189: "rip",
    192: "eigrp",
}
_IFA_FLAGS = {0x01: "temporary", 0x08: "failed", 0x20: "deprecated", 0x40: "tentative", 0x80: "permanent"}
_NEIGHBOUR_STATES = {
    0x01: "incomplete",
    0x02: "reachable",
    0x04: "stale",
    0x08: "delay",
    0x10: "probe",
    0x20: "failed",
    0x40: "noarp",
    0x80: "permanent",
}

Family = Literal["ipv4", "ipv6"]


class Link(NamedTuple):
    """An interface, as the kernel has it."""

    ifindex: int
    name: bytes
    type: str
    flags: int
    operstate: str
    mtu: int | None
    address: str | None
    driver: str | None
    master: int | None
    parent: int | None


class Address(NamedTuple):
    """An address of an interface."""

    ifindex: int
    family: Family
    address: str
    length: int
    peer: str | None
    broadcast: str | None
    scope: str
    label: str | None
    flags: tuple[str, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """What the kernel has one of at a time."""
        return (self.ifindex, self.family, self.address, self.length, self.peer)


class Hop(NamedTuple):
    """Where a route leads."""

    ifindex: int | None
    gateway: str | None
    weight: int = 1


class Route(NamedTuple):
    """A route. Two that are equal in all are one."""

    family: Family
    table: int
    destination: str
    source: str | None
    metric: int
    tos: int
    type: str
    protocol: str
    scope: str
    preferred_source: str | None
    hops: tuple[Hop, ...]

    @property
    def place(self) -> tuple[object, ...]:
        """Where it stands in its table: a new one there may replace others, or join them."""
        return (self.family, self.table, self.destination, self.source, self.tos, self.metric)


class Neighbour(NamedTuple):
    """Somebody on the same link."""

    ifindex: int
    family: Family
    address: str
    link_address: str | None
    state: str
    router: bool


class News(NamedTuple):
    """A message of the kernel about one of the above."""

    about: Link | Address | Route
    gone: bool


def read(message: Message) -> News | None:
    """What a message tells, or ``None`` for one that is of no interest; raise ``Malformed``."""
    kind, body = message.type, message.body
    about: Link | Address | Route | None = None
    if kind in (NEWLINK, DELLINK):
        about = link(body)
    elif kind in (NEWADDR, DELADDR):
        about = address(body)
    elif kind in (NEWROUTE, DELROUTE):
        about = route(body)
    return None if about is None else News(about, kind in (DELLINK, DELADDR, DELROUTE))


def link(body: bytes) -> Link | None:
    """A link, of the kernel's own view of it."""
    family, type_, index, flags, _change = head(_LINK, body)
    if family != _AF_UNSPEC:
        return None
    found = attributes(body[_LINK.size :])
    if _WIRELESS in found:
        # An event of the wireless extensions, with the name of the link alone.
        return None
    state = found.get(16, b"\0")[:1] or b"\0"
    driver, parent = _kind(found.get(18)), u32(found.get(5))
    # Of a link in another network namespace the number means nothing here. The end of a veth has its other end there,
    # and the kernel does not tell when it has one.
    is_parent = parent not in (0, index) and 37 not in found and driver != "veth"
    return Link(
        ifindex=index,
        name=string(found.get(3, b"")),
        type=_LINK_TYPES.get(type_, str(type_)),
        flags=flags,
        operstate=OPERSTATES[state[0]] if state[0] < len(OPERSTATES) else "unknown",
        mtu=u32(found.get(4)),
        address=_hardware(found.get(1)),
        driver=driver,
        master=u32(found.get(10)) or None,
        parent=parent if is_parent else None,
    )


def address(body: bytes) -> Address | None:
    """An address of a link."""
    number, length, low, scope, index = head(_ADDRESS, body)
    family = _FAMILIES.get(number)
    if family is None:
        return None
    found = attributes(body[_ADDRESS.size :])
    there, local = _address(family, found.get(1)), _address(family, found.get(2))
    if there is None and local is None:
        raise Malformed("an address without an address")
    own = local or there
    assert own is not None, "one of the two is there"
    flags = u32(found.get(8))
    return Address(
        ifindex=index,
        family=family,
        address=own,
        length=length,
        peer=there if there not in (own, None) else None,
        broadcast=_address(family, found.get(4)),
        scope=_SCOPES.get(scope, str(scope)),
        label=text(string(found[3])) if 3 in found else None,
        flags=_address_flags(family, low if flags is None else flags),
    )


def route(body: bytes) -> Route | None:
    """A route of a table; none for one that the kernel keeps for itself."""
    number, length, source_length, tos, low, protocol, scope, type_, flags = head(_ROUTE, body)
    family = _FAMILIES.get(number)
    if family is None or flags & _CLONED:
        return None
    found = attributes(body[_ROUTE.size :])
    table = u32(found.get(15)) or low
    if table == LOCAL:
        return None
    return Route(
        family=family,
        table=table,
        destination=_prefix(family, found.get(1), length),
        source=_prefix(family, found.get(2), source_length) if source_length else None,
        metric=u32(found.get(6)) or 0,
        tos=tos,
        type=_ROUTE_TYPES[type_] if type_ < len(_ROUTE_TYPES) else str(type_),
        protocol=_PROTOCOLS.get(protocol, str(protocol)),
        scope=_SCOPES.get(scope, str(scope)),
        preferred_source=_address(family, found.get(7)),
        hops=tuple(_hops(family, found)),
    )


def neighbour(body: bytes) -> Neighbour | None:
    """A neighbour on a link."""
    number, index, state, flags, _type = head(_NEIGHBOUR, body)
    family = _FAMILIES.get(number)
    found = attributes(body[_NEIGHBOUR.size :])
    if family is None or 1 not in found:
        return None
    there = _address(family, found[1])
    assert there is not None, "it is not absent"
    names = [name for bit, name in _NEIGHBOUR_STATES.items() if state & bit]
    return Neighbour(index, family, there, _hardware(found.get(2)), names[0] if names else "none", bool(flags & 0x80))


def ask(kind: int, ifindex: int = 0) -> bytes:
    """The body of a request for all addresses, routes or neighbours, an empty structure; or for all links, or one."""
    if kind == GETLINK:
        return _LINK.pack(0, 0, ifindex, 0, 0) + _SKIP_STATISTICS
    layouts = {GETADDR: _ADDRESS, GETROUTE: _ROUTE, GETNEIGH: _NEIGHBOUR}
    return bytes(layouts[kind].size)


def _address_flags(family: Family, flags: int) -> tuple[str, ...]:
    # The lowest bit of an IPv4 address tells that another one of its network came before it.
    return tuple(name for bit, name in _IFA_FLAGS.items() if flags & bit and (family == "ipv6" or bit != 1))


def _kind(information: bytes | None) -> str | None:
    name = attributes(information or b"").get(1)
    return None if name is None else text(string(name))


def _hardware(raw: bytes | None) -> str | None:
    """``02:fc:00:00:00:01``, of whatever length; one of an IPv4 tunnel is an IPv4 address."""
    return raw.hex(":") if raw else None


def _address(family: Family, raw: bytes | None) -> str | None:
    if raw is None:
        return None
    if len(raw) != _BYTES[family]:
        raise Malformed(f"{len(raw)} bytes are no {family} address")
    return ip_text(raw)


def _prefix(family: Family, raw: bytes | None, length: int) -> str:
    return f"{_address(family, raw or bytes(_BYTES[family]))}/{length}"


def _hops(family: Family, found: Attributes) -> Iterator[Hop]:
    if 9 not in found:
        index, gateway = i32(found.get(4)), _gateway(family, found)
        if index is not None or gateway is not None:
            yield Hop(index, gateway)
        return
    data = found[9]
    while data:
        length, _flags, weight, index = head(_HOP, data)
        if not _HOP.size <= length <= len(data):
            raise Malformed(f"a next hop says that it has {length} bytes, of {len(data)}")
        yield Hop(index, _gateway(family, attributes(data[_HOP.size : length])), weight + 1)
        data = data[(length + 3) & ~3 :]


def _gateway(family: Family, found: Attributes) -> str | None:
    """The next router; one of the other family (RFC 5549) stands in an attribute of its own."""
    if 18 not in found:
        return _address(family, found.get(5))
    (number,) = head(_VIA, found[18])
    other = _FAMILIES.get(number)
    return found[18][_VIA.size :].hex() if other is None else _address(other, found[18][_VIA.size :])
