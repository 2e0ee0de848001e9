"""What waits for a slow client is bounded, in order, and says what is missing."""

import json

from hypothesis import given
from hypothesis import strategies as st

from lunix_websocket.queue import Queue
from lunix_websocket.refusals import MOST, WINDOW_S, Refusals


def drain(queue: Queue) -> list[bytes]:
    found: list[bytes] = []
    while (frame := queue.take()) is not None:
        found.append(frame)
    return found


def test_frames_come_out_in_order() -> None:
    queue = Queue(100)
    assert all(queue.put(frame) for frame in (b"a", b"b", b"c"))
    assert len(queue) == 3
    assert drain(queue) == [b"a", b"b", b"c"]


def test_a_gap_is_announced_at_its_place() -> None:
    queue = Queue(10)
    assert queue.put(b"12345678")
    assert not queue.put(b"lost")
    assert not queue.put(b"too")
    assert len(queue) == 2
    assert queue.take() == b"12345678"
    assert queue.put(b"new")
    note, last = drain(queue)
    assert json.loads(note) == {"op": "dropped", "count": 2}
    assert last == b"new"
    assert queue.dropped == 2


def test_a_gap_at_the_end_is_announced_too() -> None:
    queue = Queue(10)
    queue.put(b"12345678")
    queue.put(b"lost")
    assert [b"dropped" in frame for frame in drain(queue)] == [False, True]


def test_a_gap_ends_when_half_is_read_so_that_announcements_do_not_fill_the_queue() -> None:
    queue = Queue(8)
    for frame in (b"1234", b"5678"):
        queue.put(frame)
    assert not queue.put(b"x")
    queue.take()
    assert not queue.put(b"y")
    queue.take()
    assert queue.put(b"z")


def test_a_silent_one_announces_nothing() -> None:
    queue = Queue(4).silent()
    queue.put(b"1234")
    queue.put(b"5")
    assert len(queue) == 1
    assert drain(queue) == [b"1234"]
    assert queue.dropped == 1


def test_one_frame_of_any_size_passes() -> None:
    assert Queue(4).put(b"12345678")


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=40), st.none())), st.integers(1, 100))
def test_every_frame_comes_out_or_is_counted_and_the_rest_is_bounded(steps: list[bytes | None], most: int) -> None:
    queue, put, taken = Queue(most), 0, list[bytes]()
    for step in steps:
        if step is None:
            if (frame := queue.take()) is not None:
                taken.append(frame)
        else:
            put += 1
            queue.put(b"!" + step)
        assert queue._bytes <= most + 41 + 64
    taken += drain(queue)
    announced = sum(json.loads(frame)["count"] for frame in taken if not frame.startswith(b"!"))
    assert announced == queue.dropped
    assert put == queue.dropped + sum(frame.startswith(b"!") for frame in taken)


def test_refusals_are_told_until_there_are_too_many_in_a_minute() -> None:
    refusals = Refusals()
    assert [refusals.tell(100.0 + one) for one in range(MOST + 2)] == [0] * MOST + [None, None]
    assert refusals.tell(100.0 + WINDOW_S) == 2
    assert refusals.tell(100.0 + WINDOW_S) == 0
