"""The flows in examples/node-red, in the real Node-RED over MQTT, and what comes of them on the bus."""

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_common.access.roles import Client
from lunix_common.subjects import Role
from lunix_testing import node_red
from lunix_testing.client import Nats
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.mosquitto import Bridge, Listen, Mosquitto
from lunix_testing.mosquitto import bridge as bridge
from lunix_testing.mosquitto import listen as listen
from lunix_testing.mosquitto import mosquitto as mosquitto
from lunix_testing.node_red import NodeRed
from lunix_testing.programs import holding, sole
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.requires("program:mosquitto_pub", "program:node"), pytest.mark.timeout(240)]

Start = Callable[[str], NodeRed]
StandIn = Callable[..., Awaitable[tuple[Nats, Inbox[Msg]]]]

FLOWS = ("usb-toast", "cold-calibre", "phone-terminal", "restart-button")


@pytest.fixture
def bus_server(tmp_path: Path) -> Iterator[BusServer]:
    """A bus whose bridge may do what the flows want."""
    running = BusServer(tmp_path / "state")
    running.add(Client("bridge-mqtt", Role.ADMIN, frozenset({"init.restart", "wm.exec"}), bridge=True))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def red(mosquitto: Mosquitto, tmp_path: Path, pytestconfig: pytest.Config) -> Iterator[Start]:
    """Start Node-RED with an example; it listens when this returns."""
    with ExitStack() as stack:

        def start(name: str) -> NodeRed:
            assert pytestconfig.cache is not None
            since = len(mosquitto.log)
            running = node_red.running(pytestconfig.cache, tmp_path / "node-red", node_red.flow(name), mosquitto.port)
            found = stack.enter_context(running)
            for node in node_red.flow(name):
                if node["type"] == "mqtt in":
                    mosquitto.wait_for_log(f"\t{node['topic']} (QoS", since)
            return found

        yield start


@pytest.fixture
async def stand_in(bus_server: BusServer) -> AsyncIterator[StandIn]:
    """``await stand_in("init", "init.restart")``: answers in the place of a daemon; returns its client and requests."""
    clients: list[Nats] = []

    async def start(daemon: str, command: str | None = None) -> tuple[Nats, Inbox[Msg]]:
        client, inbox = await bus_server.connect(daemon), Inbox[Msg]()
        clients.append(client)

        async def answer(message: Msg) -> None:
            inbox.put(message)
            await message.respond(b"{}")

        if command:
            await client.subscribe(command, cb=answer)
            await client.flush()
        return client, inbox

    yield start
    for client in clients:
        await client.close()


async def test_a_usb_stick_makes_a_toast(
    bridge: Bridge, red: Start, daemon_process: DaemonStarter, listen: Listen, stand_in: StandIn
) -> None:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    bridge()
    red("usb-toast")
    shown = await listen("toast.shown")
    natsdev, _ = await stand_in("natsdev")
    await natsdev.publish("hardware.usb.add", b'{"name": "1-2", "model": "DataTraveler"}')
    assert json.loads((await shown.next()).data)["summary"] == "plugged in: DataTraveler"


async def test_cold_and_calibre_runs_make_a_toast(
    mosquitto: Mosquitto, bridge: Bridge, red: Start, daemon_process: DaemonStarter, listen: Listen, tmp_path: Path
) -> None:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    daemon_process("lunix_ps", config="[ps]\nevents = false")
    bridge('commands = ["toast.in", "ps.calibre"]\n')
    red("cold-calibre")
    shown, answers = await listen("toast.shown"), await listen("mqtt.calibre.answer")
    with sole("calibre"):
        mosquitto.pub("temperature0", "12.5", "-q", "1")
        assert json.loads((await answers.next()).data)["running"] is False
        with holding(tmp_path / "calibre"):
            mosquitto.pub("temperature0", "21", "-q", "1")
            mosquitto.pub("temperature0", "11.5", "-q", "1")
            assert json.loads((await shown.next()).data)["summary"] == "only 11.5 °C, and calibre runs"
    await answers.count(2)  # of another client than the toast
    assert len(answers.items) == 2


async def test_a_phone_that_connects_opens_a_terminal(bridge: Bridge, red: Start, stand_in: StandIn) -> None:
    bridge('commands = ["wm.exec"]\n')
    red("phone-terminal")
    _, started = await stand_in("wm", "wm.exec")
    bluetooth, _ = await stand_in("bluetooth")
    for icon in ("audio-headset", "phone"):
        await bluetooth.publish("bluetooth.connected", json.dumps({"name": "x", "icon": icon}).encode())
    assert (await started.next()).data == b"x-terminal-emulator"
    assert len(started.items) == 1


async def test_a_button_restarts_a_service(bridge: Bridge, red: Start, stand_in: StandIn) -> None:
    bridge('commands = ["init.restart"]\n')
    found = red("restart-button")
    _, restarts = await stand_in("init", "init.restart")
    base = f"http://127.0.0.1:{found.port}/lunix/"

    def press() -> str:
        with urllib.request.urlopen(base, timeout=60) as page:
            assert b"Restart toast" in page.read()
        with urllib.request.urlopen(f"{base}restart", data=b"service=toast", timeout=60) as page:
            return str(page.url)

    assert await asyncio.to_thread(press) == base
    assert (await restarts.next()).data == b"toast"


@pytest.mark.parametrize("name", FLOWS)
def test_the_flows_need_core_nodes_alone_and_hold_no_secret(name: str) -> None:
    core = {"tab", "mqtt-broker", "mqtt in", "mqtt out", "change", "switch", "template", "http in", "http response"}
    nodes = node_red.flow(name)
    assert {node["type"] for node in nodes} <= core
    assert not any("credentials" in node for node in nodes)
    ids = [node["id"] for node in nodes]
    assert len(ids) == len(set(ids))
    assert {one for node in nodes for wires in node.get("wires", ()) for one in wires} <= set(ids)


def test_every_flow_is_tried() -> None:
    assert {path.stem for path in node_red.FLOWS.glob("*.json")} == set(FLOWS)
