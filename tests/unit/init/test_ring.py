"""The last lines of a service."""

import json

from hypothesis import given
from hypothesis import strategies as st

from lunix_init.ring import MAX_LINE, Line, Ring


def test_lines_are_numbered_and_cut_at_their_ends() -> None:
    ring = Ring(10)
    assert ring.feed(b"one\ntw", at=1.0) == [Line(1, 1.0, "one")]
    assert ring.feed(b"o\r\n\nthree", at=2.0) == [Line(2, 2.0, "two"), Line(3, 2.0, "")]
    assert ring.flush(at=3.0) == [Line(4, 3.0, "three")]
    assert ring.flush() == []
    assert ring.last(2) == ["", "three"]
    assert ring.last(0) == []


def test_only_the_last_lines_are_held_and_the_lost_are_counted() -> None:
    ring = Ring(3)
    ring.feed(b"".join(b"%d\n" % n for n in range(1, 11)), at=0.0)
    lost, lines = ring.since(2)
    assert lost == 5
    assert [line.number for line in lines] == [8, 9, 10]
    assert ring.since(10) == (0, [])
    assert ring.since(8, most=1) == (0, [Line(10, 0.0, "10")])


def test_a_ring_of_no_lines_still_counts() -> None:
    ring = Ring(0)
    ring.feed(b"a\nb\n")
    assert ring.since(0) == (2, [])


def test_an_endless_line_is_cut_and_held_in_no_more_memory_than_a_line() -> None:
    ring = Ring(5)
    found = ring.feed(b"x" * (3 * MAX_LINE + 1))
    assert [len(line.text) for line in found] == [MAX_LINE] * 3
    assert [line.text for line in ring.flush()] == ["x"]
    found = ring.feed(b"y" * (MAX_LINE + 1) + b"\n")
    assert [len(line.text) for line in found] == [MAX_LINE, 1]


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert Ring(1).feed(b"\xff\n")[0].text == "\ufffd"


def test_a_ring_can_change_its_size() -> None:
    ring = Ring(5)
    ring.feed(b"a\nb\nc\n")
    ring.resize(5)
    ring.resize(2)
    assert ring.last(9) == ["b", "c"]


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(0, 20))
def test_a_ring_survives_being_saved_at_any_moment(chunks: list[bytes], cut: int) -> None:
    straight, moved = Ring(50), Ring(50)
    for number, chunk in enumerate(chunks):
        straight.feed(chunk, at=0.0)
        if number == cut:
            moved = Ring.load(json.loads(json.dumps(moved.save())), 50)
        moved.feed(chunk, at=0.0)
    assert moved.flush(at=0.0) == straight.flush(at=0.0)
    assert moved.since(0) == straight.since(0)


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_no_byte_is_lost_however_the_reads_fall(chunks: list[bytes]) -> None:
    ring = Ring(10_000)
    for chunk in chunks:
        ring.feed(chunk)
    ring.flush()
    data = b"".join(chunks)
    whole = data.split(b"\n")
    if not whole[-1]:
        whole.pop()
    assert ring.last(10_000) == [x.decode(errors="replace").removesuffix("\r") for x in whole]
