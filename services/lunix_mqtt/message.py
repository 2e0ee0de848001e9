"""An MQTT message, and the headers by which the bus has what MQTT 5 tells beside topic and payload.

| header | MQTT 5 |
|---|---|
| ``Mqtt-Topic`` | the topic, as a broker has it |
| ``Mqtt-Qos``, ``Mqtt-Retain: 1``, ``Mqtt-Dup: 1`` | flags of PUBLISH |
| ``Mqtt-Content-Type``, ``Mqtt-Response-Topic``, ``Mqtt-Correlation-Data`` | properties of these names |
| ``Mqtt-Expiry`` | the message's expiry in seconds |
| ``Mqtt-User`` | the user properties as ``name=value&name=value`` |
| ``Mqtt-Origin`` | the user property ``lunix-origin``: which bridge published it |

Texts are percent-encoded where they have more than printable ASCII: so none can end its header.
"""

import re
import string
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes, urlencode

from lunix_mqtt import topics

ORIGIN_PROPERTY, ORIGIN = "lunix-origin", "Mqtt-Origin"
SOURCE = "Lunix-Source"
_PLAIN = "".join(sorted(set(string.punctuation) - {"%"})) + " "
_NOT_OURS = ("mqtt-", "nats-", "lunix-")
_MOST_EXPIRY_S = 0xFFFF_FFFF
_MOST_TEXT_BYTES = 65_535
_UNSOUND = re.compile(
    "[\0-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(p << 16 | 0xFFFE) + chr(p << 16 | 0xFFFF) for p in range(17))
    + "]"
)


class Refused(Exception):
    """A message that the broker does not get, or does not take; the text says why."""


class Message(NamedTuple):
    """What is, or is to be, published at a broker."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    dup: bool = False
    mid: int = 0
    """The packet's identifier, 0 for QoS 0."""
    content_type: str | None = None
    response_topic: str | None = None
    correlation: bytes | None = None
    expiry_s: int | None = None
    user: tuple[tuple[str, str], ...] = ()

    @property
    def origin(self) -> str | None:
        """The bridge that published it, where one did."""
        return next((text for name, text in self.user if name == ORIGIN_PROPERTY), None)


_FIRST_PROPERTY = Message._fields.index("content_type")
_NO_PROPERTIES = Message("", b"")[_FIRST_PROPERTY:]


def to_headers(message: Message, *, dup: bool = False) -> dict[str, str]:
    """The headers of the event; ``dup`` where the bus may have it already."""
    found = {"Mqtt-Topic": _topic(message.topic), "Mqtt-Qos": str(message.qos)}
    if message.retain:
        found["Mqtt-Retain"] = "1"
    if message.dup or dup:
        found["Mqtt-Dup"] = "1"
    if message[_FIRST_PROPERTY:] == _NO_PROPERTIES:
        return found
    optional: dict[str, str | bytes | None] = {
        "Mqtt-Content-Type": message.content_type,
        "Mqtt-Response-Topic": message.response_topic,
        "Mqtt-Correlation-Data": message.correlation,
        "Mqtt-Expiry": None if message.expiry_s is None else str(message.expiry_s),
        ORIGIN: message.origin,
    }
    found |= {name: _written(value) for name, value in optional.items() if value is not None}
    user = [pair for pair in message.user if pair[0] != ORIGIN_PROPERTY]
    return found | ({"Mqtt-User": urlencode(user)} if user else {})


def from_headers(topic: str, payload: bytes, headers: Mapping[str, str], qos: int) -> Message:
    """What a publisher on the bus wants published; raise ``ValueError`` for a header that makes no sense.

    Headers that are neither MQTT's, NATS's nor lunix's become user properties.
    """
    if not sound(topic):
        raise ValueError("a topic has no control characters")
    response_topic = _text(headers.get("Mqtt-Response-Topic"))
    if response_topic is not None:
        topics.check(response_topic)
    others = [(name, text) for name, text in headers.items() if not name.lower().startswith(_NOT_OURS)]
    user = (*parse_qsl(headers.get("Mqtt-User", ""), keep_blank_values=True), *others)
    correlation = headers.get("Mqtt-Correlation-Data")
    expiry = headers.get("Mqtt-Expiry")
    return Message(
        topic,
        payload,
        qos=_number("Mqtt-Qos", headers.get("Mqtt-Qos", str(qos)), 2),
        retain=bool(_number("Mqtt-Retain", headers.get("Mqtt-Retain", "0"), 1)),
        content_type=_text(headers.get("Mqtt-Content-Type")),
        response_topic=response_topic,
        correlation=None if correlation is None else unquote_to_bytes(correlation),
        expiry_s=None if expiry is None else _number("Mqtt-Expiry", expiry, _MOST_EXPIRY_S),
        user=tuple(pair for pair in user if sound(pair[0]) and sound(pair[1])),
    )


def from_broker(headers: Mapping[str, str]) -> bool:
    """Whether a message on the bus came from a broker: it must never go to one again."""
    return ORIGIN in headers or headers.get(SOURCE) == "mqtt"


def marked(user: Iterable[tuple[str, str]], origin: str) -> tuple[tuple[str, str], ...]:
    """User properties with the mark of the bridge that publishes."""
    return (*(pair for pair in user if pair[0] != ORIGIN_PROPERTY), (ORIGIN_PROPERTY, origin))


def sound(text: str) -> bool:
    """Whether every broker takes a text: MQTT 5.0, 1.5.4.

    Controls and noncharacters may end the connection, and a message of QoS 1 would end the next one too.
    """
    return _UNSOUND.search(text) is None and len(text.encode()) <= _MOST_TEXT_BYTES


@lru_cache(1024)
def _topic(topic: str) -> str:
    """Many messages come on few topics."""
    return _written(topic)


def _written(value: str | bytes) -> str:
    text = quote(value, safe=_PLAIN)
    return text if text == text.strip() else text.replace(" ", "%20")


def _text(written: str | None) -> str | None:
    if written is None:
        return None
    text = unquote(written)
    if not sound(text):
        raise ValueError("a header has what MQTT cannot carry")
    return text


def _number(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and int(text) <= most):
        raise ValueError(f"{name} is a number from 0 to {most}")
    return int(text)
