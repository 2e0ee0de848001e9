"""What a message is about."""

import json
from dataclasses import replace

import pytest

from lunix_mqtt.discovery import descriptions
from lunix_mqtt.message import Message
from lunix_mqtt.route import Kind, Routes

ROUTES = Routes(
    client_id="box",
    prefix="lunix",
    subscribe=("#",),
    publish=("hardware.usb.*", "network.*"),
    commands=frozenset({"toast.in", "toast.pause"}),
    marks=True,
    described=frozenset({"homeassistant/notify/box/toast/config"}),
)
OURS = (("lunix-origin", "box"),)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (Message("temperature0", b""), Kind.EVENT),
        (Message("temperature0", b"", user=OURS), Kind.EVENT),
        (Message("lunix/bridge/box", b"online"), Kind.STATE),
        (Message("lunix/bridge/other", b"online"), Kind.EVENT),
        (Message("lunix/toast/in", b""), Kind.COMMAND),
        (Message("lunix/hardware/usb/add", b"", user=OURS), Kind.OURS),
        (Message("lunix/hardware/usb/add", b""), Kind.EVENT),
        (Message("lunix/hardware/block/add", b"", user=OURS), Kind.EVENT),
        (Message("homeassistant/notify/box/toast/config", b"", user=OURS), Kind.OURS),
        (Message("$SYS/x", b""), Kind.HIDDEN),
    ],
)
def test_kinds(message: Message, kind: Kind) -> None:
    assert ROUTES.kind(message) is kind


def test_without_marks_all_on_topics_of_ours_is_ours() -> None:
    routes = replace(ROUTES, marks=False)
    assert routes.kind(Message("lunix/hardware/usb/add", b"")) is Kind.OURS
    assert routes.kind(Message("lunix/bridge/other", b"online")) is Kind.EVENT


def test_what_nobody_asked_for_is_hidden() -> None:
    routes = replace(ROUTES, subscribe=("home/#",))
    assert routes.kind(Message("temperature0", b"")) is Kind.HIDDEN
    assert routes.kind(Message("home/x", b"")) is Kind.EVENT
    assert routes.filters == ["home/#", "lunix/toast/in", "lunix/toast/pause", "lunix/bridge/box"]
    assert ROUTES.filters == ["#"]


def test_descriptions_are_of_what_is_published_and_taken() -> None:
    found = {topic: json.loads(payload) for topic, payload in descriptions("ha", ROUTES, "box")}
    assert set(found) == {
        "ha/binary_sensor/box/bridge/config",
        "ha/event/box/usb/config",
        "ha/binary_sensor/box/online/config",
        "ha/notify/box/toast/config",
        "ha/switch/box/quiet/config",
    }
    assert found["ha/notify/box/toast/config"]["command_topic"] == "lunix/toast/in"
    assert found["ha/event/box/usb/config"]["state_topic"] == "lunix/hardware/usb/+"
    assert {one["device"]["name"] for one in found.values()} == {"box"}
    assert len({one["unique_id"] for one in found.values()}) == len(found)
    nothing = replace(ROUTES, publish=(), commands=frozenset())
    assert len(list(descriptions("ha", nothing, "box"))) == 1
