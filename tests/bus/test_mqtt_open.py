"""lunix-mqtt on a server of one's own, without accounts: what people publish is heard at once, and only once."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_cli import server
from lunix_testing.client import connect
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.mosquitto import Mosquitto, pairs, subscribed
from lunix_testing.mosquitto import mosquitto as mosquitto

pytestmark = pytest.mark.requires("program:mosquitto_pub")


@pytest.fixture
def open_server(tmp_path: Path) -> Iterator[str]:
    """The address of a nats-server as it comes."""
    process = subprocess.Popen([server.find().path, "-a", "127.0.0.1", "-p", "-1"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    started = server.Started()
    with process.stderr as log:
        while not started.ready:
            started.read(log.readline())
        yield started.url
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_each_message_is_heard_once(
    mosquitto: Mosquitto, daemon_process: DaemonStarter, open_server: str, tmp_path: Path, protocol: str
) -> None:
    config = f'{mosquitto.config}protocol = "{protocol}"\n'
    since = len(mosquitto.log)
    options = ("--bus", open_server, "--trust-bus")
    daemon_process("lunix_mqtt", *options, config=config, state=tmp_path / "none")
    await asyncio.to_thread(subscribed, mosquitto, since)
    inbox = Inbox[Msg]()
    client = await connect(open_server)
    await client.subscribe("mqtt.>", cb=inbox.put_async)
    await client.flush()
    mosquitto.pub("from/mqtt", "1", "-q", "1")
    await inbox.until(lambda one: one.subject == "mqtt.from.mqtt")
    with mosquitto.sub("from/#") as heard:
        await client.publish("mqtt.from.bus", b"2")
        await client.flush()
        if protocol == "5":
            await asyncio.to_thread(heard.wait_for, "from/bus 2")
        mosquitto.pub("from/end", "3", "-q", "1")
        await inbox.until(lambda one: one.subject == "mqtt.from.end")
        assert [line for line in heard.lines if "bus" in line] == (["from/bus 2"] if protocol == "5" else [])
    found = [pair for pair in pairs(inbox) if pair[0] == "mqtt.from.bus"]
    assert found == [("mqtt.from.bus", b"2")]
    await client.close()
