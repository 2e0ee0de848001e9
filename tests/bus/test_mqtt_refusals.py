"""lunix-mqtt and brokers that refuse something, or are none."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lunix_testing.client import Nats
from lunix_testing.daemon import DaemonStarter
from lunix_testing.mosquitto import Bridge, Mosquitto
from lunix_testing.mosquitto import bridge as bridge
from lunix_testing.mosquitto import mosquitto as mosquitto
from lunix_testing.mosquitto import user as user

pytestmark = pytest.mark.requires("program:mosquitto_pub")


@pytest.fixture
def strict_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that takes nothing on ``closed``."""
    folder = tmp_path / "strict"
    folder.mkdir()
    (folder / "acl").write_text("topic readwrite open/#\ntopic readwrite lunix/#\n", encoding="ascii")
    with ExitStack() as stack:
        broker = Mosquitto(folder, ("allow_anonymous true", f"acl_file {folder}/acl"))
        broker.start()
        stack.callback(broker.stop)
        yield broker


async def test_what_the_broker_refuses_is_told_to_who_asked(
    strict_broker: Mosquitto, bridge: Bridge, user: Nats
) -> None:
    daemon = bridge(broker=strict_broker)
    answer = await user.request("mqtt.closed", b"x", timeout=30)
    assert json.loads(answer.data)["error"]["code"] == 403
    assert (answer.headers or {})["Nats-Service-Error-Code"] == "403"
    assert json.loads((await user.request("mqtt.open.x", b"x", timeout=30)).data)["topic"] == "open/x"
    await user.publish("mqtt.closed", b"x")
    await asyncio.to_thread(daemon.wait_for_log, "the broker does not take a message")


def test_a_password_file_that_is_not_there_is_told(mosquitto: Mosquitto, daemon_process: DaemonStarter) -> None:
    config = f'{mosquitto.config}username = "x"\npassword_file = "/no/such/file"\n'
    daemon = daemon_process("lunix_mqtt", config=config, wait=False, may_fail=True)
    assert daemon.wait() == 111
    assert "/no/such/file" in daemon.log[-1]
    assert not daemon.tracebacks()


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "it ended the connection: "),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it ended the connection: "),
        (b"\xff\xff\xff\xff\xff\xff\xff", "it ended the connection: Protocol error"),
        (b"\x20\x03\x00\x84\x00", 'set protocol = \\"3.1.1\\"'),
    ],
    ids=["closes", "http", "noise", "old"],
)
def test_what_is_no_broker_is_left_and_tried_again(daemon_process: DaemonStarter, answer: bytes, told: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        daemon = daemon_process("lunix_mqtt", config=f'[mqtt]\nbroker = "mqtt://127.0.0.1:{port}"\n')
        for _ in range(3):
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1000).startswith(b"\x10")
                connection.sendall(answer)
        assert "no broker" in daemon.wait_for_log(told)
        assert daemon.running


def test_one_that_never_answers_is_left(daemon_process: DaemonStarter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        daemon = daemon_process("lunix_mqtt", config=f'[mqtt]\nbroker = "mqtt://127.0.0.1:{port}"\n')
        assert "no broker" in daemon.wait_for_log("it does not answer")


def test_a_daemon_that_looks_for_its_broker_stops_at_once(daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_mqtt", config='[mqtt]\nbroker = "mqtt://192.0.2.1"\n')
    assert daemon.stop() == 0


def test_check_of_a_daemon_without_a_broker(daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_mqtt", "--check", wait=False)
    assert daemon.wait() == 0
    assert "nothing is connected" in daemon.output()


@pytest.mark.parametrize("protocol", ["", 'protocol = "3.1.1"\n'], ids=["5", "3.1.1"])
async def test_a_message_that_the_broker_ends_connections_for_does_not_hold_up_the_others(
    tmp_path: Path, bridge: Bridge, user: Nats, protocol: str
) -> None:
    with ExitStack() as stack:
        broker = Mosquitto(tmp_path / "small", ("allow_anonymous true", "max_packet_size 3000"))
        broker.start()
        stack.callback(broker.stop)
        daemon = bridge(protocol, broker)
        big = asyncio.create_task(user.request("mqtt.big", bytes(5000), timeout=60))
        await user.flush()
        answer = await user.request("mqtt.small", b"x", timeout=60)
        assert json.loads(answer.data) == {"topic": "small", "qos": 1}
        assert json.loads((await big).data)["error"]["code"] == 403
        assert not daemon.tracebacks()
