"""The language of the control socket."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_init import protocol
from lunix_init.protocol import Decoder, Refusal, Request


def refusals(found: list[Request | Refusal]) -> list[tuple[int, str]]:
    return [(item.code, item.message) for item in found if isinstance(item, Refusal)]


def test_requests_are_cut_at_line_ends_however_they_arrive() -> None:
    decoder = Decoder()
    assert decoder.feed(b'{"id":1,"do":"li') == []
    assert decoder.feed(b'st"}\n\n{"do":"stop","name":"a"}\n') == [
        Request(1, "list", {}),
        Request(None, "stop", {"name": "a"}),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"nonsense", "not a JSON object"),
        (b"[1]", "a request is a JSON object"),
        (b"{}", "'do' says what to do"),
        (b'{"do": 1}', "'do' says what to do"),
        (b'{"do": "list", "id": []}', "'id' is a string or a whole number"),
        (b'{"do": NaN}', "NaN is not JSON"),
        (b"[" * 60_000, "not a JSON object"),
        (b"\xff\xfe", "not a JSON object"),
    ],
)
def test_what_is_no_request_is_refused_with_a_reason(line: bytes, reason: str) -> None:
    ((code, message),) = refusals(Decoder().feed(line + b"\n"))
    assert code == 400
    assert reason in message


def test_a_refusal_carries_the_id_of_its_request() -> None:
    (refusal,) = Decoder().feed(b'{"id": "x"}\n')
    assert isinstance(refusal, Refusal)
    assert json.loads(protocol.refuse(refusal))["id"] == "x"


def test_a_message_of_a_megabyte_is_refused_once_and_the_next_is_heard() -> None:
    decoder = Decoder()
    found: list[Request | Refusal] = []
    for _ in range(1024):
        found += decoder.feed(b"x" * 1024)
    found += decoder.feed(b'\n{"do":"list"}\n')
    assert refusals(found) == [(413, "a request holds at most 65536 bytes")]
    assert found[-1] == Request(None, "list", {})


def test_a_whole_long_line_in_one_read_is_refused_alone() -> None:
    found = Decoder(10).feed(b"x" * 11 + b'\n{"do":1}\n')
    assert [code for code, _ in refusals(found)] == [413, 400]


def test_a_line_of_just_the_limit_is_heard() -> None:
    line = b'{"do":"list"}'
    assert Decoder(len(line)).feed(line + b"\n") == [Request(None, "list", {})]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_are_survived(chunks: list[bytes]) -> None:
    decoder = Decoder(64)
    for chunk in chunks:
        decoder.feed(chunk)
    decoder.feed(b"\n")
    assert decoder.feed(b'{"do":"list"}\n') == [Request(None, "list", {})]


@given(st.binary(max_size=300), st.integers(1, 30))
def test_the_cuts_between_reads_do_not_matter(data: bytes, size: int) -> None:
    def told(found: list[Request | Refusal]) -> list[object]:
        return [item if isinstance(item, Request) else (item.code, item.message) for item in found]

    whole = told(Decoder(50).feed(data))
    decoder = Decoder(50)
    pieces: list[object] = []
    for start in range(0, len(data), size):
        pieces += told(decoder.feed(data[start : start + size]))
    assert pieces == whole


def test_arguments_are_read_or_refused() -> None:
    args: dict[str, Any] = {"name": "a", "most": 3, "bad": "x", "yes": True, "long": "x" * 65}
    assert protocol.name_of(args) == "a"
    assert protocol.number_of(args, "most", 1) == 3
    assert protocol.number_of(args, "absent", 1) == 1
    assert protocol.flag_of(args, "yes") is True
    assert protocol.flag_of(args, "absent") is False
    for key in ("most", "absent", "long"):
        with pytest.raises(Refusal, match="is the name of a unit"):
            protocol.name_of(args, key)
    for key in ("bad", "yes"):
        with pytest.raises(Refusal, match="is a whole number"):
            protocol.number_of(args, key, 1)
    with pytest.raises(Refusal, match="is a whole number from 0 to 2"):
        protocol.number_of(args, "most", 1, 2)
    with pytest.raises(Refusal, match="is true or false"):
        protocol.flag_of(args, "most")


def test_answers_are_one_line_whatever_they_hold() -> None:
    line = protocol.answer(1, {"text": "a\nb\u2028\udcff"})
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"id": 1, "ok": True, "result": {"text": "a\nb\u2028\udcff"}}
    refused = json.loads(protocol.refuse(Refusal(404, "no"), 7))
    assert refused == {"id": 7, "ok": False, "error": {"code": 404, "message": "no"}}
