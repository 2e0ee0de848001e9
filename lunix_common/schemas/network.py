r"""Payloads of ``network.*``: links, addresses and routes, and what follows from them.

All that has a state is an item with an ``id``: a link, an address, a route, the default route of each family, whether
the machine is online, its name servers and its name. Names of interfaces and wireless networks come from the world and
are hostile. Bytes that are not UTF-8 stand as ``\xNN``.
"""

# Payloads are frozen, which pyright cannot see: a narrower type in a subclass is safe.
# pyright: reportIncompatibleVariableOverride=false, reportGeneralTypeIssues=false

from typing import Annotated, Any, Literal, cast

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from lunix_common.schemas.common import Model, Page, PageRequest

Family = Literal["ipv4", "ipv6"]
LinkState = Literal["off", "no-carrier", "dormant", "carrier", "degraded", "enslaved", "routable"]
"""As networkd has it: ``off`` is switched off · ``no-carrier`` has no cable, or nobody at its other end · ``dormant``
waits, say, for a password · ``carrier`` could be used, and has no address · ``degraded`` has addresses of this link
alone · ``enslaved`` is a port of a bridge or a bond · ``routable`` has an address that others reach."""
Kind = Literal["link", "address", "route", "default", "online", "dns", "hostname"]


class Item(Model):
    """What all items have."""

    id: str
    kind: str
    link: str | None = None
    """The id of the link that it belongs to; a link's own."""
    family: Family | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        """An item that is read as such, as mirrors do, is one of its kind."""
        known = cls is Item and isinstance(value, dict)
        kind = _KINDS.get(str(cast("dict[str, object]", value).get("kind"))) if known else None
        return handler(value) if kind is None else kind.model_validate(value)


class Wifi(Model):
    """The wireless network that a link is connected to."""

    ssid: str
    """Its name, of up to 32 bytes of any kind."""
    ssid_hex: str
    """The same bytes, unmistakably."""
    bssid: str | None = None
    """The access point's address."""
    frequency_mhz: int | None = None


class Link(Item):
    """A network interface."""

    kind: Literal["link"] = "link"
    index: int
    """The kernel's number, new for each interface; a rename keeps it."""
    name: str
    type: str
    """``ethernet`` ``loopback`` ``ppp`` ``none`` … or the kernel's number of it."""
    driver: str | None = None
    """Of one that is made by software: ``veth`` ``bridge`` ``vlan`` ``wireguard`` …"""
    address: str | None = None
    """The hardware address."""
    mtu: int | None = None
    enabled: bool
    """It is switched on (``ip link set … up``)."""
    carrier: bool
    """It can carry something."""
    operstate: str
    """The kernel's own word, RFC 2863: ``up`` ``down`` ``dormant`` ``unknown`` …"""
    state: LinkState
    master: str | None = None
    """The id of the bridge or bond that it is a port of."""
    parent: str | None = None
    """The id of the link that it is made on, as a VLAN."""
    wifi: Wifi | None = None


class Address(Item):
    """An address of a link."""

    kind: Literal["address"] = "address"
    link: str
    family: Family
    address: str
    prefix_length: int
    peer: str | None = None
    """The other end, of a link that has one."""
    broadcast: str | None = None
    scope: str
    """``global`` ``site`` ``link`` ``host``"""
    label: str | None = None
    flags: list[str] = Field(default_factory=list[str])
    """``tentative`` until it is known that nobody else has it, ``failed`` when somebody does, ``deprecated``,
    ``temporary``, ``permanent``."""


class Hop(Model):
    """One way that a route takes."""

    link: str | None = None
    gateway: str | None = None
    """The next router; absent where the destination is on the link."""
    weight: int = 1


class Route(Item):
    """A route; those that the kernel keeps for itself (table ``local``) are left out."""

    kind: Literal["route"] = "route"
    family: Family
    destination: str
    """``192.0.2.0/24``; the default route is ``0.0.0.0/0`` or ``::/0``."""
    source: str | None = None
    """Only what comes from there goes this way."""
    table: int
    """254 is the main one."""
    metric: int
    """The lowest counts."""
    tos: int = 0
    type: str
    """``unicast`` ``blackhole`` ``unreachable`` ``prohibit`` ``throw`` …"""
    protocol: str
    """Who made it: ``kernel`` ``boot`` ``static`` ``dhcp`` ``ra`` …, or a number."""
    scope: str
    preferred_source: str | None = None
    gateway: str | None = None
    """Of the only way."""
    hops: list[Hop] = Field(default_factory=list[Hop])
    """Every way, where there are several; ``link`` and ``gateway`` are absent then."""


class Default(Item):
    """The default route that counts, of one family. Without ``route`` there is none."""

    kind: Literal["default"] = "default"
    family: Family
    route: str | None = None
    """Its id."""
    gateway: str | None = None
    metric: int | None = None


class Online(Item):
    """Whether a default route leads over a link with a carrier, for some time."""

    kind: Literal["online"] = "online"
    online: bool


class Dns(Item):
    """What ``resolv.conf`` says."""

    kind: Literal["dns"] = "dns"
    servers: list[str] = Field(default_factory=list[str])
    search: list[str] = Field(default_factory=list[str])
    options: list[str] = Field(default_factory=list[str])


class Hostname(Item):
    """The machine's name."""

    kind: Literal["hostname"] = "hostname"
    name: str


_KINDS: dict[str, type[Item]] = {
    "link": Link,
    "address": Address,
    "route": Route,
    "default": Default,
    "online": Online,
    "dns": Dns,
    "hostname": Hostname,
}


class LinkEvent(Link):
    """A link and what happened to it. ``removed`` carries all that was known before."""

    old_name: str | None = None
    """After a rename."""
    old_wifi: Wifi | None = None
    """After ``disconnected`` and ``roamed``: what it was connected to."""
    reason_code: int | None = None
    """After ``disconnected``: why, by the number of IEEE 802.11 (9.4.1.7), where the kernel tells it."""
    by_access_point: bool | None = None
    """After ``disconnected``: whether the access point ended it, or we."""
    resync: bool = False
    """Found by comparing with the kernel after events were lost."""


class AddressEvent(Address):
    """An address that came, changed or went."""

    interface: str | None = None
    """The name of its link."""
    resync: bool = False


class RouteEvent(Route):
    """A route that came or went. One that was replaced went, and another came."""

    interface: str | None = None
    """The name of its link."""
    resync: bool = False


class DefaultEvent(Default):
    """Another default route counts."""

    interface: str | None = None
    """The name of the link that carries it."""
    resync: bool = False


class WifiSignal(Model):
    """The signal of a wireless link crossed a threshold."""

    link: str
    interface: str
    """The name of the link."""
    signal_dbm: int | None = None
    """The mean of the last beacons at that moment."""
    wifi: Wifi | None = None


class ListRequest(PageRequest):
    """Filters for ``network.list``; an item has to pass all of them."""

    kind: Kind | None = None
    link: str | None = None
    """The id or the name of a link: itself, and what belongs to it."""
    family: Family | None = None


class NetworkList(Page):
    """The answer to ``network.list``."""

    items: list[Annotated[Link | Address | Route | Default | Online | Dns | Hostname, Field(discriminator="kind")]]


class NeighboursRequest(PageRequest):
    """Filters for ``network.neighbours``."""

    link: str | None = None
    """The id or the name of a link."""
    family: Family | None = None


class Neighbour(Model):
    """Somebody on the same link, as the kernel's table (ARP, NDP) has it."""

    link: str
    interface: str | None = None
    family: Family
    address: str
    link_address: str | None = None
    """The hardware address, where it is known."""
    state: str
    """``reachable`` ``stale`` ``permanent`` ``failed`` …"""
    router: bool = False


class NeighbourList(Page):
    """The answer to ``network.neighbours``."""

    items: list[Neighbour]
