"""The items of the bus, made of what the kernel says. Pure.

The state of a link is networkd's (networkctl(1)), and "carrier" is what networkd takes for one: the kernel's
operational state up, or unknown, as for drivers that tell none, with the flags of a link that carries.
"""

from collections.abc import Iterable
from hashlib import blake2s

from lunix_common.schemas import network as schema
from lunix_common.schemas.network import LinkState, Neighbour
from lunix_network import rtnl
from lunix_network.netlink import text as text
from lunix_network.rtnl import Family

_USELESS = frozenset({"tentative", "failed"})


def link_id(index: int) -> str:
    """The id of a link."""
    return f"link:{index}"


def route_id(route: rtnl.Route) -> str:
    """The id of a route: a digest of all that it is."""
    return f"route:{blake2s(repr(tuple(route)).encode(), digest_size=8).hexdigest()}"


def default_id(family: Family) -> str:
    """The id of the default route of a family."""
    return f"default:{family}"


def default_prefix(family: Family) -> str:
    """The destination of a default route."""
    return "0.0.0.0/0" if family == "ipv4" else "::/0"


def link(fact: rtnl.Link, addresses: Iterable[rtnl.Address], wifi: schema.Wifi | None) -> schema.Link:
    """A link with these addresses."""
    return schema.Link.model_construct(
        id=link_id(fact.ifindex),
        kind="link",
        link=link_id(fact.ifindex),
        index=fact.ifindex,
        name=text(fact.name),
        type=fact.type,
        driver=fact.driver,
        address=fact.address,
        mtu=fact.mtu,
        enabled=is_enabled(fact),
        carrier=has_carrier(fact),
        operstate=fact.operstate,
        state=state(fact, addresses),
        master=None if fact.master is None else link_id(fact.master),
        parent=None if fact.parent is None else link_id(fact.parent),
        wifi=wifi,
    )


def address(fact: rtnl.Address) -> schema.Address:
    """An address."""
    peer = f":{fact.peer}" if fact.peer else ""
    return schema.Address.model_construct(
        id=f"address:{fact.ifindex}:{fact.address}/{fact.length}{peer}",
        kind="address",
        link=link_id(fact.ifindex),
        family=fact.family,
        address=fact.address,
        prefix_length=fact.length,
        peer=fact.peer,
        broadcast=fact.broadcast,
        scope=fact.scope,
        label=fact.label,
        flags=list(fact.flags),
    )


def route(fact: rtnl.Route, key: str) -> schema.Route:
    """A route, with the id that ``route_id`` gave it."""
    only = fact.hops[0] if len(fact.hops) == 1 else None
    return schema.Route.model_construct(
        id=key,
        kind="route",
        link=_link(only),
        family=fact.family,
        destination=fact.destination,
        source=fact.source,
        table=fact.table,
        metric=fact.metric,
        tos=fact.tos,
        type=fact.type,
        protocol=fact.protocol,
        scope=fact.scope,
        preferred_source=fact.preferred_source,
        gateway=only.gateway if only else None,
        hops=[]
        if only
        else [schema.Hop.model_construct(link=_link(hop), gateway=hop.gateway, weight=hop.weight) for hop in fact.hops],
    )


def default(family: Family, fact: rtnl.Route | None) -> schema.Default:
    """The default route of a family, or that there is none."""
    hop = fact.hops[0] if fact and fact.hops else None
    return schema.Default.model_construct(
        id=default_id(family),
        kind="default",
        link=_link(hop),
        family=family,
        route=route_id(fact) if fact else None,
        gateway=hop.gateway if hop else None,
        metric=fact.metric if fact else None,
    )


def neighbour(fact: rtnl.Neighbour, interface: str | None) -> Neighbour:
    """A neighbour."""
    return Neighbour.model_construct(
        link=link_id(fact.ifindex),
        interface=interface,
        family=fact.family,
        address=fact.address,
        link_address=fact.link_address,
        state=fact.state,
        router=fact.router,
    )


def is_enabled(fact: rtnl.Link) -> bool:
    """Whether it is switched on."""
    return bool(fact.flags & rtnl.IFF_UP)


def has_carrier(fact: rtnl.Link) -> bool:
    """Whether it can carry something."""
    if not is_enabled(fact):
        return False
    if fact.operstate == "unknown":
        return bool(fact.flags & (rtnl.IFF_LOWER_UP | rtnl.IFF_RUNNING)) and not fact.flags & rtnl.IFF_DORMANT
    return fact.operstate == "up"


def state(fact: rtnl.Link, addresses: Iterable[rtnl.Address]) -> LinkState:
    """Networkd's word for what a link is good for."""
    if not is_enabled(fact):
        return "off"
    if fact.operstate == "dormant":
        return "dormant"
    if not has_carrier(fact):
        return "no-carrier"
    if fact.master is not None:
        return "enslaved"
    scopes = {address.scope for address in addresses if not _USELESS & set(address.flags)}
    if scopes & {"global", "site"}:
        return "routable"
    return "degraded" if "link" in scopes else "carrier"


def is_up(item: schema.Link) -> bool:
    """Whether a link can be used."""
    return item.state not in ("off", "no-carrier", "dormant")


def _link(hop: rtnl.Hop | None) -> str | None:
    return None if hop is None or hop.ifindex is None else link_id(hop.ifindex)
