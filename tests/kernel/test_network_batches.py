"""lunix-network takes so many messages at a time: what follows from the last of them does not wait for another."""

import asyncio
import os
import signal

import pytest

from lunix_network.os_rtnl import Rtnl
from lunix_network.service import AT_ONCE
from lunix_testing.network import Network, batch

pytestmark = [pytest.mark.root, pytest.mark.requires("netns")]

ROUTE = "203.0.113.0/24"


async def test_a_route_that_goes_without_a_word_is_told_where_a_batch_ends_with_its_next_hop(network: Network) -> None:
    batch(("link set lo up", "nexthop add id 7 dev lo", f"route add {ROUTE} nhid 7"))
    await network.until("network.route.added", destination=ROUTE)
    # An answer tells that it is at rest.
    await network.items(kind="route")
    network.daemon.signal(signal.SIGSTOP)
    await asyncio.to_thread(os.waitid, os.P_PID, network.daemon.pid, os.WSTOPPED | os.WNOWAIT)
    told = Rtnl(1 << 20)
    # Each is one message. The kernel tells that a next hop went, and nothing of the routes that went with it.
    batch([*(f"link set lo mtu {60_000 + number}" for number in range(AT_ONCE - 1)), "nexthop del id 7"])
    count = 0
    while told.receive() is not None:
        count += 1
    told.close()
    assert count == AT_ONCE
    network.daemon.signal(signal.SIGCONT)
    await network.until("network.route.removed", destination=ROUTE)
