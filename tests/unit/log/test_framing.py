"""Messages in a stream, however the stream comes in pieces."""

from collections.abc import Iterable
from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_log.framing import Deframer, Frame


def whole(*messages: bytes) -> list[Frame]:
    return [Frame(message, truncated=False) for message in messages]


def framed(pieces: Iterable[bytes], most: int = 8192, *, counted: bool = True) -> list[Frame]:
    deframer = Deframer(most, counted=counted)
    frames = list(chain.from_iterable(map(deframer.feed, pieces)))
    rest = deframer.close()
    return [*frames, rest] if rest else frames


def counted(message: bytes) -> bytes:
    return b"%d %b" % (len(message), message)


@pytest.mark.parametrize(
    ("stream", "wanted"),
    [
        (b"<13>a\n<13>b\r\n", whole(b"<13>a", b"<13>b")),
        (b"5 <13>a6 <13>bc", whole(b"<13>a", b"<13>bc")),
        (b"5 <13>a\n5 <13>b\n<13>c\n", whole(b"<13>a", b"<13>b", b"<13>c")),
        (b"7 <13>a\nb", whole(b"<13>a\nb")),
        (b"12 monkeys\n", whole(b"12 monkeys")),
        (b"2026-11-21 x\n007 <13>x\n", whole(b"2026-11-21 x", b"007 <13>x")),
        (b"1234567890 <13>x\n", whole(b"1234567890 <13>x")),
        (b"\n\n\r\n", []),
        (b"<13>no end", whole(b"<13>no end")),
        (b"12", whole(b"12")),
        (b"20 <13>cut", [Frame(b"<13>cut", truncated=True)]),
        (b"", []),
    ],
)
def test_both_ways_are_told_apart(stream: bytes, wanted: list[Frame]) -> None:
    assert framed([stream]) == wanted
    assert framed(stream[at : at + 1] for at in range(len(stream))) == wanted


def test_what_is_longer_is_cut_and_says_so() -> None:
    for stream in (b"<13>" + b"a" * 100 + b"\n<13>b\n", counted(b"<13>" + b"a" * 100) + counted(b"<13>b")):
        for size in (1, 7, 1000):
            pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
            assert framed(pieces, 10) == [Frame(b"<13>aaaaaa", truncated=True), *whole(b"<13>b")]


def test_lines_alone_are_never_counted() -> None:
    assert framed([b"5 <13>a\n"], counted=False) == whole(b"5 <13>a")


MESSAGE = st.binary(max_size=30).map(lambda raw: b"<13>" + raw)


@given(st.lists(MESSAGE), st.lists(st.integers(0, 200)))
def test_counted_messages_come_out_as_they_were(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(counted, messages))
    ends = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in pairwise(ends)]
    assert framed(pieces) == whole(*(message.removesuffix(b"\r") for message in messages))


@given(st.binary(max_size=200), st.integers(1, 50), st.integers(1, 20))
def test_the_pieces_make_no_difference(stream: bytes, size: int, most: int) -> None:
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    frames = framed(pieces, most)
    assert frames == framed([stream], most)
    assert all(len(frame.data) <= most for frame in frames)
