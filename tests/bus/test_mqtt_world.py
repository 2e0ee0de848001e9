"""lunix-mqtt and a world that is not kind: hostile topics, other bridges, strangers without a password."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from nats.aio.msg import Msg
from paho.mqtt.enums import CallbackAPIVersion

from lunix_testing.client import Nats
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.mosquitto import Bridge, Listen, Mosquitto, pairs, subscribed
from lunix_testing.mosquitto import bridge as bridge
from lunix_testing.mosquitto import listen as listen
from lunix_testing.mosquitto import mosquitto as mosquitto
from lunix_testing.mosquitto import other_bus as other_bus
from lunix_testing.mosquitto import user as user
from lunix_testing.server import BusServer

pytestmark = pytest.mark.requires("program:mosquitto_pub")

OLD = 'protocol = "3.1.1"\n'
both_protocols = pytest.mark.parametrize("protocol", ["", OLD], ids=["5", "3.1.1"])

HOSTILE = {
    "a..b": "mqtt.a%2E%2Eb",
    "two words": "mqtt.two%20words",
    "*": "mqtt.%2A",
    ">": "mqtt.%3E",
    "/": "mqtt.%.%",
    "//a": "mqtt.%.%.a",
    "list": "mqtt.%6Cist",
    "lost": "mqtt.%6Cost",
    "_INBOX/x": "mqtt._INBOX.x",
    "ünïcödé": "mqtt.%C3%BCn%C3%AFc%C3%B6d%C3%A9",
    "../../etc": "mqtt.%2E%2E.%2E%2E.etc",
}


@pytest.mark.parametrize("topic", HOSTILE)
async def test_hostile_topics_are_subjects_and_nothing_else(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen, user: Nats, topic: str
) -> None:
    bridge()
    inbox = await listen("mqtt.>")
    mosquitto.pub(topic, b"\xff\xfe", "-q", "1")
    event = await inbox.next()
    assert (event.subject, event.data) == (HOSTILE[topic], b"\xff\xfe")
    answer = json.loads((await user.request(HOSTILE[topic], b"back", timeout=30)).data)
    assert answer == {"topic": topic, "qos": 1}
    assert (await inbox.next()).data == b"back"


async def test_a_topic_of_64_kilobytes_is_told_as_lost_and_the_next_one_comes(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen
) -> None:
    daemon = bridge()
    inbox = await listen("mqtt.>")
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    try:
        await asyncio.to_thread(client.publish("x" * 65_535, b"x", qos=1).wait_for_publish, 30)
        await asyncio.to_thread(client.publish("big", bytes(2_000_000), qos=1).wait_for_publish, 30)
    finally:
        client.disconnect()
        client.loop_stop()
    mosquitto.pub("next", "x", "-q", "1")
    await inbox.until(lambda one: one.subject == "mqtt.next")
    await asyncio.to_thread(daemon.wait_for_log, "longer than 1024 bytes")
    await asyncio.to_thread(daemon.wait_for_log, "more than the bus takes")
    await inbox.until(lambda one: one.subject == "mqtt.lost")
    assert {subject for subject, _ in pairs(inbox)} == {"mqtt.next", "mqtt.lost"}


@pytest.mark.parametrize(
    "subject", ["mqtt.%2B", "mqtt.a.%23", "mqtt.a%2Fb", "mqtt.%FF", "mqtt.%24SYS.x", "mqtt.lost", "mqtt.a%00"]
)
async def test_what_is_no_topic_is_refused(mosquitto: Mosquitto, bridge: Bridge, user: Nats, subject: str) -> None:
    bridge()
    if subject == "mqtt.lost":
        await user.publish(subject, b"{}")
    else:
        assert json.loads((await user.request(subject, b"x", timeout=30)).data)["error"]["code"] == 400
    answer = await user.request("mqtt.a", b"x", timeout=30, headers={"Mqtt-Retain": "perhaps"})
    assert json.loads(answer.data)["error"]["code"] == 400
    assert (answer.headers or {})["Nats-Service-Error-Code"] == "400"


async def test_topics_of_the_broker_itself_are_hidden(mosquitto: Mosquitto, bridge: Bridge, listen: Listen) -> None:
    inbox = await listen("mqtt.>")
    bridge()
    mosquitto.pub("$hidden/x", "x", "-q", "1")
    mosquitto.pub("seen", "x", "-q", "1")
    await inbox.until(lambda one: one.subject == "mqtt.seen")
    assert len(inbox.items) == 1


async def came(inbox: Inbox[Msg], data: bytes) -> None:
    await inbox.until(lambda one: one.data == data)


@both_protocols
async def test_two_machines_hear_each_other_once_and_nothing_goes_round(
    mosquitto: Mosquitto,
    bridge: Bridge,
    daemon_process: DaemonStarter,
    bus_server: BusServer,
    other_bus: BusServer,
    listen: Listen,
    protocol: str,
) -> None:
    bridge(protocol + 'client_id = "lunix-one"\n')
    since = len(mosquitto.log)
    config = f'{mosquitto.config}{protocol}client_id = "lunix-two"\n'
    daemon_process("lunix_mqtt", config=config, state=other_bus.state)
    subscribed(mosquitto, since)
    here, there = await listen("mqtt.>"), await listen("mqtt.>", other_bus)
    with mosquitto.sub("#") as heard:
        one, two = await bus_server.connect("user"), await other_bus.connect("user")
        for number in range(20):
            await one.publish("mqtt.chat", b"one %d" % number)
            await two.publish("mqtt.chat", b"two %d" % number)
        natsdev = await bus_server.connect("natsdev")
        await natsdev.publish("hardware.usb.add", b"{}")
        await natsdev.flush()
        await asyncio.to_thread(heard.wait_for, "lunix/hardware/usb/add")
        await one.request("mqtt.end", b"", timeout=30)
        # Two machines and who listens to the broker: the end of one says nothing of the others' last words.
        for last in ("one 19", "two 19"):
            await asyncio.to_thread(heard.wait_for, f"chat {last}")
            for inbox in (here, there):
                await came(inbox, last.encode())
        for inbox in (here, there):
            await inbox.until(lambda one: one.subject == "mqtt.end")
        chat = [line for line in heard.lines if line.startswith("chat")]
        for client in (one, two, natsdev):
            await client.close()
    assert len(chat) == len(set(chat)) == 40
    for inbox in (here, there):
        assert [f"chat {data.decode()}" for subject, data in pairs(inbox) if subject == "mqtt.chat"] == chat
    # Without marks, what comes on our own topics is ours.
    elsewhere = [subject for subject, _ in pairs(there) if "hardware" in subject]
    assert elsewhere == ([] if protocol else ["mqtt.lunix.hardware.usb.add"])
    assert [subject for subject, _ in pairs(here) if "hardware" in subject] == []


async def test_what_came_from_a_broker_is_not_sent_to_one(
    mosquitto: Mosquitto, bridge: Bridge, user: Nats, listen: Listen
) -> None:
    bridge()
    inbox = await listen("mqtt.>")
    mosquitto.pub("a", "x", "-q", "1")
    event = await inbox.next()
    answer = json.loads((await user.request("mqtt.b", event.data, timeout=30, headers=event.headers)).data)
    assert "circles" in answer["error"]["message"]


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(("openssl", *arguments), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def closed_broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that wants TLS, by a CA of its own, and a name with its password."""
    folder = tmp_path / "closed"
    folder.mkdir()
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    openssl(folder, *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=CA of a test")
    request = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=broker")
    openssl(folder, *request, "-keyout", "broker.key", "-out", "broker.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n", encoding="ascii")
    sign = ("x509", "-req", "-in", "broker.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2")
    openssl(folder, *sign, "-out", "broker.crt", "-extfile", "names")
    subprocess.run(("mosquitto_passwd", "-b", "-c", "passwords", "lunix", "a secret"), cwd=folder, check=True)
    (folder / "password").write_text("a secret\n", encoding="utf-8")
    (folder / "wrong").write_text("another\n", encoding="utf-8")
    lines = [f"cafile {folder}/ca.crt", f"certfile {folder}/broker.crt", f"keyfile {folder}/broker.key"]
    lines += ["allow_anonymous false", f"password_file {folder}/passwords"]
    options = ("--cafile", f"{folder}/ca.crt", "-u", "lunix", "-P", "a secret")
    with ExitStack() as stack:
        broker = Mosquitto(folder, lines, scheme="mqtts", client_options=options)
        broker.start()
        stack.callback(broker.stop)
        yield broker


@both_protocols
@pytest.mark.requires("program:openssl")
async def test_tls_and_a_password(
    closed_broker: Mosquitto, bridge: Bridge, listen: Listen, user: Nats, protocol: str
) -> None:
    folder = closed_broker.folder
    known = f'{protocol}ca_file = "{folder}/ca.crt"\nusername = "lunix"\npassword_file = "{folder}/password"\n'
    bridge(known, closed_broker)
    inbox = await listen("mqtt.>")
    payload = bytes(range(256)) * 1000
    closed_broker.pub("big", payload, "-q", "1")
    assert (await inbox.next()).data == payload
    assert json.loads((await user.request("mqtt.big", payload, timeout=30)).data) == {"topic": "big", "qos": 1}
    assert (await inbox.next()).data == payload


@pytest.mark.requires("program:openssl")
@pytest.mark.parametrize(
    ("known", "why"),
    [
        ('username = "lunix"\npassword_file = "{folder}/password"\n', "certificate verify failed"),
        ('ca_file = "{folder}/ca.crt"\n', "Not authorized"),
        ('ca_file = "{folder}/ca.crt"\nusername = "lunix"\npassword_file = "{folder}/wrong"\n', "Not authorized"),
        ('ca_file = "{folder}/nothing"\n', "No such file"),
    ],
    ids=["unknown CA", "no name", "wrong password", "no file"],
)
def test_who_is_refused_is_told_why_and_tries_again(
    closed_broker: Mosquitto, daemon_process: DaemonStarter, known: str, why: str
) -> None:
    daemon = daemon_process(
        "lunix_mqtt", config=closed_broker.config + known.replace("{folder}", str(closed_broker.folder))
    )
    assert "no broker" in daemon.wait_for_log(why)
    assert daemon.running


def test_what_is_no_configuration_is_refused(daemon_process: DaemonStarter) -> None:
    for line in ('broker = "http://x"', 'subscribe = ["a#"]', 'publish = ["mqtt.>"]', 'commands = ["toast.*"]'):
        daemon = daemon_process("lunix_mqtt", config=f"[mqtt]\n{line}\n", wait=False, may_fail=True)
        assert daemon.wait() == 100
        assert "mqtt" in daemon.log[-1]


async def test_a_password_does_not_stand_in_the_address(daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_mqtt", config='[mqtt]\nbroker = "mqtt://a:b@x"\n', wait=False, may_fail=True)
    assert daemon.wait() == 100
    assert "password_file" in daemon.log[-1]


def test_check_tells_of_a_password_that_cannot_be_read(daemon_process: DaemonStarter, tmp_path: Path) -> None:
    config = f'[mqtt]\nbroker = "mqtt://home"\npassword_file = "{tmp_path}/password"\n'
    daemon = daemon_process("lunix_mqtt", "--check", config=config, wait=False, may_fail=True)
    assert daemon.wait() == 111
    assert f"{tmp_path}/password: No such file or directory" in daemon.log[-1]
    (tmp_path / "password").write_text("secret\n")
    daemon = daemon_process("lunix_mqtt", "--check", config=config, wait=False)
    assert daemon.wait() == 0
    assert f"mqtt.password_file = {str(tmp_path / 'password')!r}\n" in daemon.output()


def test_check_says_what_would_be_used(daemon_process: DaemonStarter) -> None:
    config = '[mqtt]\nbroker = "mqtts://home"\nclient_id = "box"\nhome_assistant = "homeassistant"\n'
    daemon = daemon_process("lunix_mqtt", "--check", config=config, wait=False)
    assert daemon.wait() == 0
    said = daemon.output()
    assert "connects to home, port 8883 by TLS, as box" in said
    assert "homeassistant/notify/box/toast/config" in said
