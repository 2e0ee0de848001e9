"""Toasts that are away: in the history, snoozed, or behind a pause with levels and exceptions."""

from datetime import timedelta

import pytest

from lunix_common.schemas.toast import Paused, ToastEvent, ToastRequest
from lunix_testing.toast_store import ACTIONS, MOMENT, TIMEOUTS, add, closed, ids, shown, store
from lunix_toast.history import History
from lunix_toast.pausing import Pause
from lunix_toast.store import Crowded, Gone, Limits, Store


def past(of: Store) -> list[tuple[str, str]]:
    return [(toast.id, toast.reason) for toast in of.history]


def test_what_is_gone_is_in_the_history_the_last_one_first() -> None:
    toasts = store()
    expired, closed_, chosen = add(toasts, timeout_ms=1), add(toasts), add(toasts, actions=ACTIONS)
    toasts.expire(1)
    toasts.close(closed_, "dismissed")
    toasts.close(chosen, "closed", "open")
    assert past(toasts) == [(chosen, "action"), (closed_, "dismissed"), (expired, "expired")]
    assert {toast.closed_at for toast in toasts.history} == {MOMENT}


def test_transient_and_replaced_toasts_and_those_of_a_daemon_that_stops_are_not_in_the_history() -> None:
    toasts = store()
    toasts.close(add(toasts, transient=True), "dismissed")
    first = add(toasts)
    add(toasts, tag="a")
    toasts.add(ToastRequest(summary="x", replaces=first, tag="a"), 0, MOMENT)
    toasts.shut_down()
    assert past(toasts) == []


def test_the_history_is_bounded_in_number_and_in_characters() -> None:
    toasts = store(history=2)
    for name in "abc":
        toasts.close(add(toasts, name), "closed")
    assert [toast.summary for toast in toasts.history] == ["c", "b"]
    toasts.limit(Limits(TIMEOUTS, history=1))
    assert [toast.summary for toast in toasts.history] == ["c"]
    small = History(9, most_characters=10)
    for name in ("aaaaaa", "bbbbbb"):
        small.add(ToastEvent(id=name, summary=name, created_at=MOMENT, shown=True), "closed", MOMENT)
    assert [toast.summary for toast in small] == ["bbbbbb"]
    assert store(history=0).history.clear() == 0


def test_a_toast_comes_back_from_the_history_under_its_id_with_its_actions() -> None:
    toasts = store()
    first, second = add(toasts, "first", actions=ACTIONS), add(toasts, "second", timeout_ms=500)
    for id_ in (first, second):
        toasts.close(id_, "dismissed")
    assert toasts.pop(None, 10, MOMENT)[0] == second
    assert toasts.deadline() == 10.5
    id_, facts = toasts.pop(first, 10, MOMENT)
    assert (id_, shown(facts)) == (first, ["first"])
    assert toasts.close(first, "closed", "open")[0].pattern == "toast.action"
    assert past(toasts) == [(first, "action")]
    for gone in ("run-99", second):
        with pytest.raises(Gone):
            toasts.pop(gone, 10, MOMENT)
    toasts.history.clear()
    with pytest.raises(Gone):
        toasts.pop(None, 10, MOMENT)


def test_a_toast_that_comes_back_leaves_its_tag_to_a_younger_one_and_needs_room() -> None:
    toasts = store(toasts=1)
    toasts.close(add(toasts, "old", tag="copy"), "dismissed")
    younger = add(toasts, "young", tag="copy", urgency="critical")
    with pytest.raises(Crowded):
        toasts.pop(None, 0, MOMENT)
    assert len(toasts.history) == 1
    toasts.limit(Limits(TIMEOUTS, toasts=2))
    toasts.pop(None, 0, MOMENT)
    assert [(toast.summary, toast.tag) for toast in toasts] == [("young", "copy"), ("old", None)]
    toasts.close(younger, "closed")
    toasts.limit(Limits(TIMEOUTS, toasts=1))
    assert closed(toasts.pop(younger, 0, MOMENT)[1]) == [("run-1", "crowded")]


def test_a_resident_toast_stays_when_an_action_is_chosen() -> None:
    toasts = store()
    id_ = add(toasts, actions=ACTIONS, resident=True)
    assert [fact.pattern for fact in toasts.close(id_, "closed", "open")] == ["toast.action"]
    assert ids(toasts) == [id_]


def test_a_snoozed_toast_comes_back_when_its_time_is_up() -> None:
    toasts = store()
    id_ = add(toasts, timeout_ms=500)
    facts = toasts.snooze(id_, 60_000, 100, MOMENT)
    assert facts[0].pattern == "toast.held"
    assert next(iter(toasts)).held_until == MOMENT + timedelta(minutes=1)
    assert (toasts.deadline(), toasts.held) == (160, 0)
    back = toasts.expire(160)
    assert shown(back) == ["x"]
    assert next(iter(toasts)).held_until is None
    assert toasts.deadline() == 160.5
    with pytest.raises(Gone):
        toasts.snooze("run-99", 60_000, 0, MOMENT)


def test_a_snoozed_toast_may_change_and_stays_away_unless_it_becomes_critical() -> None:
    toasts = store()
    id_ = add(toasts, "1 %")
    toasts.snooze(id_, 60_000, 0, MOMENT)
    _, facts = toasts.add(ToastRequest(summary="2 %", replaces=id_), 1, MOMENT)
    assert facts[0].pattern == "toast.held"
    assert toasts.deadline() == 60
    _, facts = toasts.add(ToastRequest(summary="fire", replaces=id_, urgency="critical"), 1, MOMENT)
    assert shown(facts) == ["fire"]


def test_a_snooze_that_ends_in_a_pause_waits_for_its_end() -> None:
    toasts = store()
    toasts.snooze(add(toasts), 1_000, 0, MOMENT)
    toasts.pause(0, Pause())
    assert [fact.pattern for fact in toasts.expire(1)] == ["toast.held"]
    assert toasts.held == 1
    assert shown(toasts.pause(5, None)) == ["x"]


def test_the_end_of_a_pause_leaves_snoozed_toasts_away() -> None:
    toasts = store()
    toasts.pause(0, Pause())
    toasts.snooze(add(toasts), 1_000, 0, MOMENT)
    assert shown(toasts.pause(0.5, None)) == []


def test_a_pause_holds_back_what_its_level_says_and_has_exceptions() -> None:
    toasts = store()
    toasts.pause(0, Pause("low"))
    add(toasts, "low", urgency="low")
    add(toasts, "normal")
    toasts.pause(0, Pause("critical", frozenset({"Alarm"})))
    add(toasts, "fire", urgency="critical")
    add(toasts, "wake up", app="Alarm")
    assert [toast.summary for toast in toasts if toast.shown] == ["normal", "wake up"]
    assert toasts.state == Paused(paused=True, held=2, level="critical", except_apps=["Alarm"])
    facts = toasts.pause(0, Pause("low"))
    assert facts[0].pattern == "toast.paused"
    assert shown(facts) == ["fire"]


def test_a_pause_may_end_by_itself() -> None:
    toasts = store()
    toasts.pause(0, Pause(end=30, until=MOMENT))
    add(toasts)
    assert toasts.deadline() == 30
    assert toasts.state.until == MOMENT
    assert toasts.expire(29) == []
    assert [fact.pattern for fact in toasts.expire(30)] == ["toast.resumed", "toast.shown"]
    assert not toasts.paused


def test_the_store_knows_what_would_take_the_place_of_another() -> None:
    toasts = store()
    first = add(toasts, tag="copy")
    assert toasts.has(ToastRequest(summary="x", tag="copy"))
    assert toasts.has(ToastRequest(summary="x", replaces=first))
    assert not toasts.has(ToastRequest(summary="x", tag="other"))
