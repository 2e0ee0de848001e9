"""How many toasts a sender may show, and who a sender is."""

import json

import pytest

from lunix_toast.rate import REPLACEMENT, Limited, Rates
from lunix_toast.sender import sender_of

YES = Limited(accepted=True, dropped=0)


def test_a_burst_is_accepted_and_then_as_many_as_time_gives() -> None:
    rates = Rates(3, 2.0)
    assert [rates.take("a", 0) for _ in range(3)] == [YES] * 3
    assert rates.take("a", 0) == Limited(accepted=False, dropped=1)
    assert rates.take("a", 0.4) == Limited(accepted=False, dropped=2)
    assert rates.take("a", 0.5) == Limited(accepted=True, dropped=2)
    assert rates.take("a", 1.0) == YES


def test_senders_do_not_pay_for_each_other() -> None:
    rates = Rates(1, 1.0)
    assert rates.take("a", 0) == rates.take("b", 0) == YES


def test_a_sender_that_changes_its_name_gains_little() -> None:
    rates = Rates(2, 1.0)
    accepted = [rates.take(str(number), 0).accepted for number in range(100)]
    assert accepted.count(True) == 10


def test_time_fills_no_more_than_a_burst() -> None:
    rates = Rates(2, 1.0)
    assert [rates.take("a", 1e6).accepted for _ in range(3)] == [True, True, False]
    assert [rates.take("a", 2e6).accepted for _ in range(3)] == [True, True, False]


def test_a_replacement_costs_a_tenth() -> None:
    rates = Rates(1, 1.0)
    assert sum(rates.take("a", 0, REPLACEMENT).accepted for _ in range(50)) in (9, 10)


def test_a_burst_of_none_is_no_limit() -> None:
    rates = Rates(0, 1.0)
    assert all(rates.take("a", 0) == YES for _ in range(1000))


def test_the_names_of_senders_are_bounded() -> None:
    rates = Rates(1, 1.0)
    for number in range(1000):
        rates.take(str(number), number)
    assert len(rates._senders) == 256


@pytest.mark.parametrize(
    ("info", "sender"),
    [
        ("", "bus"),
        (json.dumps({"acc": "USER-mqtt"}), "user-mqtt"),
        ("[" * 100_000, "bus"),
        ("[]", "bus"),
        ("{}", "bus"),
    ],
    ids=["none", "a bridge", "deep", "a list", "no account"],
)
def test_a_sender_is_who_the_server_says(info: str, sender: str) -> None:
    assert sender_of(info) == sender
