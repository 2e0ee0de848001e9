"""lunix-network and a network namespace: what comes, changes and goes is told, with what follows from it."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.examples import Recorder
from lunix_testing.hotplug import ip
from lunix_testing.network import Network, batch, listening
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("netns", "veth")]


def pair(name: str = "eth0", other: str = "peer0") -> None:
    batch((f"link add {name} type veth peer name {other}", f"link set {other} up"))


async def test_a_link_goes_through_its_states(network: Network, record_example: Recorder) -> None:
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "peer0")
    added = await network.until("network.link.added", name="eth0")
    assert (added.payload["state"], added.payload["driver"], added.payload["type"]) == ("off", "veth", "ethernet")
    ip("link", "set", "eth0", "up")
    assert (await network.until("network.link.changed", name="eth0")).payload["state"] == "no-carrier"
    ip("link", "set", "peer0", "up")
    up = await network.until("network.link.up", name="eth0")
    assert up.payload["carrier"] is True
    assert up.payload["id"] == added.payload["id"] == f"link:{added.payload['index']}"
    assert (await network.until("network.link.changed", name="eth0", state="degraded")).payload["state"] == "degraded"
    ip("address", "add", "192.0.2.2/24", "dev", "eth0")
    routable = await network.until("network.link.changed", name="eth0", state="routable")
    ip("link", "set", "peer0", "down")
    down = await network.until("network.link.down", name="eth0")
    assert (down.payload["state"], down.payload["operstate"]) == ("no-carrier", "lower-layer-down")
    ip("link", "set", "eth0", "down")
    await network.until("network.link.changed", name="eth0", state="off")
    ip("link", "del", "eth0")
    removed = await network.until("network.link.removed", name="eth0")
    assert removed.payload["address"] == added.payload["address"]
    for heard in (added, up, routable, down, removed):
        assert heard.payload["resync"] is False
        record_example(heard.subject, heard.payload, headers=heard.headers)


async def test_a_link_with_a_dot_in_its_name_is_told_by_all_its_names(network: Network) -> None:
    pair()
    added = await network.until("network.link.added", name="eth0")
    ip("link", "set", "eth0", "name", "eth0.100")
    renamed = await network.until("network.link.changed", name="eth0.100")
    assert renamed.payload["old_name"] == "eth0"
    assert renamed.payload["id"] == added.payload["id"]
    (listed,) = await network.items(link="eth0.100", kind="link")
    assert listed["name"] == "eth0.100"
    hostile = "<b>*>\x1b]5"
    ip("link", "set", "eth0.100", "name", hostile)
    assert (await network.until("network.link.changed", name=hostile)).payload["old_name"] == "eth0.100"
    ip("link", "set", hostile, "name", b"\xff\xfe")
    assert (await network.until("network.link.changed", name="\\xff\\xfe")).payload["index"] == listed["index"]


async def test_a_port_of_a_bridge_is_enslaved_and_leaves_it_without_being_removed(network: Network) -> None:
    pair()
    batch(("link add br0 type bridge", "link set br0 up", "link set eth0 up", "link set eth0 master br0"))
    bridge = await network.until("network.link.added", name="br0")
    port = await network.until("network.link.changed", name="eth0", state="enslaved")
    assert port.payload["master"] == bridge.payload["id"]
    before = len(network.heard.items)
    ip("link", "set", "eth0", "nomaster")
    left = await network.until("network.link.changed", name="eth0", state="degraded")
    assert "master" not in left.payload
    assert not [heard for heard in network.heard.items[before:] if heard.subject == "network.link.removed"]


async def test_addresses_and_routes_are_told_with_their_link(network: Network, record_example: Recorder) -> None:
    pair()
    batch(
        (
            "link set eth0 up",
            "address add 192.0.2.2/24 brd + dev eth0",
            "address add 192.0.2.9 peer 192.0.2.10 dev eth0",
        )
    )
    added = await network.until("network.address.added", address="192.0.2.2")
    assert (added.payload["interface"], added.payload["prefix_length"]) == ("eth0", 24)
    assert (added.payload["broadcast"], added.payload["family"]) == ("192.0.2.255", "ipv4")
    assert (await network.until("network.address.added", address="192.0.2.9")).payload["peer"] == "192.0.2.10"
    ip("route", "add", "198.51.100.0/24", "via", "192.0.2.1", "metric", "100")
    route = await network.until("network.route.added", destination="198.51.100.0/24")
    assert (route.payload["gateway"], route.payload["interface"], route.payload["metric"]) == ("192.0.2.1", "eth0", 100)
    assert route.payload["link"] == added.payload["link"]
    ip("route", "del", "198.51.100.0/24")
    gone = await network.until("network.route.removed", destination="198.51.100.0/24")
    assert gone.payload["id"] == route.payload["id"]
    ip("address", "del", "192.0.2.2/24", "dev", "eth0")
    removed = await network.until("network.address.removed", address="192.0.2.2")
    assert removed.payload["id"] == added.payload["id"]
    for heard in (added, removed, route, gone):
        record_example(heard.subject, heard.payload, headers=heard.headers)


async def test_routes_that_the_kernel_drops_without_a_word_are_told(network: Network) -> None:
    pair()
    batch(("link set eth0 up", "address add 192.0.2.2/24 dev eth0", "route add 198.51.100.0/24 via 192.0.2.1"))
    await network.until("network.route.added", destination="198.51.100.0/24")
    ip("link", "set", "eth0", "down")
    await network.until("network.route.removed", destination="198.51.100.0/24")


async def test_a_replaced_route_goes_and_another_comes(network: Network) -> None:
    pair()
    batch(("link set eth0 up", "address add 192.0.2.2/24 dev eth0", "route add 198.51.100.0/24 via 192.0.2.1"))
    before = await network.until("network.route.added", destination="198.51.100.0/24")
    ip("route", "replace", "198.51.100.0/24", "via", "192.0.2.3")
    gone = await network.until("network.route.removed", destination="198.51.100.0/24")
    assert gone.payload["id"] == before.payload["id"]
    await network.until("network.route.added", destination="198.51.100.0/24", gateway="192.0.2.3")


async def test_a_route_over_several_next_hops_has_them_all(network: Network) -> None:
    pair()
    batch(("link set eth0 up", "address add 192.0.2.2/24 dev eth0"))
    ip("route", "add", "10.0.0.0/8", "nexthop", "via", "192.0.2.3", "weight", "2", "nexthop", "via", "192.0.2.4")
    route = await network.until("network.route.added", destination="10.0.0.0/8")
    hops = [(hop["gateway"], hop["weight"]) for hop in route.payload["hops"]]
    assert sorted(hops) == [("192.0.2.3", 2), ("192.0.2.4", 1)]
    batch(("nexthop add id 7 via 192.0.2.5 dev eth0", "route add 10.0.0.0/16 nhid 7"))
    assert (await network.until("network.route.added", destination="10.0.0.0/16")).payload["gateway"] == "192.0.2.5"
    ip("nexthop", "del", "id", "7")
    await network.until("network.route.removed", destination="10.0.0.0/16")


async def test_the_default_route_that_counts_is_told_by_metric_and_family(
    network: Network, record_example: Recorder
) -> None:
    pair()
    pair("wlan0", "peer1")
    batch(
        (
            *("link set eth0 up", "link set wlan0 up", "address add 192.0.2.2/24 dev eth0"),
            *("address add 203.0.113.2/24 dev wlan0", "address add fd00::2/64 dev eth0"),
        )
    )
    ip("route", "add", "default", "via", "203.0.113.1", "metric", "600")
    await network.until("network.default.changed", family="ipv4", interface="wlan0", metric=600)
    ip("route", "add", "default", "via", "192.0.2.1", "metric", "100")
    wired = await network.until("network.default.changed", family="ipv4", interface="eth0")
    assert (wired.payload["gateway"], wired.payload["metric"]) == ("192.0.2.1", 100)
    record_example(wired.subject, wired.payload, headers=wired.headers)
    before = len(network.heard.items)
    ip("route", "add", "default", "via", "192.0.2.7", "metric", "700")
    ip("-6", "route", "add", "default", "via", "fd00::1")
    assert (await network.until("network.default.changed", family="ipv6")).payload["gateway"] == "fd00::1"
    assert [heard.payload["family"] for heard in network.heard.items[before:] if "default" in heard.subject] == ["ipv6"]
    ip("link", "set", "eth0", "down")
    await network.until("network.default.changed", family="ipv4", gateway="203.0.113.1", interface="wlan0")
    await network.until("network.default.changed", family="ipv6", gateway=None)
    listed = {item["family"]: item for item in await network.items(kind="default")}
    assert listed["ipv4"]["gateway"] == "203.0.113.1"
    assert listed["ipv6"] == {"id": "default:ipv6", "kind": "default", "family": "ipv6"}


async def test_online_and_offline_are_told_when_they_stay(network: Network, record_example: Recorder) -> None:
    assert (await network.items(kind="online"))[0]["online"] is False
    pair()
    batch(("link set eth0 up", "address add 192.0.2.2/24 dev eth0", "route add default via 192.0.2.1"))
    online = await network.until("network.online")
    assert online.payload == {"id": "online", "kind": "online", "online": True}
    # Shorter than the hysteresis, however long ip(8) takes: it hears both at once, and has no word of it.
    network.daemon.signal(signal.SIGSTOP)
    batch(("route del default", "route add default via 192.0.2.1") * 2)
    network.daemon.signal(signal.SIGCONT)
    ip("link", "set", "peer0", "down")
    offline = await network.until("network.offline")
    assert (await network.items(kind="online"))[0]["online"] is False
    assert network.told("network.online", "network.offline") == ["network.online", "network.offline"]
    for heard in (online, offline):
        record_example(heard.subject, heard.payload, headers=heard.headers)


async def test_a_listing_can_be_narrowed_and_a_link_brings_what_belongs_to_it(
    network: Network, record_example: Recorder
) -> None:
    pair()
    batch(("link set eth0 up", "address add 192.0.2.2/24 dev eth0", "route add default via 192.0.2.1"))
    await network.until("network.default.changed")
    await network.until("network.address.added", interface="eth0", family="ipv6")
    kinds = [item["kind"] for item in await network.items(link="eth0")]
    assert kinds == ["link", "address", "address", *["route"] * kinds.count("route"), "default"]
    assert {item["kind"] for item in await network.items()} >= {"link", "address", "route", "default", "online", "dns"}
    families = {item["family"] for item in await network.items(family="ipv6")}
    assert families == {"ipv6"}
    assert await network.items(link="no-such") == []
    (bare,) = json.loads((await network.client.request("network.list", b"peer0", timeout=30)).data)["items"][:1]
    assert bare["name"] == "peer0"
    assert (await network.ask("network.list", {"kind": "cable"}))["error"]["code"] == 400
    record_example("network.list", {"link": "eth0"}, reply=await network.ask("network.list", {"link": "eth0"}))


async def test_pages_are_of_one_snapshot(network: Network) -> None:
    pair()
    await network.until("network.link.added", name="eth0")
    page = await network.ask("network.list", {"limit": 1})
    seen = list(page["items"])
    ip("link", "del", "eth0")
    await network.until("network.link.removed", name="eth0")
    while "cursor" in page:
        page = await network.ask("network.list", {"cursor": page["cursor"]})
        seen += page["items"]
    assert {item["name"] for item in seen if item["kind"] == "link"} == {"lo", "eth0", "peer0"}


async def test_neighbours_are_listed_when_somebody_asks(network: Network, record_example: Recorder) -> None:
    pair()
    batch(("link set eth0 up", "address add 192.0.2.2/24 dev eth0"))
    ip("neigh", "add", "192.0.2.1", "lladdr", "02:00:00:00:00:01", "dev", "eth0")
    ip("-6", "neigh", "add", "fe80::1", "lladdr", "02:00:00:00:00:01", "dev", "eth0", "router")
    await network.until("network.address.added", address="192.0.2.2")
    answer = await network.ask("network.neighbours", {"link": "eth0", "family": "ipv4"})
    (item,) = [each for each in answer["items"] if each["state"] == "permanent"]
    assert (item["address"], item["link_address"], item["interface"]) == ("192.0.2.1", "02:00:00:00:00:01", "eth0")
    items = (await network.ask("network.neighbours", {"link": "eth0"}))["items"]
    assert [each["router"] for each in items if each["address"] == "fe80::1"] == [True]
    assert (await network.ask("network.neighbours", {"link": "peer7"}))["items"] == []
    record_example("network.neighbours", {"link": "eth0", "family": "ipv4"}, reply=answer)


async def test_a_message_that_says_nothing_new_is_no_event(network: Network, record_example: Recorder) -> None:
    pair()
    batch(("link set eth0 up", "address add fd00::2/64 dev eth0 valid_lft 1000 preferred_lft 500"))
    await network.until("network.address.added", address="fd00::2")
    for name in ("eth0", "peer0"):
        await network.until("network.address.added", interface=name, scope="link")
        await network.until("network.route.added", interface=name, destination="fe80::/64")
    before = len(network.heard.items)
    batch(("address change fd00::2/64 dev eth0 valid_lft 2000 preferred_lft 900", "link set eth0 txqueuelen 77"))
    ip("link", "add", "last", "type", "bridge")
    await network.until("network.link.added", name="last")
    assert [heard.subject for heard in network.heard.items[before:]] == ["network.link.added"]
    ip("address", "change", "fd00::2/64", "dev", "eth0", "valid_lft", "2000", "preferred_lft", "0")
    changed = await network.until("network.address.changed", address="fd00::2", flags=["deprecated"])
    record_example(changed.subject, changed.payload, headers=changed.headers)


async def test_an_ordinary_user_hears_all(own_network: None, bus_server: BusServer, tmp_path: Path) -> None:
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)
    bus_server.key("network").chmod(0o644)
    without = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    command = [*without, sys.executable, "-m", "lunix_network", "--state", str(bus_server.state)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("LUNIX_", "NATS_"))}
    daemon = Daemon([*command, "--config", os.devnull], environ)
    try:
        await asyncio.to_thread(daemon.wait_ready)
        network = await listening(daemon, bus_server)
        pair()
        await network.until("network.link.added", name="eth0")
        await network.client.close()
    finally:
        daemon.close()


def test_check_says_what_there_is(own_network: None, daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_network", "--check", wait=False)
    assert daemon.wait() == 0
    assert "1 links, 2 addresses" in daemon.output()
