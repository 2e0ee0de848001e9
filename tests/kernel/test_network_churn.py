"""A mirror by the public protocol ends equal to the kernel's tables: after churn, losses, forgery and an absent bus."""

import asyncio
import random
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_common.bus import Bus
from lunix_network.rtnl import GROUPS
from lunix_testing.daemon import DaemonStarter
from lunix_testing.hotplug import ip
from lunix_testing.network import Network, batch, equal, in_kernel, in_mirror, listening
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("netns", "veth")]

CHANGES = 2000


def churn(seed: int, number: int) -> Iterator[str]:
    """Commands for ip(8), most of which succeed: links, addresses and routes come, change and go."""
    chance = random.Random(seed)
    yield from ("link add c0 type veth peer name c1", "link set c0 up", "link set c1 up", "link add c2 type bridge")
    yield "address add 10.9.0.1/16 dev c0"
    for _ in range(number):
        link, host, net = (chance.choice(("c0", "c1", "c2", "d0")), chance.randrange(8), chance.randrange(8))
        verb = chance.choice(("add", "add", "del"))
        way = chance.choice((f"via 10.9.0.{host + 2}", f"dev {link}", f"dev {link} src 10.{net}.0.{host}"))
        hops = "".join(f" nexthop via 10.9.1.{each} weight {each}" for each in range(1, chance.randrange(2, 4)))
        yield chance.choice(
            (
                *(f"address {verb} 10.{net}.0.{host}/24 dev {link}", f"address {verb} 10.{net}.0.{host}/32 dev {link}"),
                *(f"address {verb} fd00:{net}::{host}/64 dev {link}", f"address {verb} fd00:{net}::{host}/64 dev c0"),
                *(f"route {verb} 10.1{host}.{net}.0/24 {way}", f"route replace 10.1{host}.{net}.0/24 {way}"),
                *(f"route append 10.1{host}.{net}.0/24 {way}", f"route {verb} 10.1{host}.{net}.0/24{hops}"),
                *(f"route {verb} default {way} metric {host}", f"route {verb} blackhole 10.2.{net}.0/24"),
                *(f"-6 route {verb} fd01:{net}::/64 dev {link} metric {host + 1}",),
                *(f"-6 route append fd02:{net}::/64 via fd00:{net}::{host + 1}",),
                *(f"-6 route replace fd02:{net}::/64 via fd00:{net}::{host + 1}",),
                *(f"-6 route del fd02:{net}::/64 via fd00:{net}::{host + 1}", f"-6 route del fd02:{net}::/64"),
                *(f"route {verb} 10.3.{net}.0/24 dev {link} table {100 + host}",),
                *(f"link set {link} up", f"link set {link} down", "link set c0 up", "link set c2 up"),
                *(f"link set {link} mtu {1400 + host}", "link set c1 master c2", "link set c1 nomaster"),
                *("link add d0 type veth peer name d1", "link del d0"),
            )
        )


@pytest.mark.timeout(300)
async def test_after_churn_a_mirror_equals_the_kernels_tables(network: Network, follower: Bus) -> None:
    async with follower.follow("network") as mirror:
        for seed in range(4):
            await asyncio.to_thread(batch, churn(seed, CHANGES // 4), force=True)
            await equal(mirror)
        assert in_kernel()["routes"]
        assert mirror.listings == 1
    assert not network.told("network.lost")


async def test_after_an_overflow_the_differences_are_told_and_a_mirror_equals_the_kernel(
    own_network: None, bus_server: BusServer, daemon_process: DaemonStarter, follower: Bus
) -> None:
    daemon = await asyncio.to_thread(daemon_process, "lunix_network", config="[network]\nreceive_buffer_bytes = 4096")
    network = await listening(daemon, bus_server)
    batch(("link add gone type veth peer name gone2", "link add lo0 type bridge", "address add 10.0.0.1/24 dev lo0"))
    async with follower.follow("network") as mirror:
        await equal(mirror)
        daemon.signal(signal.SIGSTOP)
        await asyncio.to_thread(batch, churn(9, 400), force=True)
        batch(("link del gone", "address del 10.0.0.1/24 dev lo0", "link add new type bridge"))
        batch(("link set new up", "address add 10.0.1.1/24 dev new", "route add 10.5.0.0/16 via 10.0.1.2"))
        daemon.signal(signal.SIGCONT)
        await equal(mirror)
    lost = await network.until("network.lost")
    assert lost.payload["reason"] == "kernel overflow"
    for subject, name in (
        *(("network.link.removed", "gone"), ("network.link.added", "new")),
        *(("network.address.added", "new"), ("network.route.added", "new")),
    ):
        field = "name" if ".link." in subject else "interface"
        assert (await network.until(subject, **{field: name})).payload["resync"]
    await network.client.close()


async def test_a_mirror_survives_the_death_of_the_server(
    network: Network, follower: Bus, bus_server: BusServer
) -> None:
    async with follower.follow("network") as mirror:
        for seed in range(6):
            await asyncio.to_thread(batch, churn(seed, 60), force=True)
            if seed == 2:
                await asyncio.to_thread(bus_server.kill)
            if seed == 4:
                await asyncio.to_thread(bus_server.start)
        await equal(mirror)
    assert network.daemon.running


def port_of(pid: int) -> int:
    """The netlink port of the daemon's socket for news."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    for line in Path("/proc/thread-self/net/netlink").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1] == "0" and int(fields[3], 16) == GROUPS and fields[-1] in inodes:
            return int(fields[2])
    raise AssertionError("it has no such socket")


async def test_what_the_kernel_did_not_send_counts_for_nothing(network: Network, follower: Bus) -> None:
    with (
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sender,
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as real,
    ):
        real.bind((0, GROUPS))
        ip("link", "add", "real", "type", "bridge")
        forged = real.recv(65536).replace(b"real\0", b"fake\0")
        ip("link", "del", "real")
        sender.sendto(forged, (port_of(network.daemon.pid), 0))
        sender.sendto(forged, (port_of(network.daemon.pid), 0))
    ip("link", "add", "later", "type", "bridge")
    await network.until("network.link.added", name="later")
    assert [link["name"] for link in await network.items(kind="link")] == ["lo", "later"]
    assert "not the kernel's" in await asyncio.to_thread(network.daemon.wait_for_log, "counts for nothing")
    async with follower.follow("network") as mirror:
        assert in_mirror(mirror.items) == in_kernel()
