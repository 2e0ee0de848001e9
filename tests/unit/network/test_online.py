"""Online is told when it stays so, and offline too."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_network.online import Online


def test_a_fact_that_stays_is_told_at_its_deadline() -> None:
    online = Online(False, 2.0, 5.0)
    online.update(True, 10.0)
    assert online.deadline == 12.0
    online.update(True, 11.0)
    assert [online.expire(now) for now in (11.9, 12.0, 12.0)] == [False, True, False]
    assert online.told
    online.update(False, 20.0)
    assert online.deadline == 25.0


def test_a_fact_that_flutters_is_not_told() -> None:
    online = Online(True, 1.0, 1.0)
    online.update(False, 0.0)
    online.update(True, 0.9)
    assert online.deadline is None
    assert not online.expire(5.0)
    assert online.told


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=40))
def test_what_is_told_was_a_fact_for_the_whole_time(steps: list[tuple[bool, float]]) -> None:
    online, now, since, fact = Online(False, 1.0, 2.0), 0.0, 0.0, False
    for new, after in steps:
        now += after
        if online.deadline is not None and online.deadline <= now:
            at, told = online.deadline, online.told
            assert online.expire(at)
            assert online.told is fact is not told
            assert at - since >= (1.0 if fact else 2.0) - 1e-9
        if new is not fact:
            fact, since = new, now
        online.update(fact, now)
