"""What is told of links, addresses and routes: the kernel's messages in, events out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.network import Item, Wifi
from lunix_network import items, rtnl
from lunix_network.nl80211 import Disconnected
from lunix_network.rtnl import Address, Family, Hop, Link, News, Route
from lunix_network.table import Table, Told, Whole

UP = rtnl.IFF_UP | rtnl.IFF_LOWER_UP | rtnl.IFF_RUNNING
HOME = Wifi(ssid="home", ssid_hex="686f6d65", bssid="02:00:00:00:00:01", frequency_mhz=2412)
AWAY = HOME.model_copy(update={"ssid": "away", "ssid_hex": "61776179"})


def link(index: int = 2, name: bytes = b"eth0", flags: int = UP, operstate: str = "up", **more: Any) -> Link:
    return Link(index, name, "ethernet", flags, operstate, 1500, "02::", None, None, None)._replace(**more)


def address(text: str = "192.0.2.2", index: int = 2, **more: Any) -> Address:
    return Address(index, "ipv4", text, 24, None, None, "global", None, ("permanent",))._replace(**more)


def route(destination: str = "198.51.100.0/24", gateway: str = "192.0.2.1", **more: Any) -> Route:
    family: Family = "ipv6" if ":" in destination else "ipv4"
    hops = (Hop(2, gateway),)
    return Route(family, 254, destination, None, 0, 0, "unicast", "boot", "global", None, hops)._replace(**more)


def filled(*facts: Link | Address | Route) -> Table:
    table = Table()
    for fact in facts:
        table.take(News(fact, False))
    table.unclear = False
    return table


def come(table: Table, fact: Link | Address | Route) -> list[str]:
    return short(table.take(News(fact, False)))


def go(table: Table, fact: Link | Address | Route) -> list[str]:
    return short(table.take(News(fact, True)))


def short(told: list[Told]) -> list[str]:
    return [each.pattern.removeprefix("network.") for each in told]


def ids(table: Table, kind: str) -> list[str]:
    return [item.id for item in table if item.kind == kind]


def is_unclear(table: Table) -> bool:
    return table.unclear


def is_carried(table: Table) -> bool:
    return table.carried


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "operstate", "master", "scopes", "state"),
    [
        (0, "down", None, ["global"], "off"),
        (rtnl.IFF_UP, "down", None, [], "no-carrier"),
        (rtnl.IFF_UP, "lower-layer-down", 3, ["global"], "no-carrier"),
        (rtnl.IFF_UP | rtnl.IFF_DORMANT, "dormant", None, [], "dormant"),
        (UP, "up", None, [], "carrier"),
        (UP, "up", None, ["host"], "carrier"),
        (UP, "up", None, ["link"], "degraded"),
        (UP, "up", None, ["link", "global"], "routable"),
        (UP, "up", None, ["site"], "routable"),
        (UP, "up", 3, ["global"], "enslaved"),
        (UP, "unknown", None, [], "carrier"),
        (UP | rtnl.IFF_DORMANT, "unknown", None, [], "no-carrier"),
        (rtnl.IFF_UP, "unknown", None, [], "no-carrier"),
    ],
)
def test_a_link_has_networkds_states(
    flags: int, operstate: str, master: int | None, scopes: list[str], state: str
) -> None:
    addresses = [address(scope=scope) for scope in scopes]
    assert items.state(link(flags=flags, operstate=operstate, master=master), addresses) == state


@pytest.mark.parametrize("flag", ["tentative", "failed"])
def test_an_address_that_may_be_another_s_makes_nothing_routable(flag: str) -> None:
    assert items.state(link(), [address(flags=(flag,))]) == "carrier"


def test_a_link_comes_changes_and_goes() -> None:
    table = Table()
    down = link(flags=0, operstate="down")
    assert come(table, down) == ["link.added"]
    assert come(table, down) == []
    assert come(table, link(flags=rtnl.IFF_UP, operstate="down")) == ["link.changed"]
    assert come(table, link()) == ["link.up"]
    assert come(table, link(flags=rtnl.IFF_UP, operstate="down")) == ["link.down"]
    assert go(table, down) == ["link.removed"]
    assert go(table, down) == []
    assert ids(table, "link") == []


def test_a_link_that_comes_with_a_carrier_is_up() -> None:
    assert come(Table(), link()) == ["link.added", "link.up"]


def test_a_rename_tells_the_name_before() -> None:
    table = filled(link())
    (told,) = table.take(News(link(name=b"eth0.100"), False))
    assert told.pattern == "network.link.changed"
    assert told.payload.model_dump()["old_name"] == "eth0"
    assert (table.find("eth0.100"), table.find("eth0"), table.name(2), table.name(7), table.name(None)) == (
        *("link:2", "eth0", "eth0.100", None, None),
    )


def test_a_link_that_goes_takes_its_addresses_along() -> None:
    table = filled(link(), address())
    assert go(table, link()) == ["address.removed", "link.changed", "link.removed"]
    assert is_unclear(table)
    assert ids(table, "address") == []


def test_switching_off_and_another_master_make_the_routes_unclear() -> None:
    table = filled(link(), link(3))
    come(table, link(3, mtu=1400))
    assert not is_unclear(table)
    come(table, link(flags=0, operstate="down"))
    assert is_unclear(table)
    table.routes([])
    come(table, link(3, master=2))
    assert is_unclear(table)


# --- addresses -------------------------------------------------------------------------------------------------------


def test_an_address_makes_its_link_routable_and_back() -> None:
    table = filled(link())
    assert come(table, address()) == ["address.added", "link.changed"]
    assert come(table, address()) == []
    assert come(table, address(flags=("deprecated",))) == ["address.changed"]
    assert not is_unclear(table)
    assert go(table, address()) == ["address.removed", "link.changed"]
    assert is_unclear(table)
    assert go(table, address()) == []


def test_addresses_with_other_ends_are_two() -> None:
    table = filled(link(), address(peer="192.0.2.8"), address(peer="192.0.2.9"))
    assert ids(table, "address") == ["address:2:192.0.2.2/24:192.0.2.8", "address:2:192.0.2.2/24:192.0.2.9"]
    assert go(table, address(peer="192.0.2.8")) == ["address.removed"]


def test_an_address_of_a_link_that_is_gone_already_is_none() -> None:
    assert come(Table(), address()) == []
    assert go(Table(), address()) == []


# --- routes ----------------------------------------------------------------------------------------------------------


def test_a_route_comes_and_goes() -> None:
    table = filled(link())
    assert come(table, route()) == ["route.added"]
    assert come(table, route()) == []
    assert go(table, route()) == ["route.removed"]
    assert go(table, route()) == []
    assert not is_unclear(table)


def test_what_became_of_a_place_that_is_taken_is_read_again() -> None:
    table = filled(link(), route())
    assert come(table, route(gateway="192.0.2.7")) == []
    assert is_unclear(table)
    assert short(table.routes([route(gateway="192.0.2.7")])) == ["route.removed", "route.added"]
    assert not is_unclear(table)
    assert go(table, route(gateway="192.0.2.8")) == []
    assert is_unclear(table)


def test_two_in_one_place_go_one_by_one() -> None:
    table = filled(link())
    table.routes([route(), route(gateway="192.0.2.7")])
    assert go(table, route()) == ["route.removed"]
    assert go(table, route(gateway="192.0.2.7")) == ["route.removed"]
    assert not is_unclear(table)


def test_a_route_over_several_hops_has_no_link_of_its_own() -> None:
    table = filled(link(), route(hops=(Hop(2, "192.0.2.1"), Hop(None, "192.0.2.2", 3))))
    (item,) = [item.model_dump() for item in table if item.kind == "route"]
    assert "gateway" not in item or item["gateway"] is None
    assert [(hop["link"], hop["gateway"], hop["weight"]) for hop in item["hops"]] == [
        ("link:2", "192.0.2.1", 1),
        (None, "192.0.2.2", 3),
    ]


# --- the default route -----------------------------------------------------------------------------------------------


def default(table: Table, family: Family = "ipv4") -> str | None:
    (item,) = [item.model_dump() for item in table if item.id == f"default:{family}"]
    found: str | None = item["gateway"]
    return found


def test_the_lowest_metric_counts_and_of_equal_ones_the_first() -> None:
    table = filled(link())
    assert come(table, route("0.0.0.0/0", "192.0.2.1", metric=100)) == ["route.added", "default.changed"]
    assert come(table, route("0.0.0.0/0", "192.0.2.2", metric=200)) == ["route.added"]
    assert come(table, route("0.0.0.0/0", "192.0.2.3", metric=50)) == ["route.added", "default.changed"]
    assert default(table) == "192.0.2.3"
    assert go(table, route("0.0.0.0/0", "192.0.2.3", metric=50)) == ["route.removed", "default.changed"]
    assert default(table) == "192.0.2.1"


def test_each_family_has_its_own() -> None:
    table = filled(link())
    told = table.take(News(route("::/0", "fe80::1"), False))
    assert told[-1].payload.model_dump()["interface"] == "eth0"
    assert (default(table), default(table, "ipv6")) == (None, "fe80::1")


@pytest.mark.parametrize(
    "more", [{"table": 100}, {"tos": 4}, {"source": "192.0.2.0/24"}, {"type": "unreachable", "hops": ()}], ids=repr
)
def test_what_is_no_default_route(more: dict[str, Any]) -> None:
    table = filled(link())
    assert come(table, route("0.0.0.0/0", **more)) == ["route.added"]
    assert default(table) is None
    assert not is_carried(table)


def test_a_default_route_is_carried_by_its_links_carrier() -> None:
    table = filled(link(), route("0.0.0.0/0"), route("::/0", hops=(Hop(9, "fe80::1"),)))
    assert is_carried(table)
    table.take(News(link(operstate="down"), False))
    assert not is_carried(table)
    assert default(table) == "192.0.2.1", "the kernel goes on to use it"


# --- wireless --------------------------------------------------------------------------------------------------------


def test_connected_roamed_and_disconnected() -> None:
    table = filled(link())
    assert short(table.connected(2, HOME)) == ["wifi.connected"]
    assert short(table.connected(2, HOME)) == []
    other = HOME.model_copy(update={"bssid": "02:00:00:00:00:02"})
    (roamed,) = table.connected(2, other)
    assert roamed.pattern == "network.wifi.roamed"
    assert roamed.payload.model_dump()["old_wifi"]["bssid"] == HOME.bssid
    assert table.wifi(2) == other
    assert short(table.connected(2, other.model_copy(update={"frequency_mhz": 2437}))) == ["link.changed"]
    assert short(table.connected(2, None)) == ["wifi.disconnected"]
    assert table.wifi(2) is None


def test_another_network_is_an_end_and_a_beginning() -> None:
    table = filled(link())
    table.connected(2, HOME)
    ended, began = table.connected(2, AWAY, Disconnected(2, 3, True))
    assert short([ended, began]) == ["wifi.disconnected", "wifi.connected"]
    told = ended.payload.model_dump(exclude_none=True)
    assert (told["reason_code"], told["by_access_point"], told["old_wifi"]["ssid"]) == (3, True, "home")
    assert "wifi" not in told
    assert began.payload.model_dump(exclude_none=True)["wifi"]["ssid"] == "away"


def test_what_was_missed_of_wireless_links_is_told_as_such() -> None:
    table = filled(link(), link(3, b"wlan1"), link(4, b"wlan2"))
    table.connected(2, HOME)
    table.connected(3, HOME)
    told = table.connections({3: AWAY, 4: HOME}, resync=True)
    assert short(told) == ["wifi.disconnected", "wifi.disconnected", "wifi.connected", "wifi.connected"]
    assert all(each.payload.model_dump()["resync"] for each in told)
    (again,) = table.connected(4, None)
    assert again.payload.model_dump()["resync"] is False


def test_a_wireless_link_that_goes_is_disconnected_before() -> None:
    table = filled(link())
    table.connected(2, HOME)
    assert go(table, link()) == ["wifi.disconnected", "link.removed"]


def test_wireless_of_a_link_that_is_not_known_yet_comes_with_it() -> None:
    table = Table()
    assert table.connected(2, HOME) == []
    assert come(table, link()) == ["link.added", "wifi.connected", "link.up"]
    (item,) = [item.model_dump() for item in table if item.kind == "link"]
    assert item["wifi"]["ssid"] == "home"
    go(table, link())
    assert table.wifi(2) is None


# --- the whole -------------------------------------------------------------------------------------------------------


def test_a_resync_tells_the_differences_as_such() -> None:
    table = filled(link(), link(3, b"gone"), address(), address("192.0.2.3", 3), route())
    told = table.whole(Whole([link(), link(4, b"new")], [address("192.0.2.9")], [route("0.0.0.0/0")]))
    assert all(each.payload.model_dump()["resync"] for each in told)
    assert {"route.removed", "address.removed", "link.removed", "link.added", "address.added", "route.added"} <= set(
        short(told)
    )
    assert short(told)[-1] == "default.changed"
    (again,) = table.take(News(route("203.0.113.0/24"), False))
    assert again.payload.model_dump()["resync"] is False


PLACES = st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "::/0"])
FACTS: st.SearchStrategy[Link | Address | Route] = st.one_of(
    st.builds(link, st.integers(2, 4), flags=st.sampled_from([0, UP]), operstate=st.sampled_from(["up", "down"])),
    st.builds(address, st.sampled_from(["192.0.2.2", "192.0.2.3"]), st.integers(2, 4)),
    st.builds(
        route,
        st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "::/0"]),
        st.sampled_from(["a", "b"]),
        metric=st.integers(0, 1),
    ),
)


CONNECTIONS = st.tuples(st.integers(2, 4), st.sampled_from([None, HOME, AWAY]))


@given(st.lists(st.tuples(FACTS, st.booleans()) | CONNECTIONS, max_size=60), st.lists(FACTS, max_size=20))
def test_a_mirror_of_the_events_is_the_table_whatever_the_kernel_says(
    steps: list[tuple[Link | Address | Route, bool] | tuple[int, Wifi | None]], last: list[Link | Address | Route]
) -> None:
    table = Table()
    mirror: dict[str, Item] = {item.id: item for item in table}

    def hear(told: list[Told]) -> None:
        for pattern, payload in told:
            assert isinstance(payload, Item)
            if pattern.endswith("removed"):
                del mirror[payload.id]
            else:
                mirror[payload.id] = Item.model_validate(payload.model_dump())

    def same() -> bool:
        return {key: item.to_json() for key, item in mirror.items()} == {item.id: item.to_json() for item in table}

    for fact, what in steps:
        if isinstance(fact, int):
            hear(table.connected(fact, what if isinstance(what, Wifi) else None))
        else:
            hear(table.take(News(fact, what is True)))
        assert same()
    links = {fact.ifindex: fact for fact in last if isinstance(fact, Link)}
    addresses = {fact.key: fact for fact in last if isinstance(fact, Address) and fact.ifindex in links}
    routes = {items.route_id(fact): fact for fact in last if isinstance(fact, Route)}
    hear(table.whole(Whole([*links.values()], [*addresses.values()], [*routes.values()])))
    assert same()
    assert {f"link:{index}" for index in links} == set(ids(table, "link"))
    assert set(routes) == set(ids(table, "route"))
    assert len(ids(table, "address")) == len(addresses)
