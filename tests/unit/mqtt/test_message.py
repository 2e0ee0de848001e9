"""Headers and properties: each way, whatever they hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_mqtt.message import Message, from_broker, from_headers, marked, sound, to_headers

TEXT = st.text(max_size=20).filter(sound)
TOPIC = TEXT.filter(lambda topic: bool(topic) and topic[0] != "$" and not set("+#") & set(topic))
MESSAGES = st.builds(
    Message,
    TEXT,
    st.binary(max_size=10),
    st.integers(0, 1),
    st.booleans(),
    dup=st.just(False),
    mid=st.just(0),
    content_type=st.none() | TEXT,
    response_topic=st.none() | TOPIC,
    correlation=st.none() | st.binary(max_size=10),
    expiry_s=st.none() | st.integers(0, 2**32 - 1),
    user=st.lists(st.tuples(TEXT.filter(lambda name: name != "lunix-origin"), TEXT), max_size=4).map(tuple),
)


@given(MESSAGES)
def test_headers_lead_back_to_the_message(message: Message) -> None:
    headers = to_headers(message)
    # As a NATS client reads them: spaces at the ends are not kept.
    read = {name: text.strip() for name, text in headers.items()}
    assert from_headers(message.topic, message.payload, read, 0) == message


@given(MESSAGES)
def test_no_text_can_end_its_header(message: Message) -> None:
    for name, text in to_headers(message).items():
        assert name.isascii()
        assert text.isascii()
        assert text.isprintable() or not text


def test_what_was_received_is_told() -> None:
    message = Message("ä b", b"", 1, dup=True, user=(("lunix-origin", "box"), ("a", "b")))
    assert to_headers(message) == {
        "Mqtt-Topic": "%C3%A4 b",
        "Mqtt-Qos": "1",
        "Mqtt-Dup": "1",
        "Mqtt-Origin": "box",
        "Mqtt-User": "a=b",
    }
    assert to_headers(Message("a", b""), dup=True)["Mqtt-Dup"] == "1"


def test_headers_of_a_publisher_become_user_properties() -> None:
    headers = {"Colour": "red", "Nats-Request-Info": "{}", "Lunix-Seq": "1", "Mqtt-Qos": "2", "Mqtt-Retain": "1"}
    message = from_headers("a", b"x", headers, 1)
    assert (message.qos, message.retain, message.user) == (2, True, (("Colour", "red"),))
    assert from_headers("a", b"x", {}, 1).qos == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Mqtt-Qos": "3"}, {"Mqtt-Qos": "x"}, {"Mqtt-Retain": "yes"}, {"Mqtt-Expiry": "-1"}, {"Mqtt-Expiry": "9" * 11},
        {"Mqtt-Content-Type": "a%00b"}, {"Mqtt-Qos": "²"}, {"Mqtt-Response-Topic": "a/#"},
        {"Mqtt-Response-Topic": "%EF%BF%BF"},
    ],
)  # fmt: skip
def test_headers_that_make_no_sense_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_headers("a", b"", headers, 0)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8)))
def test_any_headers_are_a_message_or_refused(headers: dict[str, str]) -> None:
    try:
        message = from_headers("a", b"", headers, 0)
    except ValueError:
        return
    assert all(sound(text) for pair in message.user for text in pair)


@pytest.mark.parametrize("topic", ["a\x01", "a\x7f", "\x9f", "\uffff", "\U0010fffe", "\ufdd0", "\ud800"])
def test_what_some_brokers_end_the_connection_for_is_not_published(topic: str) -> None:
    assert not sound(topic)
    with pytest.raises(ValueError, match="control"):
        from_headers(topic, b"", {}, 0)


def test_user_properties_that_mqtt_cannot_carry_are_left_out() -> None:
    headers = {"A": "\0", "B": "x" * 65_536, "C": "\ud800", "D": "y"}
    assert from_headers("a", b"", headers, 0).user == (("D", "y"),)


@pytest.mark.parametrize(
    ("headers", "came"),
    [({}, False), ({"Mqtt-Origin": "box"}, True), ({"Lunix-Source": "mqtt"}, True), ({"Lunix-Source": "ps"}, False)],
)
def test_what_came_from_a_broker_is_known(headers: dict[str, Any], came: bool) -> None:
    assert from_broker(headers) is came


def test_a_mark_takes_the_place_of_another() -> None:
    assert marked((("lunix-origin", "x"), ("a", "b")), "box") == (("a", "b"), ("lunix-origin", "box"))
