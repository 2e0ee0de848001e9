"""Descriptions by which Home Assistant finds lunix's sensors and switches.

Format: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery. Each is a retained message on
``homeassistant/<component>/<node>/<object>/config``; what has no subject that is published, or no command that is
taken, is not described.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from lunix_mqtt.route import Routes
from lunix_mqtt.topics import takes_in

Json = dict[str, Any]
_ID = re.compile(r"[^A-Za-z0-9_-]")

# Templates know the payload and not the topic; what they make of a message that is none of theirs is empty, which Home
# Assistant passes over. Payloads of losses are among these.
_SENSORS: tuple[tuple[str, str, str, Json], ...] = (
    # component, object, subject, what is its own
    ("event", "usb", "hardware.usb.add", {
        "name": "USB device", "event_types": ["add", "remove"], "icon": "mdi:usb", "state_topic": "hardware/usb/+",
        "value_template": "{% if value_json.get('action') in ('add', 'remove') %}"
                          "{{ {'event_type': value_json.action, "
                          "'device': value_json.get('product') or value_json.name} | to_json }}{% endif %}",
    }),
    ("binary_sensor", "online", "network.online", {
        "name": "Online", "device_class": "connectivity", "state_topic": "network/+",
        "value_template": "{% if value_json.get('kind') == 'online' %}"
                          "{{ 'ON' if value_json.online else 'OFF' }}{% endif %}",
    }),
    ("binary_sensor", "mains", "power.ac.online", {
        "name": "Mains", "device_class": "plug", "state_topic": "power/ac/+",
        "value_template": "{% if value_json.get('kind') == 'ac' %}"
                          "{{ 'ON' if value_json.online else 'OFF' }}{% endif %}",
    }),
    ("sensor", "bluetooth", "bluetooth.connected", {
        "name": "Bluetooth device", "icon": "mdi:bluetooth", "state_topic": "bluetooth/connected",
        "value_template": "{{ value_json.get('name') or value_json.address }}",
    }),
)  # fmt: skip
_ACTORS: tuple[tuple[str, str, tuple[str, ...], Json], ...] = (
    # component, object, the commands that it needs, what is its own
    ("notify", "toast", ("toast.in",), {"name": "Toast", "command_topic": "toast/in"}),
    ("switch", "quiet", ("toast.pause",), {
        "name": "Hold toasts back", "icon": "mdi:bell-off", "command_topic": "toast/pause",
        "payload_on": '{"paused": true}', "payload_off": '{"paused": false}', "optimistic": True,
    }),
    ("button", "suspend", ("power.suspend",), {
        "name": "Suspend", "command_topic": "power/suspend", "payload_press": "{}",
    }),
)  # fmt: skip


def descriptions(prefix: str, routes: Routes, host: str) -> Iterator[tuple[str, bytes]]:
    """Topic and payload of each; ``prefix`` is Home Assistant's own."""
    node = _ID.sub("_", routes.client_id)
    device = {"identifiers": [f"lunix_{node}"], "name": host, "manufacturer": "lunix"}
    available = {"topic": routes.state_topic, "payload_available": "online", "payload_not_available": "offline"}

    def described(component: str, name: str, own: Json) -> tuple[str, bytes]:
        places = {key: f"{routes.prefix}/{own[key]}" for key in ("state_topic", "command_topic") if key in own}
        about: Json = {"unique_id": f"lunix_{node}_{name}", "device": device, "availability": [available]}
        return f"{prefix}/{component}/{node}/{name}/config", json.dumps(about | own | places).encode()

    yield _state(prefix, routes, node, device)
    yield from _all(routes, described)


def _all(routes: Routes, described: Callable[[str, str, Json], tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    for component, name, subject, own in _SENSORS:
        if any(takes_in(one, subject) for one in routes.publish):
            yield described(component, name, own)
    for component, name, commands, own in _ACTORS:
        if routes.commands.issuperset(commands):
            yield described(component, name, own)


def _state(prefix: str, routes: Routes, node: str, device: Json) -> tuple[str, bytes]:
    """Whether the bridge is there; it is available when it is not, to say so."""
    about: Json = {
        "name": "Bridge", "unique_id": f"lunix_{node}_bridge", "device": device, "device_class": "connectivity",
        "entity_category": "diagnostic", "state_topic": routes.state_topic, "payload_on": "online",
        "payload_off": "offline",
    }  # fmt: skip
    return f"{prefix}/binary_sensor/{node}/bridge/config", json.dumps(about).encode()
