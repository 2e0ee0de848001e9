"""Listings in pages: one snapshot, a bounded life, and clear errors."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.bus.errors import RequestError
from lunix_common.bus.paging import LIFE_S, MOST_SNAPSHOTS, Snapshots


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def listing(snapshots: Snapshots, items: list[bytes], limit: int | None = None) -> list[dict[str, object]]:
    pages = [json.loads(snapshots.first({"boot": "b", "seq": 7}, items, limit))]
    while cursor := pages[-1].get("cursor"):
        pages.append(json.loads(snapshots.next(cursor, limit)))
    return pages


@given(st.lists(st.integers(), max_size=300), st.integers(1, 50) | st.none())
def test_the_pages_of_one_listing_hold_each_item_once_in_order(items: list[int], limit: int | None) -> None:
    pages = listing(Snapshots(Clock(), lambda: 4096 + 64), [str(item).encode() for item in items], limit)
    assert [item for page in pages for item in page["items"]] == items  # type: ignore[attr-defined]
    assert {(page["boot"], page["seq"]) for page in pages} == {("b", 7)}
    assert limit is None or all(len(page["items"]) <= limit for page in pages)  # type: ignore[arg-type]


def test_a_page_stays_below_the_servers_maximum() -> None:
    items = [b'"' + b"x" * 500 + b'"'] * 100
    snapshots = Snapshots(Clock(), lambda: 10_000)
    page = snapshots.first({"boot": "b", "seq": 1}, items, None)
    assert len(page) < 10_000
    assert len(json.loads(page)["items"]) > 5


def test_an_item_larger_than_a_page_stands_alone_on_one() -> None:
    pages = listing(Snapshots(Clock(), lambda: 5000), [b'"' + b"x" * 2000 + b'"', b"1"])
    assert [len(page["items"]) for page in pages] == [1, 1]  # type: ignore[arg-type]


def test_a_cursor_ends_with_its_life() -> None:
    clock = Clock()
    snapshots = Snapshots(clock, lambda: 8192)
    cursor = json.loads(snapshots.first({"boot": "b", "seq": 1}, [b"1", b"2"], 1))["cursor"]
    clock.now = LIFE_S + 1
    with pytest.raises(RequestError, match="too old") as caught:
        snapshots.next(cursor, 1)
    assert caught.value.code == 410


def test_a_page_can_be_asked_for_again_until_the_last_one_was_read() -> None:
    snapshots = Snapshots(Clock(), lambda: 8192)
    cursor = json.loads(snapshots.first({"boot": "b", "seq": 1}, [b"1", b"2", b"3"], 1))["cursor"]
    assert snapshots.next(cursor, 1) == snapshots.next(cursor, 1)


@pytest.mark.parametrize("cursor", ["", "x", "x-", "-", "x-y", "x--1", "x-9999999999999999999999", "ä-1"])
def test_a_cursor_that_nobody_gave_is_refused(cursor: str) -> None:
    with pytest.raises(RequestError) as caught:
        Snapshots(Clock(), lambda: 8192).next(cursor, None)
    assert caught.value.code in (400, 410)


def test_the_oldest_listing_gives_way() -> None:
    snapshots = Snapshots(Clock(), lambda: 8192)
    first = json.loads(snapshots.first({"boot": "b", "seq": 1}, [b"1", b"2"], 1))["cursor"]
    for _ in range(MOST_SNAPSHOTS - 1):
        snapshots.first({"boot": "b", "seq": 1}, [b"1", b"2"], 1)
    last = json.loads(snapshots.first({"boot": "b", "seq": 1}, [b"1", b"2"], 1))["cursor"]
    assert json.loads(snapshots.next(last, 1))["items"] == [2]
    with pytest.raises(RequestError):
        snapshots.next(first, 1)
