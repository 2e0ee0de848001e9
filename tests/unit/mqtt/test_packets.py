"""PUBLISH as a broker sends it, taken apart; the other way is by paho."""

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lunix_mqtt.message import Message
from lunix_mqtt.packets import message_of, properties_of

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=200)
MESSAGES = st.builds(
    Message,
    topic=TEXT,
    payload=st.binary(max_size=300),
    qos=st.sampled_from((0, 1)),
    retain=st.booleans(),
    dup=st.booleans(),
    mid=st.integers(1, 65_535),
    content_type=st.none() | TEXT,
    response_topic=st.none() | TEXT,
    correlation=st.none() | st.binary(max_size=100),
    expiry_s=st.none() | st.integers(0, 0xFFFF_FFFF),
    user=st.just(()),
)


def packed(message: Message, properties: bytes) -> tuple[int, bytes]:
    """The first byte of the header, and what follows the header."""
    topic = message.topic.encode()
    mid = struct.pack(">H", message.mid) if message.qos else b""
    header = 0x30 | message.dup << 3 | message.qos << 1 | message.retain
    return header, struct.pack(">H", len(topic)) + topic + mid + properties + message.payload


@given(MESSAGES)
def test_what_paho_packs_is_what_came(message: Message) -> None:
    header, body = packed(message, properties_of(message, "box").pack())
    expected = message._replace(mid=message.mid if message.qos else 0, user=(("lunix-origin", "box"),))
    assert message_of(header, body, five=True) == expected


@given(MESSAGES)
def test_without_properties_none_are_made(message: Message) -> None:
    plain = Message(*message[:5], message.mid if message.qos else 0)
    assert message_of(*packed(plain, b"\0"), five=True) == plain
    assert message_of(*packed(plain, b""), five=False) == plain


def test_other_properties_are_passed_over() -> None:
    alone: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    alone.PayloadFormatIndicator = 1
    message = Message("a", b"x", retain=True)
    assert message_of(*packed(message, alone.pack()), five=True) == message


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\1a", b"\0\x09a"])
def test_a_packet_that_ends_too_early_is_none(body: bytes) -> None:
    with pytest.raises(IndexError):
        message_of(0x30, body, five=True)


def test_a_topic_that_is_no_text_is_told_apart() -> None:
    with pytest.raises(UnicodeDecodeError):
        message_of(0x30, b"\0\1\xff\0", five=True)
