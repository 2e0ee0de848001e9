"""Notifications between programs and another server, as they are overheard."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_toast.desktop.notify import Notify
from lunix_toast.desktop.others import MOST_WAITING, Others

SAID = Notify("App", 0, "", "a title", "", [], {}, -1)


def test_an_answer_belongs_to_the_call_of_that_program_and_number_once() -> None:
    others = Others()
    others.asked(":1.5", 7, SAID)
    assert others.answered(":1.6", 7) is None
    assert others.answered(":1.5", 8) is None
    assert others.answered(":1.5", 7) is SAID
    assert others.answered(":1.5", 7) is None


def test_calls_that_nobody_answers_make_room() -> None:
    others = Others()
    for serial in range(MOST_WAITING + 1):
        others.asked(":1.5", serial, SAID)
    assert others.answered(":1.5", 0) is None
    assert others.answered(":1.5", 1) is SAID


def test_a_number_given_again_is_the_newer_toasts() -> None:
    others = Others()
    others.shown(4, "a")
    others.shown(4, "b")
    assert (others.toast(4), others.all()) == ("b", ["b"])
    assert others.ended("a") is None
    assert others.ended("b") == 4
    assert others.toast(4) is None


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from("abcd"), st.booleans())))
def test_numbers_and_toasts_lead_to_each_other(steps: list[tuple[int, str, bool]]) -> None:
    others = Others()
    for number, toast, ends in steps:
        if ends:
            others.ended(toast)
        else:
            others.shown(number, toast)
        known = [(one, others.toast(one)) for one in range(1, 5)]
        assert sorted(id_ for _, id_ in known if id_) == sorted(others.all())
