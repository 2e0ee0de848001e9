"""The core of a mirror: which events it applies, which it drops, and when only a listing can tell."""

from typing import Any

import pytest

from lunix_common.bus import follow
from lunix_common.bus.follow import Numbered, State
from lunix_common.schemas.hardware import Device
from lunix_common.subjects import TABLE


def state(wanted: dict[str, str] | None = None) -> State:
    return State(TABLE.domain("hardware"), Device, wanted or {})


def device(key: str, **fields: Any) -> dict[str, Any]:
    return {"id": key, "subsystem": "net", "name": key, "devpath": f"/devices/{key}"} | fields


def event(key: str, seq: int, prev: int | None, verb: str = "add", boot: str = "1", **fields: Any) -> Numbered:
    return Numbered(f"hardware.net.{verb}", boot, seq, prev, device(key, **fields))


def test_a_listing_is_the_state_and_tells_what_it_changed() -> None:
    mirror = state()
    mirror.listed("1", 5, [device("a"), device("b")])
    changes = mirror.listed("1", 9, [device("b", driver="veth"), device("c")])
    assert set(mirror.items) == {"b", "c"}
    assert [(change.id, change.before is None, change.after is None) for change in changes] == [
        ("a", False, True),
        ("b", False, False),
        ("c", True, False),
    ]


def test_events_that_the_listing_contains_are_dropped() -> None:
    mirror = state()
    mirror.listed("1", 5, [])
    assert mirror.apply(event("a", 5, 4)) == []
    assert mirror.items == {}


def test_an_unbroken_row_of_events_is_applied() -> None:
    mirror = state()
    mirror.listed("1", 5, [])
    assert mirror.apply(event("a", 6, 3)) is not None
    assert mirror.apply(event("b", 9, 6)) is not None
    assert mirror.apply(event("a", 10, 0, "remove")) is not None
    assert set(mirror.items) == {"b"}


def test_an_event_twice_is_applied_once() -> None:
    mirror = state()
    mirror.listed("1", 5, [])
    mirror.apply(event("a", 6, 0))
    assert mirror.apply(event("a", 6, 0)) == []


def test_a_prev_that_nobody_saw_asks_for_a_listing() -> None:
    mirror = state()
    mirror.listed("1", 5, [])
    assert mirror.apply(event("a", 8, 7)) is None


def test_an_unknown_prev_asks_for_a_listing() -> None:
    mirror = state()
    mirror.listed("1", 5, [])
    assert mirror.apply(event("a", 8, None)) is None


def test_another_run_asks_for_a_listing_once_and_is_ignored_where_that_does_not_confirm_it() -> None:
    mirror = state()
    mirror.listed("1", 5, [])
    assert mirror.apply(event("a", 1, 0, boot="2")) is None
    mirror.listed("1", 6, [])
    assert mirror.apply(event("a", 1, 0, boot="2")) == []


def test_a_new_run_is_followed_after_its_listing_and_the_old_one_is_over() -> None:
    mirror = state()
    mirror.listed("1", 5, [device("a")])
    assert mirror.apply(event("b", 3, 2, boot="2")) is None
    mirror.listed("2", 2, [])
    assert mirror.apply(event("b", 3, 2, boot="2")) is not None
    assert mirror.apply(event("z", 6, 0, boot="1")) == []
    assert set(mirror.items) == {"b"}


def test_an_item_that_leaves_the_filter_leaves_the_mirror() -> None:
    mirror = state({"driver": "veth"})
    mirror.listed("1", 5, [device("a", driver="veth")])
    (change,) = mirror.apply(event("a", 6, 0, "change", driver="bridge")) or []
    assert change.before is not None
    assert change.after is None
    assert mirror.items == {}


def test_an_item_outside_the_filter_is_no_change() -> None:
    mirror = state({"driver": "veth"})
    mirror.listed("1", 5, [])
    assert mirror.apply(event("a", 6, 0, driver="bridge")) == []


def test_a_later_event_of_an_item_on_another_subject_may_overtake_an_earlier_one() -> None:
    mirror = state()
    mirror.listed("1", 5, [device("a")])
    mirror.apply(event("a", 7, 0, "remove"))
    assert mirror.apply(event("a", 6, 0, "change")) == []
    assert mirror.items == {}
    mirror.apply(event("a", 9, 0, "add"))
    assert mirror.apply(event("a", 8, 0, "move")) == []
    assert set(mirror.items) == {"a"}


def test_what_overtook_is_remembered_of_so_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "_MOST_KEPT", 1)
    mirror = state()
    mirror.listed("1", 5, [])
    for seq, key in ((6, "a"), (7, "b")):
        mirror.apply(event(key, seq, seq - 1))
    assert list(mirror._touched) == ["b"]
