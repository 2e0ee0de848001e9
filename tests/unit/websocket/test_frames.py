"""A frame is a payload of the bus and back, and nothing that a client sends is a defect."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_websocket import frames
from lunix_websocket.frames import FrameError, is_subject, parse, payload_bytes, payload_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def members(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("{" + payload_json(data) + "}")
    return found


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_what_goes_back_is_what_came(data: bytes) -> None:
    back = payload_bytes(members(data))
    try:
        value: object = json.loads(data.decode(), parse_constant=frames._no_number)
    except (ValueError, UnicodeDecodeError):
        assert back == data
    else:
        assert json.loads(back) == value


@given(JSON)
def test_json_comes_as_json_and_goes_back_as_json(value: object) -> None:
    found = members(json.dumps(value).encode())
    assert found["payload"] == value
    assert ("encoding" in found) == isinstance(value, str)
    assert json.loads(payload_bytes(found)) == value


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", {"payload": ""}),
        (b"on", {"payload": "on"}),
        (b"21.5", {"payload": 21.5}),
        (b'"on"', {"payload": "on", "encoding": "json"}),
        (b'{"a": [1]}', {"payload": {"a": [1]}}),
        (b"NaN", {"payload": "NaN"}),
        (b"[" * 100_000, {"payload": "[" * 100_000}),
        (b"\xff\x00", {"payload": "/wA=", "encoding": "base64"}),
        ("\ufeff{}".encode(), {"payload": "\ufeff{}"}),
    ],
)
def test_payloads_of_each_sort(data: bytes, expected: dict[str, Any]) -> None:
    assert members(data) == expected
    assert payload_bytes(members(data)).replace(b" ", b"") == data.replace(b" ", b"")


def test_a_frame_without_op_publishes_as_a_message_of_node_red() -> None:
    op = parse('{"topic": "toast.in", "payload": {"summary": "tea"}, "_msgid": "a1"}')
    assert (op.verb, op.topic, op.data, op.id) == ("publish", "toast.in", b'{"summary":"tea"}', None)


def test_a_request_has_an_id_and_a_deadline() -> None:
    op = parse('{"op": "request", "id": 7, "topic": "hardware.list", "timeout_ms": 1500}')
    assert (op.verb, op.id, op.data, op.timeout_s) == ("request", 7, b"", 1.5)
    # Else it is the subject's own.
    assert parse('{"op": "request", "id": 7, "topic": "hardware.list"}').timeout_s is None


def test_the_token_comes_in_a_frame() -> None:
    assert parse('{"op": "auth", "token": "s3cret"}').token == "s3cret"


@pytest.mark.parametrize("verb", ["subscribe", "unsubscribe"])
def test_one_listens_with_wildcards(verb: str) -> None:
    assert parse(json.dumps({"op": verb, "topic": "a.*.>"})).topic == "a.*.>"


WRONG: list[Any] = [
    "", "[]", "{", "7", '"x"', "null", '{"topic": NaN}', "{" * 5000, "[" * 200_000, b"{}",
    {}, {"topic": 7}, {"topic": ""}, {"topic": "a b"}, {"topic": "a.*"}, {"topic": ">"}, {"topic": "a..b"},
    {"topic": "x" * 1025}, {"topic": "é" * 600}, {"op": "dance", "topic": "a"}, {"op": [], "topic": "a"},
    {"topic": "a", "payload": "é", "encoding": "base64"}, {"topic": "a", "payload": 7, "encoding": "base64"},
    {"topic": "a", "payload": "x", "encoding": "rot13"}, {"topic": "a", "id": True}, {"topic": "a", "id": 1.5},
    {"topic": "a", "id": "x" * 129}, {"topic": "a", "id": "\ud800"}, {"topic": "a", "payload": "\ud800"},
    {"topic": "a\ud800"}, {"op": "auth"}, {"op": "request", "topic": "a"},
    {"op": "request", "topic": "a", "id": 1, "timeout_ms": 0},
    {"op": "request", "topic": "a", "id": 1, "timeout_ms": True},
    {"op": "request", "topic": "a", "id": 1, "timeout_ms": 60_001}, {"op": "subscribe", "topic": "a.>.b"},
]  # fmt: skip


@pytest.mark.parametrize("frame", WRONG, ids=lambda frame: repr(frame)[:40])
def test_nonsense_is_refused(frame: str | bytes | dict[str, Any]) -> None:
    with pytest.raises(FrameError) as caught:
        parse(json.dumps(frame) if isinstance(frame, dict) else frame)
    assert str(caught.value)


def test_a_refusal_names_the_frame_where_that_much_is_legible() -> None:
    with pytest.raises(FrameError) as caught:
        parse('{"id": "a", "op": "dance"}')
    assert caught.value.id == "a"


@given(
    st.text()
    | JSON.map(json.dumps)
    | st.dictionaries(st.sampled_from(["op", "id", "topic", "payload"]), JSON).map(json.dumps)
)
def test_no_text_is_a_defect_and_every_answer_can_be_sent(text: str) -> None:
    op: frames.Op | None = None
    told: bytes
    try:
        op = parse(text)
    except FrameError as error:
        told = frames.error(400, str(error), error.id)
    else:
        told = frames.reply(op.id, op.topic, op.data)
    assert json.loads(told)["op"] == ("reply" if op else "error")
    assert op is None or is_subject(op.topic, wildcards=True) or op.verb == "auth"


@given(st.text())
def test_a_subject_never_breaks_the_protocol(text: str) -> None:
    if is_subject(text, wildcards=True):
        assert not set(text) & set(" \t\r\n\0")
        assert all(text.split("."))


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("hello", "user.a", ("user.a", b"hello")),
        (b"\xff", "user.a", ("user.a", b"\xff")),
        ('{"a":1}', "user.a", ("user.a", b'{"a":1}')),
        ('{"payload":1}', "user.a", ("user.a", b'{"payload":1}')),
        ('{"payload":1,"topic":"kitchen"}', "user.a", ("user.a", b"1")),
        ('{"payload":"on","_msgid":"x"}', "user.a", ("user.a", b"on")),
        ('{"payload":"on","topic":"user.lamp"}', "user.>", ("user.lamp", b"on")),
    ],
)
def test_what_comes_in_on_pub(text: str | bytes, path: str, expected: tuple[str, bytes]) -> None:
    assert frames.for_path(text, path) == expected


@pytest.mark.parametrize("text", ["hello", b"x", '{"payload":1,"topic":7}', '{"payload":1,"topic":"a b"}'])
def test_a_path_with_wildcards_takes_frames_with_a_topic_alone(text: str | bytes) -> None:
    with pytest.raises(FrameError):
        frames.for_path(text, "user.>")


def test_frames_that_go_out() -> None:
    payload = payload_json(b"21.5")
    assert json.loads(frames.message("a.b", payload)) == {"topic": "a.b", "payload": 21.5}
    whole = json.loads(frames.bus_message("a.b", payload, "a.>", {"Lunix-Seq": "1"}))
    assert whole == {"topic": "a.b", "filter": "a.>", "headers": {"Lunix-Seq": "1"}, "payload": 21.5}
    assert json.loads(frames.told("dropped", count=3, id=None)) == {"op": "dropped", "count": 3}


@pytest.mark.parametrize(
    ("credentials", "password"),
    [("OnRva2Vu", "token"), ("bmFtZTp0b2tlbg==", "token"), ("dG9rZW4=", None), ("!", None), ("/w==", None)],
)
def test_the_password_of_basic_authentication(credentials: str, password: str | None) -> None:
    assert frames.basic_password(credentials) == password
