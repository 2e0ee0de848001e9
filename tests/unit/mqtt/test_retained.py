"""Retained values: the last of each topic, bounded."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from lunix_mqtt.retained import Retained, Value

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def value(topic: str, payload: bytes = b"x") -> Value:
    return Value(topic, payload, None, NOW)


def kept(retained: Retained) -> dict[str, bytes]:
    return {one.topic: one.payload for one in retained}


def test_the_last_value_of_a_topic_counts_and_an_empty_one_removes_it() -> None:
    retained = Retained(10, 10_000)
    for payload in (b"1", b"2"):
        retained.put(value("a", payload))
    retained.put(value("b"))
    retained.put(value("b", b""))
    assert kept(retained) == {"a": b"2"}
    assert retained.has("a", b"2")
    assert not retained.has("a", b"1")
    assert not retained.has("b", b"x")


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.binary(max_size=400)), max_size=30))
def test_it_stays_within_bounds_and_keeps_the_newest(puts: list[tuple[str, bytes]]) -> None:
    retained = Retained(3, 1500)
    there: dict[str, bytes] = {}
    for topic, payload in puts:
        retained.put(value(topic, payload))
        there.pop(topic, None)
        if payload:
            there[topic] = payload
        assert len(retained) <= 3
        assert sum(len(one.payload) + 401 for one in retained) <= 1500
        for known, held in kept(retained).items():
            assert there[known] == held
        assert retained.forgotten or kept(retained) == there
        if payload:
            assert retained.has(topic, payload)


def test_one_that_is_too_big_for_all_room_is_not_kept() -> None:
    retained = Retained(3, 500)
    retained.put(value("a", bytes(600)))
    assert len(retained) == 0
    assert retained.forgotten == 1
