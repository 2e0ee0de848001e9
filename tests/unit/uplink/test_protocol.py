"""The client's side of NATS's protocol, in pieces of any size, and against whatever a hostile server sends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_uplink import protocol
from lunix_uplink.protocol import Broken, Message, Parser, Told

subjects = st.from_regex(r"\A[a-z%$*>.]{1,20}\Z").map(str.encode)
heads = st.sampled_from(
    [b"", b"NATS/1.0\r\n\r\n", b"NATS/1.0 503\r\n\r\n", b"NATS/1.0\r\nLunix-Seq: 7\r\nA: \xff\r\n\r\n"]
)
messages = st.builds(Message, subjects, st.just(b"3"), st.one_of(st.just(b""), subjects), heads, st.binary(max_size=50))
told = st.sampled_from([Told(b"PING", b""), Told(b"PONG", b""), Told(b"-ERR", b"'x'"), Told(b"INFO", b"{}")])


def written(one: Message | Told) -> bytes:
    """As a server writes it."""
    if isinstance(one, Told):
        return one.verb + (b" " + one.text if one.text else b"") + b"\r\n"
    words = b" ".join(word for word in (one.subject, one.sid, one.reply) if word)
    size = len(one.head) + len(one.data)
    if one.head:
        return b"HMSG %b %d %d\r\n%b%b\r\n" % (words, len(one.head), size, one.head, one.data)
    return b"MSG %b %d\r\n%b\r\n" % (words, size, one.data)


@given(st.lists(st.one_of(messages, told), max_size=8), st.lists(st.integers(1, 30)))
def test_what_is_written_is_read_in_pieces_of_any_size(items: list[Message | Told], cuts: list[int]) -> None:
    whole, parser, found = b"".join(map(written, items)), Parser(), list[Message | Told]()
    for cut in cuts:
        piece, whole = whole[:cut], whole[cut:]
        found += parser.feed(piece)
    assert [*found, *parser.feed(whole)] == items


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_nothing_that_comes_is_more_than_broken(pieces: list[bytes]) -> None:
    parser = Parser()
    for piece in (b"MSG ", *pieces, b"\r\n"):
        try:
            for one in parser.feed(piece):
                assert isinstance(one, Told) or not set(one.subject) & set(b" \t\r\n\0")
        except Broken:
            return


@pytest.mark.parametrize(
    "line",
    [
        b"MSG a 1 x\r\n",
        b"MSG a 1 -1\r\n",
        b"MSG a 1 1234567890\r\n",
        b"MSG a 1 999999999\r\n",
        b"MSG a\tb 1 0\r\n",
        b"MSG  1 0\r\n",
        b"MSG a 1 b c 0\r\n",
        b"MSG 0\r\n",
        b"HMSG a 1 9 5\r\n",
        b"HMSG a 1 5\r\n",
        b"MSG a 1 1\r\nxyz",
        b"x" * (protocol.MOST_LINE_BYTES + 1),
        b"MSG " + b"a" * 5000 + b" 1 0\r\n",
    ],
)
def test_what_makes_no_sense_ends_it(line: bytes) -> None:
    with pytest.raises(Broken):
        list(Parser().feed(line))


@given(messages)
def test_what_is_said_is_said_as_a_client_does(one: Message) -> None:
    said = protocol.publish(one.subject, one.reply, one.head, one.data)
    words, _, rest = said.partition(b"\r\n")
    size = len(one.head) + len(one.data)
    expected = [b"HPUB" if one.head else b"PUB", one.subject, *([one.reply] if one.reply else [])]
    assert words.split() == [*expected, *([b"%d" % len(one.head)] if one.head else []), b"%d" % size]
    assert rest == one.head + one.data + b"\r\n"


def test_a_subscription_is_one_line() -> None:
    assert protocol.subscribe("ps.>", 3) == b"SUB ps.> 3\r\n"
