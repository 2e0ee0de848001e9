"""The delays between restarts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_init.backoff import Decision, after_exit, delay
from lunix_init.unit import Backoff


def policies() -> st.SearchStrategy[Backoff]:
    def policy(first: float, factor: float, more: float, give_up: int) -> Backoff:
        return Backoff(first, factor, first + more, give_up, 60.0)

    return st.builds(
        policy,
        st.floats(0, 10),
        st.floats(1, 10),
        st.floats(0, 1000),
        st.integers(0, 20),
    )


def test_the_delays_grow_from_the_first_to_the_cap() -> None:
    policy = Backoff(first=1.0, factor=3.0, cap=20.0)
    assert [delay(policy, n) for n in (1, 2, 3, 4, 500)] == [1.0, 3.0, 9.0, 20.0, 20.0]


def test_a_first_delay_of_zero_stays_zero() -> None:
    assert delay(Backoff(first=0.0), 1000) == 0.0


def test_a_factor_of_one_keeps_the_first_delay() -> None:
    assert delay(Backoff(first=2.0, factor=1.0), 10**9) == 2.0


def test_a_run_that_stayed_up_forgets_the_failures_before_it() -> None:
    policy = Backoff(first=1.0, reset=60.0, give_up=3)
    assert after_exit(policy, 2, up_for=59.9) == Decision(3, None)
    assert after_exit(policy, 2, up_for=60.0) == Decision(1, 1.0)


def test_without_a_limit_it_never_gives_up() -> None:
    assert after_exit(Backoff(give_up=0), 10**6, 0.0).delay == 60.0


@given(policies(), st.integers(1, 300))
def test_no_delay_is_above_the_cap_or_below_the_one_before(policy: Backoff, count: int) -> None:
    assert policy.first <= delay(policy, count) <= delay(policy, count + 1) <= policy.cap


@given(policies().filter(lambda policy: policy.give_up > 0), st.floats(0, 59.9))
def test_the_limit_is_reached_whatever_the_delays_are(policy: Backoff, up_for: float) -> None:
    failures = 0
    for turn in range(1, policy.give_up + 1):
        failures, wait = after_exit(policy, failures, up_for)
        assert (wait is None) == (turn == policy.give_up)


@pytest.mark.parametrize("give_up", [1, 2, 7])
def test_giving_up_counts_failures(give_up: int) -> None:
    assert after_exit(Backoff(give_up=give_up), give_up - 1, 0.0).delay is None
