"""What Home Assistant is told, by its documentation; templates run in its language, with what it gives them.

Options are those of https://www.home-assistant.io/integrations/NAME.mqtt/ for each component and, beside them,
https://www.home-assistant.io/integrations/mqtt/#discovery-options. The descriptions and their templates were also taken
by Home Assistant 2025.4 itself: its schemas for discovery (``DISCOVERY_SCHEMA``) and its ``MqttValueTemplate``.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jinja2 import Environment, StrictUndefined

from lunix_common.schemas.common import Lost
from lunix_mqtt.discovery import descriptions
from lunix_mqtt.route import Routes
from lunix_testing import examples

ROUTES = Routes(
    client_id="box",
    prefix="lunix",
    subscribe=("#",),
    publish=("hardware.usb.*", "network.*", "power.>", "bluetooth.*"),
    commands=frozenset({"toast.in", "toast.pause", "power.suspend"}),
    marks=True,
)
FOUND: dict[str, dict[str, Any]] = {topic: json.loads(text) for topic, text in descriptions("ha", ROUTES, "box")}

EVERY = {"name", "unique_id", "device", "availability", "icon", "entity_category"}
STATE = {"state_topic", "value_template"}
OPTIONS: Mapping[str, set[str]] = {
    "binary_sensor": EVERY | STATE | {"device_class", "payload_on", "payload_off"},
    "button": EVERY | {"command_topic", "payload_press"},
    "event": EVERY | STATE | {"event_types"},
    "notify": EVERY | {"command_topic"},
    "sensor": EVERY | STATE,
    "switch": EVERY | {"command_topic", "payload_on", "payload_off", "optimistic"},
}
REQUIRED: Mapping[str, set[str]] = {
    "binary_sensor": {"state_topic"},
    "button": {"command_topic"},
    "event": {"state_topic", "event_types"},
    "notify": {"command_topic"},
    "sensor": {"state_topic"},
    "switch": {"command_topic"},
}
CLASSES = {"binary_sensor": {"connectivity", "plug"}}
CATEGORIES = {"config", "diagnostic"}
LOST = Lost(boot="b", from_seq=1, to_seq=2, reason="r").to_json().decode()


def rendered(name: str, payload: str) -> str:
    """As ``MqttValueTemplate`` has it: ``value`` and ``value_json``, and no topic."""
    environment = Environment(undefined=StrictUndefined, autoescape=False)
    environment.filters["to_json"] = json.dumps
    [about] = [one for topic, one in FOUND.items() if topic.split("/")[3] == name]
    return environment.from_string(about["value_template"]).render(value=payload, value_json=json.loads(payload))


def payload(subject: str, **changes: object) -> str:
    """That of a recorded message, with changes."""
    [found] = [
        example["payload"]
        for path in examples.FOLDER.glob("*.json")
        if (example := json.loads(path.read_text(encoding="utf-8")))["subject"] == subject
    ]
    return json.dumps(found | changes)


@pytest.mark.parametrize("topic", FOUND)
def test_a_description_has_what_its_component_takes(topic: str) -> None:
    prefix, component, node, _, end = topic.split("/")
    about = FOUND[topic]
    assert (prefix, node, end) == ("ha", "box", "config")
    assert REQUIRED[component] <= set(about) <= OPTIONS[component]
    assert about.get("device_class") in {None} | CLASSES.get(component, set())
    assert about.get("entity_category") in {None} | CATEGORIES
    assert set(about["device"]) <= {"identifiers", "name", "manufacturer"}
    assert all(
        set(one) == {"topic", "payload_available", "payload_not_available"} for one in about.get("availability", [])
    )


def test_every_component_is_described() -> None:
    assert {topic.split("/")[1] for topic in FOUND} == set(OPTIONS)


def test_a_usb_device_that_comes_and_goes_is_an_event_and_others_are_none() -> None:
    common = json.dumps({"subsystem": "usb", "name": "1-2", "product": 'a "stick"', "action": "add"})
    assert json.loads(rendered("usb", common)) == {"event_type": "add", "device": 'a "stick"'}
    plain = json.dumps({"subsystem": "usb", "name": "1-2", "action": "remove"})
    assert json.loads(rendered("usb", plain)) == {"event_type": "remove", "device": "1-2"}
    assert rendered("usb", json.dumps({"name": "1-2", "action": "bind"})) == ""
    assert rendered("usb", LOST) == ""


def test_states_are_on_and_off() -> None:
    assert rendered("online", payload("network.online")) == "ON"
    assert rendered("online", payload("network.online", online=False)) == "OFF"
    assert rendered("online", payload("network.hostname.changed")) == ""
    assert rendered("online", LOST) == ""
    assert rendered("mains", payload("power.ac.online")) == "ON"
    assert rendered("mains", payload("power.ac.online", online=False)) == "OFF"
    assert rendered("mains", LOST) == ""


def test_a_bluetooth_device_without_a_name_has_its_address() -> None:
    assert rendered("bluetooth", '{"name": "a phone", "address": "00:11"}') == "a phone"
    assert rendered("bluetooth", '{"address": "00:11"}') == "00:11"
