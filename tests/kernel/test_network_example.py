"""The example: a toast when the network is gone, and when it is back."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.network import Network, batch
from lunix_testing.server import BusServer
from lunix_testing.tree import ROOT

pytestmark = [pytest.mark.root, pytest.mark.requires("netns", "veth")]

ONLINE = (
    *("link add eth0 type veth peer name peer0", "link set peer0 up", "link set eth0 up"),
    *("address add 192.0.2.2/24 dev eth0", "route add default via 192.0.2.1"),
)


@pytest.fixture
def script(network: Network, bus_server: BusServer) -> Iterator[subprocess.Popen[bytes]]:
    """``toast-when-offline.sh`` as a user runs it."""
    environ = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LUNIX_STATE": str(bus_server.state),
        "NATS_NKEY": str(bus_server.key("user")),
        "LUNIX_BUS": bus_server.url,
    }
    process = subprocess.Popen([ROOT / "examples/shell/toast-when-offline.sh"], env=environ, start_new_session=True)
    yield process
    os.killpg(process.pid, 15)
    process.wait(30)


async def test_a_toast_says_that_the_network_is_gone(
    network: Network, daemon_process: DaemonStarter, bus_server: BusServer, script: subprocess.Popen[bytes]
) -> None:
    await asyncio.to_thread(daemon_process, "lunix_toast", config='[toast]\nrenderer = "none"')
    client = await bus_server.connect("user")
    shown: Inbox[bytes] = Inbox()

    async def take(message: Msg) -> None:
        shown.put(message.data)

    await client.subscribe("toast.shown", cb=take)
    await client.flush()
    batch(ONLINE)
    await network.until("network.online")
    summaries: set[str] = set()
    async with deadline("the toasts", 90):
        # Until the script has subscribed it hears nothing.
        for state, subject in itertools.cycle((("down", "network.offline"), ("up", "network.online"))):
            told = len(network.told(subject))
            batch((f"link set peer0 {state}",))
            while len(network.told(subject)) == told:
                await network.heard.count(len(network.heard.items) + 1)
            summaries = {json.loads(data)["summary"] for data in shown.items}
            # One of them may come twice before the other, where the script has subscribed to that first.
            if len(summaries) > 1:
                break
    assert summaries == {"The network is gone.", "The network is back."}
    await client.close()
