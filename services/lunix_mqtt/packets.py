"""MQTT messages as paho has them."""

from typing import Any

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lunix_mqtt.message import Message, marked


def message_of(header: int, body: bytes, *, five: bool) -> Message:
    """A PUBLISH of QoS 0 or 1, of MQTT 5 or 3.1.1: the first byte of its header, and what follows the header.

    Raises ``UnicodeDecodeError`` where the topic is no UTF-8, and another error where it is no PUBLISH. Source: MQTT
    5.0, 3.3.
    """
    end = 2 + int.from_bytes(body[:2], "big")
    topic, qos, mid = body[2:end].decode(), header >> 1 & 3, 0
    if qos:
        mid = int.from_bytes(body[end : end + 2], "big")
        end += 2
    flags = (qos, bool(header & 1), bool(header & 8), mid)
    if not five:
        return Message(topic, body[end:], *flags)
    if body[end] == 0:
        return Message(topic, body[end + 1 :], *flags)
    properties: Any = _empty(PacketTypes.PUBLISH)
    _, length = properties.unpack(body[end:])
    return Message(
        topic,
        body[end + length :],
        *flags,
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
