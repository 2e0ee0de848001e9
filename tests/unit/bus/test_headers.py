"""The block of headers, and the one that tells who asks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_bus import headers
from lunix_testing.hub import unhurried

KEY = headers.REQUEST_INFO


@pytest.mark.parametrize(
    ("block", "after"),
    [
        (b"", b"NATS/1.0\r\nK: v\r\n\r\n"),
        (b"NATS/1.0\r\n\r\n", b"NATS/1.0\r\nK: v\r\n\r\n"),
        (b"NATS/1.0\r\nA: b\r\n\r\n", b"NATS/1.0\r\nA: b\r\nK: v\r\n\r\n"),
        (b"NATS/1.0\r\nK: x\r\n\r\n", b"NATS/1.0\r\nK: v\r\n\r\n"),
        (b"NATS/1.0\r\nK: x\r\nA: b\r\nK:y\r\n\r\n", b"NATS/1.0\r\nA: b\r\nK: v\r\n\r\n"),
        (b"NATS/1.0\r\nKK: x\r\nk: y\r\n\r\n", b"NATS/1.0\r\nKK: x\r\nk: y\r\nK: v\r\n\r\n"),
        (b"NATS/1.0\r\nK: x\r\n", b"NATS/1.0\r\nK: xK: v\r\n\r\n"),
    ],
)
def test_a_header_is_put_last_and_alone(block: bytes, after: bytes) -> None:
    assert headers.put(block, b"K", b"v") == after


@unhurried
@given(st.binary(max_size=60).map(lambda middle: b"NATS/1.0\r\n" + middle + b"\r\n\r\n"))
def test_whatever_a_client_wrote_the_last_line_is_ours(block: bytes) -> None:
    assert headers.put(block, KEY, b"ours").endswith(KEY + b": ours\r\n\r\n")


def test_a_value_is_the_first_of_its_name() -> None:
    block = b"NATS/1.0\r\nA: 1\r\nK:   v w \r\nK: x\r\n\r\n"
    assert headers.value(block, b"K") == b"v w "
    assert headers.value(block, b"B") == b""
    assert headers.value(b"X\r\nK: to the end", b"K") == b"to the end"


def test_who_asks_is_written_as_go_writes_it() -> None:
    info = {"acc": "A", "start": "s", "name": '<"&\u2028\x01ä', "rtt": 3, "user": None, "host": ""}
    text = headers.written(info)
    assert text == b'{"start":"s","acc":"A","name":"\\u003c\\"\\u0026\\u2028\\u0001\xc3\xa4","rtt":3}'
    assert headers.read(text) == {"start": "s", "acc": "A", "name": '<"&\u2028\x01ä', "rtt": 3}


def test_a_half_of_a_character_is_no_error() -> None:
    assert json.loads(headers.written({"name": "\ud800"})) == {"name": "?"}


def test_names_of_fields_are_taken_in_any_case_and_unknown_ones_left_out() -> None:
    assert headers.read(b'{"ACC":"A","other":1,"svc":null}') == {"acc": "A"}


@pytest.mark.parametrize(
    "text", [b"", b"x", b"[]", b'"x"', b'{"acc":1}', b'{"id":"1"}', b'{"id":true}', b"[" * 100_000]
)
def test_what_is_no_such_json_is_nothing(text: bytes) -> None:
    assert headers.read(text) is None
