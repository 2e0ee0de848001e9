"""lunix-mqtt between a real mosquitto and a real bus: what goes each way, once, as it was."""

import asyncio
import json
import signal
from typing import Any

import pytest

from lunix_testing.client import Nats
from lunix_testing.daemon import DaemonStarter
from lunix_testing.examples import Recorder
from lunix_testing.mosquitto import Bridge, Listen, Mosquitto, pairs, subscribed
from lunix_testing.mosquitto import bridge as bridge
from lunix_testing.mosquitto import listen as listen
from lunix_testing.mosquitto import mosquitto as mosquitto
from lunix_testing.mosquitto import user as user
from lunix_testing.server import BusServer

pytestmark = pytest.mark.requires("program:mosquitto_pub")

OLD = 'protocol = "3.1.1"\n'
both_protocols = pytest.mark.parametrize("protocol", ["", OLD], ids=["5", "3.1.1"])


async def asked(user: Nats, subject: str, payload: bytes = b"", headers: dict[str, str] | None = None) -> Any:
    return json.loads((await user.request(subject, payload, timeout=30, headers=headers)).data)


@both_protocols
async def test_a_topic_is_a_subject(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen, protocol: str, record_example: Recorder
) -> None:
    bridge(protocol)
    inbox = await listen("mqtt.>")
    mosquitto.pub("temperature0", "21.5", "-q", "1")
    event = await inbox.until(lambda one: one.subject == "mqtt.temperature0")
    assert event.data == b"21.5"
    assert event.headers is not None
    assert (event.headers["Mqtt-Topic"], event.headers["Mqtt-Qos"]) == ("temperature0", "1")
    assert event.headers["Lunix-Source"] == "mqtt"
    mosquitto.pub("a/b", b"\x00\xff binary")
    assert (await inbox.until(lambda one: one.subject == "mqtt.a.b")).data == b"\x00\xff binary"
    if not protocol:
        record_example("mqtt.temperature0", event.data.decode(), headers=event.headers)


@both_protocols
async def test_what_a_person_publishes_reaches_the_broker_and_everybody_once(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen, user: Nats, protocol: str
) -> None:
    bridge(protocol)
    inboxes = [await listen("mqtt.lamp.>"), await listen("mqtt.>")]
    with mosquitto.sub("lamp/#") as heard:
        assert await asked(user, "mqtt.lamp.on", b"please") == {"topic": "lamp/on", "qos": 1}
        await user.publish("mqtt.lamp.done", b"last")
        assert await asyncio.to_thread(heard.wait_for, "lamp/done") == "lamp/done last"
        assert heard.lines == ["lamp/on please", "lamp/done last"]
    for inbox in inboxes:
        await inbox.until(lambda one: one.subject == "mqtt.lamp.done")
        lamp = [pair for pair in pairs(inbox) if pair[0].startswith("mqtt.lamp")]
        assert lamp == [("mqtt.lamp.on", b"please"), ("mqtt.lamp.done", b"last")]


async def test_properties_and_headers_lead_to_each_other(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen, user: Nats
) -> None:
    bridge()
    inbox = await listen("mqtt.>")
    told = ["-D", "publish", "content-type", "text/plain", "-D", "publish", "response-topic", "re/ply"]
    told += ["-D", "publish", "correlation-data", "7", "-D", "publish", "user-property", "colour", "rosé X: 1"]
    mosquitto.pub("a", "x", "-V", "5", *told)
    headers = (await inbox.until(lambda one: one.subject == "mqtt.a")).headers or {}
    expected = {
        "Mqtt-Content-Type": "text/plain",
        "Mqtt-Response-Topic": "re/ply",
        "Mqtt-Correlation-Data": "7",
        "Mqtt-User": "colour=ros%C3%A9+X%3A+1",
    }
    assert expected.items() <= headers.items()
    assert "X" not in headers
    with mosquitto.sub("b", "-V", "5", "-F", "%t %C %R %D %P %E") as heard:
        more = {"Mqtt-Expiry": "60", "Colour": "red"}
        plain = {name: text for name, text in expected.items() if name != "Mqtt-User"}
        await asked(user, "mqtt.b", b"x", plain | more)
        line = await asyncio.to_thread(heard.wait_for, "b ")
    assert line.startswith("b text/plain re/ply 7 Colour:red")
    assert "lunix-origin:lunix-" in line


@both_protocols
async def test_retained_values_are_listed(
    mosquitto: Mosquitto, bridge: Bridge, user: Nats, listen: Listen, protocol: str, record_example: Recorder
) -> None:
    mosquitto.pub("home/kitchen/temperature", "21.5", "-r")
    mosquitto.pub("home/raw", b"\xff", "-r")
    bridge(protocol)
    answer = await asked(user, "mqtt.list", b'{"topic": "home/#"}')
    assert [(item["topic"], item.get("text"), item.get("base64")) for item in answer["items"]] == [
        ("home/kitchen/temperature", "21.5", None),
        ("home/raw", None, "/w=="),
    ]
    assert (answer["broker"], answer["forgotten"]) == ("connected", 0)
    if not protocol:
        answer["items"] = answer["items"][:1]
        record_example("mqtt.list", {"topic": "home/#"}, reply=answer)
        inbox = await listen("mqtt.>")
        await asked(user, "mqtt.home.kitchen.temperature", b"22", {"Mqtt-Retain": "1"})
        event = await inbox.until(lambda one: one.data == b"22")
        assert (event.headers or {})["Mqtt-Retain"] == "1"
        assert [item["text"] for item in (await asked(user, "mqtt.list", b"home/kitchen/+"))["items"]] == ["22"]
        mosquitto.pub("home/kitchen/temperature", "", "-r")
        await inbox.until(lambda one: one.subject == "mqtt.home.kitchen.temperature" and not one.data)
        assert (await asked(user, "mqtt.list", b"home/kitchen/+"))["items"] == []


async def test_subjects_of_lunix_are_published_and_do_not_come_back(
    mosquitto: Mosquitto, bridge: Bridge, bus_server: BusServer, listen: Listen
) -> None:
    bridge()
    inbox = await listen("mqtt.>")
    natsdev = await bus_server.connect("natsdev")
    with mosquitto.sub("lunix/hardware/#", "-V", "5", "-F", "%t %p %C %P") as heard:
        await natsdev.publish("hardware.usb.add", b'{"name": "stick"}', headers={"Lunix-Seq": "7"})
        line = await asyncio.to_thread(heard.wait_for, "usb/add")
    assert line.startswith('lunix/hardware/usb/add {"name": "stick"} application/json Lunix-Seq:7')
    mosquitto.pub("end")
    await inbox.until(lambda one: one.subject == "mqtt.end")
    assert [subject for subject, _ in pairs(inbox) if subject.startswith("mqtt.lunix")] == []
    await natsdev.close()


@both_protocols
async def test_a_toast_is_asked_for_by_mqtt(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen, daemon_process: DaemonStarter, protocol: str
) -> None:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    bridge(protocol)
    shown = await listen("toast.shown")
    with mosquitto.sub("answers", "-V", "5") as heard:
        mosquitto.pub(
            "lunix/toast/in", "hello from MQTT", "-V", "5", "-q", "1", "-D", "publish", "response-topic", "answers"
        )
        assert json.loads((await shown.next()).data)["summary"] == "hello from MQTT"
        if not protocol:
            assert '"id"' in await asyncio.to_thread(heard.wait_for, "answers ")


async def test_a_retained_command_is_not_obeyed(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen, daemon_process: DaemonStarter
) -> None:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    mosquitto.pub("lunix/toast/in", "again and again", "-r")
    daemon = bridge()
    daemon.wait_for_log("a retained command is not obeyed")
    shown = await listen("toast.shown")
    mosquitto.pub("lunix/toast/in", "once", "-q", "1")
    assert json.loads((await shown.next()).data)["summary"] == "once"
    assert len(shown.items) == 1


async def test_a_command_without_a_grant_is_refused_by_the_server(
    mosquitto: Mosquitto, bridge: Bridge, bus_server: BusServer
) -> None:
    init = await bus_server.connect("init")
    asked_for: list[str] = []

    async def obey(message: Any) -> None:
        asked_for.append(message.subject)

    await init.subscribe("init.poweroff", cb=obey)
    await init.flush()
    bridge('commands = ["init.poweroff"]\n')
    with mosquitto.sub("answers", "-V", "5") as heard:
        mosquitto.pub("lunix/init/poweroff", "{}", "-V", "5", "-D", "publish", "response-topic", "answers")
        line = await asyncio.to_thread(heard.wait_for, "answers ")
    assert json.loads(line.partition(" ")[2])["error"]["code"] == 403
    assert asked_for == []
    await init.close()


@both_protocols
async def test_the_state_of_the_bridge_is_retained_and_its_will_is_told(
    mosquitto: Mosquitto, bridge: Bridge, protocol: str
) -> None:
    daemon = bridge(protocol + 'client_id = "lunix-box"\n', may_fail=True)
    with mosquitto.sub("lunix/bridge/lunix-box") as heard:
        await asyncio.to_thread(heard.wait_for, "lunix-box online")
        daemon.signal(signal.SIGKILL)
        await asyncio.to_thread(heard.wait_for, "lunix-box offline")
        again = bridge(protocol + 'client_id = "lunix-box"\n')
        again.stop()
        await asyncio.to_thread(heard.wait_for_lines, 4)
    assert [line.split()[1] for line in heard.lines] == ["online", "offline", "online", "offline"]


async def test_home_assistant_is_told_what_there_is(mosquitto: Mosquitto, bridge: Bridge, listen: Listen) -> None:
    inbox = await listen("mqtt.>")
    bridge('home_assistant = "homeassistant"\nclient_id = "lunix-box"\n')
    with mosquitto.sub("homeassistant/#") as heard:
        line = await asyncio.to_thread(heard.wait_for, "homeassistant/notify/lunix-box/toast/config")
    assert json.loads(line.partition(" ")[2])["command_topic"] == "lunix/toast/in"
    mosquitto.pub("end")
    await inbox.until(lambda one: one.subject == "mqtt.end")
    assert [pair for pair in pairs(inbox) if "homeassistant" in pair[0]] == []


async def test_without_a_broker_it_is_ready_and_says_why(daemon_process: DaemonStarter, user: Nats) -> None:
    daemon = daemon_process("lunix_mqtt")
    assert (await asked(user, "mqtt.list"))["broker"] == "off"
    assert (await asked(user, "mqtt.a", b"x"))["error"]["message"] == "no broker is configured"
    assert daemon.running


async def parts_off(user: Nats) -> dict[str, str]:
    """Which parts of the bridge do not work, as ``lunix status`` shows it, and why."""
    about: dict[str, str] = json.loads((await user.request("$SRV.INFO.mqtt", timeout=30)).data)["metadata"]
    return about


async def test_a_broker_comes_and_goes_with_the_configuration(
    mosquitto: Mosquitto, daemon_process: DaemonStarter, user: Nats
) -> None:
    daemon = daemon_process("lunix_mqtt")
    assert list(await parts_off(user)) == ["off.broker"]
    since = len(mosquitto.log)
    daemon.configure(mosquitto.config)
    await asyncio.to_thread(subscribed, mosquitto, since)
    assert await parts_off(user) == {}
    assert (await asked(user, "mqtt.list"))["broker"] == "connected"
    seen = len(daemon.log)
    daemon.configure("[mqtt]\n")
    await asyncio.to_thread(daemon.wait_for_log, "no broker is configured", seen)
    assert list(await parts_off(user)) == ["off.broker"]
    assert (await asked(user, "mqtt.list"))["broker"] == "off"


async def test_another_configuration_is_taken_over(mosquitto: Mosquitto, bridge: Bridge, listen: Listen) -> None:
    daemon = bridge('subscribe = ["a/#"]\n')
    inbox = await listen("mqtt.>")
    mosquitto.pub("b/1")
    mosquitto.pub("a/1")
    await inbox.until(lambda one: one.subject == "mqtt.a.1")
    since = len(daemon.log)
    daemon.configure(f'{mosquitto.config}subscribe = ["b/#"]\n')
    await asyncio.to_thread(daemon.wait_for_log, "connected to the broker", since)
    await asyncio.to_thread(mosquitto.wait_for_log, "\tb/#")
    mosquitto.pub("b/2")
    await inbox.until(lambda one: one.subject == "mqtt.b.2")
    assert ("mqtt.b.1", b"") not in pairs(inbox)
