"""MQTT messages as paho has them."""

from typing import Any

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lunix_mqtt.message import Message, marked


def message_of(raw: MQTTMessage) -> Message:
    """What came; raise ``UnicodeDecodeError`` where the topic is no UTF-8."""
    properties: Any = raw.properties
    return Message(
        raw.topic,
        bytes(raw.payload),
        raw.qos,
        raw.retain,
        raw.dup,
        raw.mid,
        getattr(properties, "ContentType", None),
        getattr(properties, "ResponseTopic", None),
        getattr(properties, "CorrelationData", None),
        getattr(properties, "MessageExpiryInterval", None),
        tuple(getattr(properties, "UserProperty", ())),
    )


def properties_of(message: Message, origin: str, packet: int = PacketTypes.PUBLISH) -> Any:
    """What goes beside a message, with the mark of who publishes it."""
    found: Any = _empty(packet)
    if message.content_type is not None:
        found.ContentType = message.content_type
    if message.response_topic is not None:
        found.ResponseTopic = message.response_topic
    if message.correlation is not None:
        found.CorrelationData = message.correlation
    if message.expiry_s is not None:
        found.MessageExpiryInterval = message.expiry_s
    found.UserProperty = list(marked(message.user, origin))
    return found


def will_properties(origin: str) -> Any:
    """What goes beside a will."""
    return properties_of(Message("", b""), origin, PacketTypes.WILLMESSAGE)


def connect_properties(session_expiry_s: int, receive_maximum: int) -> Any:
    """What CONNECT tells."""
    found: Any = _empty(PacketTypes.CONNECT)
    found.SessionExpiryInterval = session_expiry_s
    found.ReceiveMaximum = receive_maximum
    return found


def _empty(packet: int) -> Any:
    # paho's own annotations are partial: its attributes appear as they are set.
    return Properties(packet)  # type: ignore[no-untyped-call]
