"""The bounded queue towards one reader."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lunix_init.outbox import Outbox


def event(seq: int) -> bytes:
    return json.dumps({"event": {"seq": seq}}).encode() + b"\n"


def drain(outbox: Outbox) -> list[dict[str, Any]]:
    data = b""
    while outbox:
        piece = outbox.peek(7)
        data += piece
        outbox.wrote(len(piece))
    return [json.loads(line) for line in data.splitlines()]


def test_what_fits_is_written_in_order() -> None:
    outbox = Outbox("b", 1000)
    outbox.put(b'{"ok":true}\n')
    outbox.put_event(1, event(1))
    assert drain(outbox) == [{"ok": True}, {"event": {"seq": 1}}]


def test_what_does_not_fit_is_told_before_what_follows() -> None:
    outbox = Outbox("b", 2 * len(event(1)))
    for seq in range(1, 6):
        outbox.put_event(seq, event(seq))
    found = drain(outbox)
    lost = {"boot": "b", "from_seq": 3, "to_seq": 5, "reason": "slow"}
    assert found == [{"event": {"seq": 1}}, {"event": {"seq": 2}}, {"lost": lost}]


def test_a_loss_is_told_between_the_events_around_it() -> None:
    outbox = Outbox("b", 400)
    outbox.put(b"x" * 395)
    outbox.put_event(1, event(1))
    outbox.wrote(200)
    outbox.put_event(2, event(2))
    assert b'"to_seq":1' in outbox.peek()
    assert outbox.peek().endswith(event(2))


def test_an_answer_is_taken_even_when_it_is_full() -> None:
    outbox = Outbox("b", 10)
    outbox.put(b"x" * 50)
    assert outbox.full
    assert len(outbox) == 50
    outbox.wrote(45)
    assert not outbox.full


def test_a_numbered_line_is_taken_while_there_is_room() -> None:
    outbox = Outbox("b", 10)
    for line in (b"12345\n", b"678\n", b"9\n"):
        outbox.put_if_room(line)
    assert outbox.peek() == b"12345\n678\n"


@given(st.lists(st.integers(0, 3), max_size=60))
def test_each_number_is_either_written_or_told_as_lost(reads: list[int]) -> None:
    outbox = Outbox("b", 120)
    data = b""
    for seq, read in enumerate(reads, 1):
        outbox.put_event(seq, event(seq))
        for _ in range(read):
            piece = outbox.peek(20)
            data += piece
            outbox.wrote(len(piece))
    while outbox:
        data += outbox.peek()
        outbox.wrote(len(outbox.peek()))
    seen: list[int] = []
    for line in data.splitlines():
        message = json.loads(line)
        if "event" in message:
            seen.append(message["event"]["seq"])
        else:
            seen.extend(range(message["lost"]["from_seq"], message["lost"]["to_seq"] + 1))
    assert seen == list(range(1, len(reads) + 1))
