"""What is known of links, addresses and routes, and what is to be told when the kernel says something. Pure.

    a message of the kernel, or all that it has → facts → items → what differs from the items that were told

An item is told when it differs from what was told last, so that a message that says nothing new, as of a lifetime that
was renewed, is no event. The state of a link follows from its addresses, the default routes from the routes.

Some messages do not say what became of the routes, and some routes go without any: then ``unclear`` asks for all of
them. The kernel drops the IPv4 routes of a link that is switched off, and those with a preferred source that goes, and
says nothing; a route that is replaced, or one way of several that goes, is not told in whole.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from lunix_common.schemas.common import Model
from lunix_common.schemas.network import AddressEvent, DefaultEvent, Item, Link, LinkEvent, RouteEvent, Wifi
from lunix_network import items, rtnl
from lunix_network.nl80211 import Disconnected
from lunix_network.rtnl import Family, News

FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6")
_ORDER = {"link": 0, "address": 1, "route": 2, "default": 3}


class Told(NamedTuple):
    """An event."""

    pattern: str
    payload: Model


class Whole(NamedTuple):
    """All that the kernel has."""

    links: list[rtnl.Link]
    addresses: list[rtnl.Address]
    routes: list[rtnl.Route]


class Table:
    """Facts, and the items that were told of them."""

    def __init__(self) -> None:
        self.unclear = False
        """The kernel's routes may be others than those that are known: have them read, and give them to ``routes``."""
        self._links: dict[int, rtnl.Link] = {}
        self._addresses: dict[int, dict[tuple[object, ...], rtnl.Address]] = {}
        self._routes: dict[str, rtnl.Route] = {}
        self._places: dict[tuple[object, ...], dict[str, None]] = {}
        self._default_routes: dict[str, rtnl.Route] = {}
        self._wifi: dict[int, Wifi] = {}
        self._items: dict[str, Item] = {items.default_id(family): items.default(family, None) for family in FAMILIES}
        self._resync = False

    # --- what is known ----------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Item]:
        """Every item: links, then addresses, then routes, then the default ones."""
        return iter(sorted(self._items.values(), key=lambda item: _ORDER[item.kind]))

    def find(self, link: str) -> str:
        """The id of the link of this name; what is no name is returned as it is."""
        named = (fact.ifindex for fact in self._links.values() if items.text(fact.name) == link)
        return next(map(items.link_id, named), link)

    def name(self, index: int | None) -> str | None:
        """The name of a link."""
        fact = None if index is None else self._links.get(index)
        return None if fact is None else items.text(fact.name)

    def wifi(self, index: int) -> Wifi | None:
        """What a wireless link is connected to."""
        return self._wifi.get(index)

    @property
    def carried(self) -> bool:
        """Whether a default route leads over a link with a carrier."""
        best = (self._best(family) for family in FAMILIES)
        indexes = {hop.ifindex for route in best if route for hop in route.hops}
        return any(items.has_carrier(self._links[index]) for index in indexes if index in self._links)

    # --- what the kernel says ---------------------------------------------------------------------------------------

    def take(self, news: News) -> list[Told]:
        """One message."""
        about = news.about
        if isinstance(about, rtnl.Link):
            return (self._link_gone(about.ifindex) if news.gone else self._link(about)) + self._defaults()
        if isinstance(about, rtnl.Address):
            return self._address_gone(about) if news.gone else self._address(about)
        return self._route(about, gone=news.gone) + self._defaults()

    def whole(self, now: Whole, *, resync: bool = True) -> list[Told]:
        """All that there is: what was missed."""
        self._resync = resync
        told = self._routes_gone({items.route_id(route) for route in now.routes})
        there = {address.key for address in now.addresses}
        gone = [each for known in self._addresses.values() for key, each in known.items() if key not in there]
        told += [each for address in gone for each in self._address_gone(address)]
        there_links = {link.ifindex for link in now.links}
        told += [each for index in set(self._links) - there_links for each in self._link_gone(index)]
        told += [each for link in now.links for each in self._link(link)]
        told += [each for address in now.addresses for each in self._address(address)]
        told += self.routes(now.routes)
        self._resync = False
        return told

    def routes(self, now: Iterable[rtnl.Route]) -> list[Told]:
        """All routes that there are: what was missed of them."""
        self.unclear = False
        fresh = {items.route_id(route): route for route in now}
        told = self._routes_gone(set(fresh))
        told += [self._route_come(key, route) for key, route in fresh.items() if key not in self._routes]
        return told + self._defaults()

    # --- wireless networks ------------------------------------------------------------------------------------------

    def connected(self, index: int, wifi: Wifi | None, how: Disconnected | None = None) -> list[Told]:
        """A wireless link is connected to this network, or to none; how the connection before ended, where known."""
        before = self._wifi.get(index)
        if before == wifi:
            return []
        told: list[Told] = []
        if before and (wifi is None or before.ssid_hex != wifi.ssid_hex):
            del self._wifi[index]
            reason = (how.reason, how.by_access_point) if how else (None, None)
            ended = dict(zip(("reason_code", "by_access_point"), reason, strict=True))
            told = self._tell_wifi("network.wifi.disconnected", index, old_wifi=before, **ended)
            before = None
        if wifi is None:
            return told
        self._wifi[index] = wifi
        if before is None:
            return told + self._tell_wifi("network.wifi.connected", index)
        if before.bssid != wifi.bssid:
            return self._tell_wifi("network.wifi.roamed", index, old_wifi=before)
        return self._tell_wifi("network.link.changed", index)

    def connections(self, now: Mapping[int, Wifi | None], *, resync: bool) -> list[Told]:
        """All wireless links that there are, and what they are connected to: what was missed."""
        self._resync = resync
        told = [each for index in self._wifi.keys() - now for each in self.connected(index, None)]
        told += [each for index, wifi in now.items() for each in self.connected(index, wifi)]
        self._resync = False
        return told

    def _tell_wifi(self, pattern: str, index: int, **more: object) -> list[Told]:
        # A link of which rtnetlink has not told yet is told with its network.
        return [self._tell_link(pattern, self._link_item(index), **more)] if index in self._links else []

    # --- links ------------------------------------------------------------------------------------------------------

    def _link(self, link: rtnl.Link) -> list[Told]:
        before = self._links.get(link.ifindex)
        self._links[link.ifindex] = link
        # Not only where it was on before: the tables may have been read after it was switched off, and before this.
        self.unclear |= not items.is_enabled(link)
        if before is None:
            return self._link_again(link.ifindex)
        self.unclear |= before.master != link.master
        return self._link_again(link.ifindex, items.text(before.name) if before.name != link.name else None)

    def _link_again(self, index: int, old_name: str | None = None) -> list[Told]:
        """Tell a link that is there, where it is not what was told last."""
        item = self._link_item(index)
        before = self._items.get(item.id)
        if before == item:
            return []
        if not isinstance(before, Link):
            also = {"wifi.connected": item.wifi is not None, "link.up": items.is_up(item)}
            verbs = ["link.added", *(verb for verb, holds in also.items() if holds)]
            return [self._tell_link(f"network.{verb}", item) for verb in verbs]
        verb = "changed"
        if items.is_up(before) != items.is_up(item):
            verb = "up" if items.is_up(item) else "down"
        return [self._tell_link(f"network.link.{verb}", item, old_name=old_name)]

    def _link_gone(self, index: int) -> list[Told]:
        self.unclear = True
        if index not in self._links:
            return []
        told = [each for address in list(self._of(index).values()) for each in self._address_gone(address)]
        told += self.connected(index, None)
        told.append(self._tell_link("network.link.removed", self._items[items.link_id(index)]))
        del self._items[items.link_id(index)]
        del self._links[index]
        return told

    def _link_item(self, index: int) -> Link:
        return items.link(self._links[index], self._of(index).values(), self._wifi.get(index))

    def _tell_link(self, pattern: str, item: Item, **more: object) -> Told:
        self._items[item.id] = item
        return Told(pattern, self._event(LinkEvent, item, **more))

    # --- addresses --------------------------------------------------------------------------------------------------

    def _of(self, index: int) -> dict[tuple[object, ...], rtnl.Address]:
        return self._addresses.get(index, {})

    def _address(self, address: rtnl.Address) -> list[Told]:
        if address.ifindex not in self._links:
            # The link is gone already. Of one that is about to come the kernel tells first.
            return []
        self._addresses.setdefault(address.ifindex, {})[address.key] = address
        item = items.address(address)
        before = self._items.get(item.id)
        if before == item:
            return []
        self._items[item.id] = item
        verb = "changed" if before else "added"
        return self._address_told(f"network.address.{verb}", item, address.ifindex)

    def _address_gone(self, address: rtnl.Address) -> list[Told]:
        self.unclear = True
        known = self._of(address.ifindex).pop(address.key, None)
        if known is None:
            return []
        if not self._addresses[address.ifindex]:
            del self._addresses[address.ifindex]
        return self._address_told("network.address.removed", self._items.pop(items.address(known).id), address.ifindex)

    def _address_told(self, pattern: str, item: Item, index: int) -> list[Told]:
        return [Told(pattern, self._event(AddressEvent, item, interface=self.name(index))), *self._link_again(index)]

    # --- routes -----------------------------------------------------------------------------------------------------

    def _route(self, route: rtnl.Route, *, gone: bool) -> list[Told]:
        key = items.route_id(route)
        if key in self._routes:
            return [self._route_gone(key)] if gone else []
        if route.place in self._places:
            # It takes the place of another, or stands beside it, or is or was one way of it: the message does not say.
            self.unclear = True
            return []
        return [] if gone else [self._route_come(key, route)]

    def _route_come(self, key: str, route: rtnl.Route) -> Told:
        self._routes[key] = route
        self._places.setdefault(route.place, {})[key] = None
        if _is_default(route):
            self._default_routes[key] = route
        item = self._items[key] = items.route(route, key)
        return self._route_told("network.route.added", item, route)

    def _route_gone(self, key: str) -> Told:
        route = self._routes.pop(key)
        self._default_routes.pop(key, None)
        place = self._places[route.place]
        del place[key]
        if not place:
            del self._places[route.place]
        return self._route_told("network.route.removed", self._items.pop(key), route)

    def _routes_gone(self, there: set[str]) -> list[Told]:
        return [self._route_gone(key) for key in [known for known in self._routes if known not in there]]

    def _route_told(self, pattern: str, item: Item, route: rtnl.Route) -> Told:
        index = route.hops[0].ifindex if len(route.hops) == 1 else None
        return Told(pattern, self._event(RouteEvent, item, interface=self.name(index)))

    def _best(self, family: Family) -> rtnl.Route | None:
        """The default route that the kernel takes: the lowest metric, and of equal ones the first."""
        found = (route for route in self._default_routes.values() if route.family == family)
        best = min(found, key=lambda route: route.metric, default=None)
        return best if best is not None and best.type == "unicast" else None

    def _defaults(self) -> list[Told]:
        told: list[Told] = []
        for family in FAMILIES:
            route = self._best(family)
            item = items.default(family, route)
            if self._items[item.id] != item:
                self._items[item.id] = item
                interface = self.name(route.hops[0].ifindex) if route and route.hops else None
                told.append(Told("network.default.changed", self._event(DefaultEvent, item, interface=interface)))
        return told

    def _event(self, model: type[Item], item: Item, **more: Any) -> Item:
        return model.model_construct(**dict(item), **more, resync=self._resync)


def _is_default(route: rtnl.Route) -> bool:
    return (
        route.table == rtnl.MAIN
        and route.destination == items.default_prefix(route.family)
        and route.source is None
        and not route.tos
    )
