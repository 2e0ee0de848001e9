"""The toasts on the screen and behind a pause: one fact a test, then any course of things against a plain model."""

from datetime import timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, precondition, rule

from lunix_common.schemas.toast import (
    Toast,
    ToastAction,
    ToastClosed,
    ToastRequest,
    Urgency,
)
from lunix_testing.toast_store import ACTIONS, MOMENT, TIMEOUTS, add, closed, ids, shown, store
from lunix_toast.pausing import Pause
from lunix_toast.store import Crowded, Fact, Gone, NoSuchAction


def test_a_toast_is_shown_with_the_time_of_its_urgency() -> None:
    for urgency, timeout_ms in TIMEOUTS.items():
        _, facts = store().add(ToastRequest(summary="x", urgency=urgency), 0, MOMENT)
        assert [fact.pattern for fact in facts] == ["toast.shown"]
        toast = facts[0].payload
        assert isinstance(toast, Toast)
        assert (toast.timeout_ms, toast.shown, toast.created_at) == (timeout_ms, True, MOMENT)


def test_ids_are_never_used_twice() -> None:
    toasts = store()
    first = add(toasts)
    toasts.close(first, "closed")
    assert add(toasts) != first


def test_toasts_expire_at_their_deadline_and_not_before() -> None:
    toasts = store()
    late, early = add(toasts, timeout_ms=2_000), add(toasts, timeout_ms=1_000)
    assert toasts.deadline() == 1.0
    assert toasts.expire(0.999) == []
    assert closed(toasts.expire(1.0)) == [(early, "expired")]
    assert toasts.deadline() == 2.0
    assert closed(toasts.expire(5.0)) == [(late, "expired")]
    assert toasts.deadline() is None


def test_toasts_that_expire_together_close_in_the_order_of_their_deadlines() -> None:
    toasts = store()
    late, early = add(toasts, timeout_ms=2_000), add(toasts, timeout_ms=1_000)
    assert closed(toasts.expire(9)) == [(early, "expired"), (late, "expired")]


def test_a_timeout_of_zero_stays() -> None:
    toasts = store()
    add(toasts, urgency="low", timeout_ms=0)
    add(toasts, urgency="critical")
    assert toasts.deadline() is None
    assert toasts.expire(1e9) == []


def test_a_replaced_toast_keeps_its_id_and_its_place_and_begins_its_time_anew() -> None:
    toasts = store()
    first, second = add(toasts, "1 %"), add(toasts, "other")
    id_, facts = toasts.add(ToastRequest(summary="2 %", replaces=first), 5.0, MOMENT + timedelta(seconds=5))
    assert id_ == first
    assert shown(facts) == ["2 %"]
    assert closed(facts) == []
    assert ids(toasts) == [first, second]
    assert toasts.deadline() == 10.0
    assert closed(toasts.expire(14.9)) == [(second, "expired")]


def test_replacing_a_toast_that_is_gone_shows_a_new_one() -> None:
    toasts = store()
    first = add(toasts)
    toasts.close(first, "closed")
    assert add(toasts, replaces=first) != first


def test_a_toast_with_the_same_tag_is_replaced() -> None:
    toasts = store()
    first = add(toasts, "1 %", tag="copy")
    assert add(toasts, "2 %", tag="copy") == first
    assert [toast.summary for toast in toasts] == ["2 %"]


def test_a_tag_is_free_again_when_its_toast_is_gone_or_has_lost_it() -> None:
    toasts = store()
    first = add(toasts, tag="copy")
    add(toasts, replaces=first)
    second = add(toasts, tag="copy")
    assert second != first
    toasts.close(second, "closed")
    assert add(toasts, tag="copy") not in (first, second)


def test_a_toast_that_replaces_one_and_has_the_tag_of_another_closes_the_other_as_replaced() -> None:
    toasts = store()
    first, tagged = add(toasts), add(toasts, tag="copy")
    id_, facts = toasts.add(ToastRequest(summary="both", replaces=first, tag="copy"), 0, MOMENT)
    assert id_ == first
    assert closed(facts) == [(tagged, "replaced")]
    assert ids(toasts) == [first]


def test_closing_says_why() -> None:
    toasts = store()
    assert closed(toasts.close(add(toasts), "dismissed")) == [("run-1", "dismissed")]
    assert len(toasts) == 0


def test_a_toast_that_is_not_there_cannot_be_closed() -> None:
    with pytest.raises(Gone):
        store().close("run-1", "closed")


def test_choosing_an_action_tells_it_and_then_closes() -> None:
    toasts = store()
    id_ = add(toasts, actions=ACTIONS, tag="stick")
    facts = toasts.close(id_, "closed", "open")
    assert facts[0] == Fact("toast.action", ToastAction(id=id_, action="open", tag="stick"))
    assert closed(facts) == [(id_, "action")]


def test_an_action_that_is_not_offered_leaves_the_toast() -> None:
    toasts = store()
    id_ = add(toasts, actions=ACTIONS)
    with pytest.raises(NoSuchAction):
        toasts.close(id_, "closed", "Open it")
    assert ids(toasts) == [id_]


def test_a_pause_holds_back_all_but_critical_ones() -> None:
    toasts = store()
    before = add(toasts, "before")
    assert [fact.pattern for fact in toasts.pause(0, Pause())] == ["toast.paused"]
    _, held = toasts.add(ToastRequest(summary="held"), 0, MOMENT)
    assert [fact.pattern for fact in held] == ["toast.held"]
    _, critical = toasts.add(ToastRequest(summary="fire", urgency="critical"), 0, MOMENT)
    assert shown(critical) == ["fire"]
    assert [toast.shown for toast in toasts] == [True, False, True]
    assert toasts.held == 1
    assert ids(toasts)[0] == before


def test_the_end_of_a_pause_shows_what_was_held_in_order_and_their_times_begin_then() -> None:
    toasts = store()
    toasts.pause(0, Pause())
    for name in ("a", "b", "c"):
        add(toasts, name, timeout_ms=1_000)
    assert toasts.deadline() is None
    assert toasts.expire(50) == []
    facts = toasts.pause(100, None)
    assert facts[0].pattern == "toast.resumed"
    assert shown(facts) == ["a", "b", "c"]
    assert toasts.deadline() == 101.0
    assert toasts.held == 0


def test_a_pause_that_is_there_already_is_no_fact() -> None:
    toasts = store()
    assert toasts.pause(0, None) == []
    toasts.pause(0, Pause())
    assert toasts.pause(0, Pause()) == []


def test_a_toast_on_the_screen_is_replaced_there_in_a_pause_too() -> None:
    toasts = store()
    first = add(toasts, "1 %")
    toasts.pause(0, Pause())
    _, facts = toasts.add(ToastRequest(summary="2 %", replaces=first), 0, MOMENT)
    assert shown(facts) == ["2 %"]


def test_a_held_toast_that_becomes_critical_is_shown() -> None:
    toasts = store()
    toasts.pause(0, Pause())
    first = add(toasts, "smoke")
    _, facts = toasts.add(ToastRequest(summary="fire", urgency="critical", replaces=first), 0, MOMENT)
    assert shown(facts) == ["fire"]


def test_one_too_many_takes_the_place_of_the_oldest_of_the_least_urgent() -> None:
    toasts = store(toasts=4)
    critical, normal = add(toasts, urgency="critical"), add(toasts)
    low, younger = add(toasts, urgency="low"), add(toasts, urgency="low")
    new, facts = toasts.add(ToastRequest(summary="x"), 0, MOMENT)
    assert closed(facts) == [(low, "crowded")]
    assert ids(toasts) == [critical, normal, younger, new]


def test_a_flood_of_low_toasts_pushes_no_critical_one_away() -> None:
    toasts = store(toasts=2)
    both = [add(toasts, urgency="critical"), add(toasts, urgency="critical")]
    with pytest.raises(Crowded):
        add(toasts, urgency="low")
    assert ids(toasts) == both
    add(toasts, urgency="critical")
    assert ids(toasts)[0] == both[1]


def test_a_replacement_needs_no_room() -> None:
    toasts = store(toasts=1)
    first = add(toasts)
    _, facts = toasts.add(ToastRequest(summary="2", replaces=first), 0, MOMENT)
    assert closed(facts) == []


def test_the_text_of_all_toasts_together_is_bounded() -> None:
    toasts = store(characters=1000)
    first, second = add(toasts, body="x" * 400), add(toasts, body="x" * 400)
    _, facts = toasts.add(ToastRequest(summary="y", body="y" * 900, icon="z" * 50, tag="t", actions=ACTIONS), 0, MOMENT)
    assert closed(facts) == [(first, "crowded"), (second, "crowded")]
    with pytest.raises(Crowded):
        add(toasts, body="x" * 1000)
    assert len(toasts) == 1


def test_shutting_down_closes_all_in_order() -> None:
    toasts = store()
    first, second = add(toasts), add(toasts)
    assert closed(toasts.shut_down()) == [(first, "shutdown"), (second, "shutdown")]
    assert toasts.shut_down() == []


class AnyCourse(RuleBasedStateMachine):
    """Whatever is asked in whatever order: a mirror fed with the facts alone equals the store."""

    known: Bundle[str] = Bundle("known")
    tags = st.none() | st.sampled_from(["a", "b"])
    urgencies = st.sampled_from(["low", "normal", "critical"])

    @initialize(most=st.integers(1, 5))
    def begin(self, most: int) -> None:
        self.store = store(toasts=most)
        self.most = most
        self.now = 0.0
        self.mirror: dict[str, Toast] = {}
        self.ever: list[str] = []

    def take(self, facts: list[Fact]) -> None:
        for pattern, payload in facts:
            if isinstance(payload, Toast):
                assert payload.shown is (pattern == "toast.shown")
                self.mirror[payload.id] = payload
            elif isinstance(payload, ToastClosed):
                del self.mirror[payload.id]

    @rule(target=known, urgency=urgencies, tag=tags, replaces=st.none() | known, timeout_ms=st.none() | st.just(700))
    def add(self, urgency: Urgency, tag: str | None, replaces: str | None, timeout_ms: int | None) -> str:
        request = ToastRequest(summary="x", urgency=urgency, tag=tag, replaces=replaces, timeout_ms=timeout_ms)
        before = list(self.store)
        try:
            id_, facts = self.store.add(request, self.now, MOMENT)
        except Crowded:
            assert list(self.store) == before
            assert all(toast.urgency != "low" for toast in before)
            return "none"
        if id_ not in self.mirror:
            assert id_ not in self.ever
            self.ever.append(id_)
        self.take(facts)
        assert self.mirror[id_].summary == "x"
        assert urgency != "critical" or self.mirror[id_].shown
        return id_

    @rule(id_=consumes(known))
    def close(self, id_: str) -> None:
        if id_ in self.mirror:
            self.take(self.store.close(id_, "closed"))
            assert id_ not in self.mirror
        else:
            with pytest.raises(Gone):
                self.store.close(id_, "closed")

    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        self.take(self.store.pause(self.now, Pause() if paused else None))

    @rule(id_=known, for_ms=st.integers(1_000, 20_000))
    def snooze(self, id_: str, for_ms: int) -> None:
        if id_ in self.mirror:
            self.take(self.store.snooze(id_, for_ms, self.now, MOMENT))
            assert not self.mirror[id_].shown

    @rule()
    def pop(self) -> None:
        there = len(self.store.history)
        try:
            id_, facts = self.store.pop(None, self.now, MOMENT)
        except Gone:
            assert not there
        except Crowded:
            assert len(self.store.history) == there
        else:
            assert id_ not in self.mirror
            self.take(facts)
            assert id_ in self.mirror

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.take(self.store.expire(self.now))

    @precondition(lambda self: self.store.deadline() is not None)
    @rule()
    def wait_for_the_timer(self) -> None:
        deadline = self.store.deadline()
        assert deadline is not None
        self.now = max(self.now, deadline)
        facts = self.store.expire(self.now)
        assert facts, "a timer that finds nothing to do is a wake-up for nothing"
        self.take(facts)

    @invariant()
    def the_mirror_equals_the_store(self) -> None:
        listed = {toast.id: toast for toast in self.store}
        assert listed == self.mirror

    @invariant()
    def there_are_never_too_many(self) -> None:
        assert len(self.store) <= self.most

    @invariant()
    def a_tag_is_on_one_toast_at_most(self) -> None:
        tags = [toast.tag for toast in self.store if toast.tag is not None]
        assert len(tags) == len(set(tags))

    @invariant()
    def only_a_pause_or_a_snooze_holds_back(self) -> None:
        assert self.store.paused or self.store.held == 0

    @invariant()
    def a_timer_is_set_exactly_where_a_shown_toast_has_a_time(self) -> None:
        timed = [toast for toast in self.store if toast.held_until or (toast.shown and toast.timeout_ms)]
        assert (self.store.deadline() is not None) is bool(timed)


TestAnyCourse = AnyCourse.TestCase
