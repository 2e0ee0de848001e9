"""Fixtures for tests of lunix-network in a network namespace of their own, and the kernel's tables as ip(8) has them.

network: a running lunix-network, an observer's client, and all events that it heard
follower: somebody who keeps a mirror by the public protocol alone
"""

import asyncio
import itertools
import json
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_common.bus import Bus, find
from lunix_common.bus.follow import Mirror
from lunix_common.schemas.common import Model
from lunix_common.schemas.network import Address, Link, Route
from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.events import Event, hear
from lunix_testing.rooms import room
from lunix_testing.server import BusServer

_marks = itertools.count()

Tables = dict[str, set[tuple[Any, ...]]]


@dataclass
class Network:
    """A running lunix-network and somebody who hears it."""

    daemon: Daemon
    client: Nats
    heard: Inbox[Event] = field(default_factory=Inbox[Event])

    async def ask(self, subject: str, payload: object = None) -> dict[str, Any]:
        """Send a request and return the answer, whatever it says."""
        return await self.client.ask(subject, payload)

    async def items(self, **wanted: object) -> list[dict[str, Any]]:
        """What ``network.list`` says."""
        items: list[dict[str, Any]] = (await self.ask("network.list", wanted))["items"]
        return items

    async def until(self, subject: str, **wanted: object) -> Event:
        """The first event of this subject with these fields that was or will be heard."""

        def is_it(heard: Event) -> bool:
            return heard.subject == subject and all(heard.payload.get(key) == value for key, value in wanted.items())

        return await self.heard.until(is_it)

    def told(self, *prefixes: str) -> list[str]:
        """The subjects of the events so far that begin so."""
        return [heard.subject for heard in self.heard.items if heard.subject.startswith(prefixes or "network.")]


@pytest.fixture
def own_network(tmp_path: Path) -> Iterator[None]:
    """A network namespace with nothing in it but ``lo``; IPv6 addresses are there at once."""
    with room(tmp_path):
        for name in ("all", "default"):
            Path(f"/proc/sys/net/ipv6/conf/{name}/accept_dad").write_text("0", encoding="ascii")
        yield


async def listening(daemon: Daemon, server: BusServer) -> Network:
    """A client that hears all of a daemon's events."""
    network = Network(daemon, await server.connect("observer"))
    await hear(network.client, "network", network.heard.put)
    return network


@pytest.fixture
async def network(own_network: None, bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Network]:
    """A lunix-network with a short hysteresis."""
    config = "[network]\nonline_after_ms = 50\noffline_after_ms = 50"
    running = await listening(await asyncio.to_thread(daemon_process, "lunix_network", config=config), bus_server)
    yield running
    await running.client.close()


@pytest.fixture
async def follower(own_network: None, bus_server: BusServer) -> AsyncIterator[Bus]:
    """An observer's place on the bus, with the public protocol alone."""
    options = find("observer", state=bus_server.state, environ={"NATS_NKEY": str(bus_server.key("observer"))})
    async with Bus(options, "observer") as observer:
        yield observer


def batch(lines: Iterable[str], *, force: bool = False) -> None:
    """Many commands of ip(8) by one process; with ``force`` those that fail are passed over."""
    command = ["ip", *(["-force"] if force else []), "-batch", "-"]
    done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, check=False)
    assert force or done.returncode == 0, done.stderr


def in_kernel() -> Tables:
    """The tables of the kernel, as iproute2 prints them."""
    links = _ip("-d", "link")
    number = {link["ifname"]: link["ifindex"] for link in links}
    number[None] = None
    return {
        "links": {
            (
                *(link["ifindex"], link["ifname"], link.get("address"), link["mtu"], "UP" in link["flags"]),
                *(_operstate(link["operstate"]), number[link.get("master")], number.get(_parent(link))),
            )
            for link in links
        },
        "addresses": {
            (link["ifindex"], address["local"], address["prefixlen"], address.get("address"), address["scope"])
            for link in _ip("addr")
            for address in link["addr_info"]
            if address
        },
        "routes": {
            _route(family, route, number)
            for family in ("-4", "-6")
            for route in _ip("-N", family, "route", "show", "table", "all")
            if route.get("table") != "255"
        },
    }


def in_mirror(items: Mapping[str, Model]) -> Tables:
    """The same by the items of a mirror."""

    def index(link: str | None) -> int | None:
        return None if link is None else int(link.removeprefix("link:"))

    found: Tables = {"links": set(), "addresses": set(), "routes": set()}
    for item in items.values():
        if isinstance(item, Link):
            about = (item.index, item.name, item.address, item.mtu, item.enabled, item.operstate)
            found["links"].add((*about, index(item.master), index(item.parent)))
        elif isinstance(item, Address):
            found["addresses"].add((index(item.link), item.address, item.prefix_length, item.peer, item.scope))
        elif isinstance(item, Route):
            hops = {(hop.gateway, index(hop.link), hop.weight) for hop in item.hops}
            if not hops and (item.gateway or item.link):
                hops = {(item.gateway, index(item.link), 1)}
            kind = (item.family, item.destination, item.table, item.metric, item.type, item.protocol)
            found["routes"].add((*kind, item.preferred_source, frozenset(hops)))
    return found


async def equal(mirror: Mirror) -> None:
    """Return when the mirror is as the kernel."""

    def differences() -> str:
        here, there = in_mirror(mirror.items), in_kernel()
        lists = ((name, sorted(map(repr, here[name] ^ there[name]))) for name in here)
        return f"that the mirror equals the kernel: {[each for each in lists if each[1]]}"

    mark = f"mark{next(_marks)}"
    batch((f"link add {mark} type bridge",))
    async with deadline(differences, 60):
        # To compare at each change would take longer than the changes.
        await mirror.until(lambda items: any(isinstance(item, Link) and item.name == mark for item in items.values()))
        await mirror.until(lambda items: in_mirror(items) == in_kernel())


def _ip(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(("ip", "-j", *arguments), capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found


def _parent(link: Mapping[str, Any]) -> str | None:
    """What it is made on; not the other end of a veth, as the kernel does not tell when it has one."""
    return None if link.get("linkinfo", {}).get("info_kind") == "veth" else link.get("link")


def _operstate(shown: str) -> str:
    return {"LOWERLAYERDOWN": "lower-layer-down", "NOTPRESENT": "not-present"}.get(shown, shown.lower())


def _route(family: str, route: Mapping[str, Any], number: Mapping[str, int]) -> tuple[Any, ...]:
    version, bits, everything = ("ipv4", 32, "0.0.0.0/0") if family == "-4" else ("ipv6", 128, "::/0")
    destination = everything if route["dst"] == "default" else str(route["dst"])
    if "/" not in destination:
        destination = f"{destination}/{bits}"
    protocols = {"0": "unspecified", "2": "kernel", "3": "boot", "4": "static", "16": "dhcp"}
    protocol = str(route.get("protocol", "3"))
    types = {"1": "unicast", "6": "blackhole", "7": "unreachable", "8": "prohibit", "9": "throw"}
    type_ = str(route.get("type", "unicast"))
    hops = [route] if route.get("dev") or route.get("gateway") else route.get("nexthops", [])
    return (
        *(version, destination, int(route.get("table", 254)), route.get("metric", 0), types.get(type_, type_)),
        *(protocols.get(protocol, protocol), route.get("prefsrc")),
        frozenset((hop.get("gateway"), number[hop["dev"]], hop.get("weight", 1)) for hop in hops),
    )
