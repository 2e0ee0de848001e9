"""The parser, with what comes in one piece and in any pieces."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_bus.parser import KNOWN_LINES, Parser, Publication, Violation, size_of
from lunix_testing.hub import unhurried

MOST = 64


class Recorder:
    """Keeps what a parser calls."""

    def __init__(self, *, awaited: bool = False) -> None:
        self.awaited = awaited
        self.calls: list[tuple[Any, ...]] = []

    def publication(self, publication: Publication) -> None:
        if publication.size < 0 or publication.size > 5000:
            raise Violation("Maximum Payload Violation")

    def publish(self, publication: Publication, body: bytes) -> None:
        self.calls.append(("publish", publication.subject, publication.reply, publication.header, body))

    def connect(self, options: bytes) -> None:
        self.awaited = False
        self.calls.append(("connect", options))

    def subscribe(self, subject: bytes, queue: bytes, sid: bytes) -> None:
        self.calls.append(("subscribe", subject, queue, sid))

    def unsubscribe(self, sid: bytes, most: int) -> None:
        self.calls.append(("unsubscribe", sid, most))

    def ping(self) -> None:
        self.calls.append(("ping",))

    def pong(self) -> None:
        self.calls.append(("pong",))


def parsed(*pieces: bytes, awaited: bool = False) -> list[tuple[Any, ...]]:
    """The calls, with the violation that ended them, if any, as the last."""
    recorder = Recorder(awaited=awaited)
    parser = Parser(recorder, MOST)
    try:
        for piece in pieces:
            parser.feed(piece)
    except Violation as violation:
        recorder.calls.append(("violation", violation.told))
    return recorder.calls


GOOD = {
    b"PING\r\n": [("ping",)],
    b"ponG and more\n": [("pong",)],
    b"+OK\r\n": [],
    b"INFO {}\r\n": [],
    b"CONNECT {}\r\n": [("connect", b"{}")],
    b"SUB a 1\r\n": [("subscribe", b"a", b"", b"1")],
    b"SUB\ta q\t 1 \r\n": [("subscribe", b"a", b"q", b"1")],
    b"UNSUB 1\r\n": [("unsubscribe", b"1", -1)],
    b"UNSUB 1 5\r\n": [("unsubscribe", b"1", 5)],
    b"PUB a 2\r\nxy\r\n": [("publish", b"a", b"", 0, b"xy\r\n")],
    b"PUB a r 0\r\n\r\n": [("publish", b"a", b"r", 0, b"\r\n")],
    b"PUB a 4\r\n\r\n\r\n\r\n": [("publish", b"a", b"", 0, b"\r\n\r\n\r\n")],
    b"HPUB a 3 4\r\nxyz1\r\n": [("publish", b"a", b"", 3, b"xyz1\r\n")],
    b"HPUB a r 3 3\r\nxyz\r\n": [("publish", b"a", b"r", 3, b"xyz\r\n")],
    b"PUB big 5000\r\n" + b"x" * 5000 + b"\r\n": [("publish", b"big", b"", 0, b"x" * 5000 + b"\r\n")],
}
UNKNOWN = ("violation", "Unknown Protocol Operation")
BAD = {
    b"\0": UNKNOWN,
    b"\r\n": UNKNOWN,
    b"HELLO\r\n": UNKNOWN,
    b"HE": UNKNOWN,
    b"PUBX a 1\r\n": UNKNOWN,
    b"PUB\r\n": UNKNOWN,
    b"MSG a 1 1\r\n": UNKNOWN,
    b"PUB a 1\r\nxyz": UNKNOWN,
    b"PUB a 1\r\nx\rz": UNKNOWN,
    b"PUB a 1\r\nxy": UNKNOWN,
    b"-ERR no\r\n": ("violation", None),
    b"PUB a\r\n": ("violation", None),
    b"PUB a b c 1\r\n": ("violation", None),
    b"HPUB a 1\r\n": ("violation", None),
    b"SUB a\r\n": ("violation", None),
    b"UNSUB 1 2 3\r\n": ("violation", None),
    b"PUB a 5001\r\n": ("violation", "Maximum Payload Violation"),
    b"PUB a -1\r\n": ("violation", "Maximum Payload Violation"),
    b"SUB " + b"a" * 65: ("violation", "maximum control line exceeded"),
    b"CONNECT {" + b"a" * 65 + b"\r\n": ("violation", "maximum control line exceeded"),
}


@pytest.mark.parametrize(("sent", "calls"), GOOD.items())
def test_a_line_is_a_call(sent: bytes, calls: list[tuple[Any, ...]]) -> None:
    assert parsed(sent) == calls


@pytest.mark.parametrize(("sent", "violation"), BAD.items())
def test_what_is_wrong_ends_it(sent: bytes, violation: tuple[Any, ...]) -> None:
    assert parsed(sent) == [violation]
    assert parsed(*(sent[place : place + 1] for place in range(len(sent)))) == [violation]


@unhurried
@given(
    st.lists(st.sampled_from([*GOOD, *GOOD, *BAD]), min_size=1, max_size=6),
    st.lists(st.integers(0, 400), max_size=8),
)
def test_in_which_pieces_it_comes_makes_no_difference(lines: list[bytes], cuts: list[int]) -> None:
    sent = b"".join(lines)
    places = [0, *sorted(cut for cut in cuts if cut < len(sent)), len(sent)]
    pieces = [sent[start:end] for start, end in pairwise(places)]
    assert parsed(*pieces) == parsed(sent)


@unhurried
@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_no_bytes_do_anything_but_calls_and_one_violation(pieces: list[bytes], awaited: bool) -> None:
    calls = parsed(*pieces, awaited=awaited)
    assert all(call[0] != "violation" for call in calls[:-1])


@pytest.mark.parametrize("first", [b"PING\r\n", b"P", b"SUB a 1\r\n", b"\0"])
def test_nothing_comes_before_connect_where_it_is_awaited(first: bytes) -> None:
    assert parsed(first, awaited=True) == [("violation", "Authorization Violation")]
    assert parsed(b"c", b"onnect x\r\n", first, awaited=True)[0] == ("connect", b"x")


@pytest.mark.parametrize("begun", [b"PING", b"+OK", b"SUB ", b"CONNECT "])
def test_a_line_that_never_ends_is_not_kept(begun: bytes) -> None:
    parser = Parser(Recorder(), MOST)
    parser.feed(begun)
    for _ in range(100):
        parser.feed(b" " * 1000)
    assert sum(map(len, parser._rest)) < 1100


def test_a_great_message_is_put_together_once() -> None:
    recorder = Recorder()
    parser = Parser(recorder, MOST)
    parser.feed(b"PUB a 5000\r\n")
    for _ in range(5000):
        parser.feed(b"x")
        assert recorder.calls == []
    parser.feed(b"\r\nPING\r\n")
    assert recorder.calls == [("publish", b"a", b"", 0, b"x" * 5000 + b"\r\n"), ("ping",)]


def test_lines_are_not_kept_without_bound() -> None:
    recorder = Recorder()
    parser = Parser(recorder, MOST)
    for number in range(KNOWN_LINES + 10):
        parser.feed(b"PUB a.%d 1\r\nx\r\n" % number)
    assert len(recorder.calls) == KNOWN_LINES + 10
    assert len(parser.known) <= KNOWN_LINES


@pytest.mark.parametrize(
    ("text", "size"), [(b"0", 0), (b"007", 7), (b"999999999", 999999999), (b"1000000000", -1), (b"", -1), (b"1x", -1)]
)
def test_a_size_has_at_most_nine_digits(text: bytes, size: int) -> None:
    assert size_of(text) == size
