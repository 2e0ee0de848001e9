"""The plan over all services."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lunix_init import plan as planning
from lunix_init.machine import ACTIVE, TABLE, Event, State, satisfies
from lunix_init.plan import View, plan, why
from lunix_init.unit import Unit

GOOD = frozenset({State.UP})


def view(
    state: State,
    *needs: str,
    wanted: bool = True,
    after: tuple[str, ...] = (),
    pinned: bool = False,
) -> View:
    return View(state, wanted, state in GOOD, needs, after, pinned)


def test_what_is_down_and_wanted_is_started() -> None:
    assert plan({"a": view(State.DOWN)}) == [("a", Event.START)]


def test_what_must_wait_for_a_need_waits_and_is_not_down() -> None:
    services = {"a": view(State.DOWN, "b"), "b": view(State.DOWN, wanted=False)}
    assert plan(services) == [("a", Event.START)]


def test_a_service_goes_when_its_needs_are_ready() -> None:
    assert plan({"a": view(State.WAITING, "b"), "b": view(State.UP)}) == [("a", Event.GO)]
    assert plan({"a": view(State.WAITING, "b"), "b": view(State.STARTING)}) == []
    assert plan({"a": view(State.WAITING, "b")}) == []


def test_order_alone_waits_for_what_is_on_its_way_and_for_nothing_else() -> None:
    for state in State:
        found = plan({"a": view(State.WAITING, after=("b",)), "b": view(state)})
        waits = ("a", Event.GO) not in found
        assert waits == (state in (State.WAITING, State.STARTING, State.STOPPING, State.KILLING)), state


def test_nobody_waits_after_what_waits_for_ever() -> None:
    services = {
        "a": view(State.WAITING, after=("b",)),
        "b": view(State.WAITING, "c"),
        "c": view(State.WAITING, "dead"),
        "dead": view(State.FAILED),
    }
    assert plan(services) == [("a", Event.GO)]
    del services["dead"]
    assert plan(services) == [("a", Event.GO)]


def test_a_stop_waits_for_the_dependents_to_stop_first() -> None:
    services = {"a": view(State.UP, "b"), "b": view(State.UP, wanted=False)}
    assert plan(services) == [("a", Event.HOLD)]
    services["a"] = view(State.STOPPING, "b")
    assert plan(services) == []
    services["a"] = view(State.WAITING, "b")
    assert plan(services) == [("b", Event.STOP)]


def test_a_stop_respects_the_order_of_those_that_stop_too() -> None:
    services = {
        "a": view(State.UP, after=("b",), wanted=False),
        "b": view(State.UP, wanted=False),
    }
    assert plan(services) == [("a", Event.STOP)]


def test_what_is_only_after_a_stopped_service_stays() -> None:
    services = {"a": view(State.UP, after=("b",)), "b": view(State.UP, wanted=False)}
    assert plan(services) == [("b", Event.STOP)]


def test_a_need_that_died_and_comes_back_stops_nobody() -> None:
    for state in (State.BACKOFF, State.FAILED, State.WAITING, State.STARTING, State.KILLING):
        found = dict(plan({"a": view(State.UP, "b"), "b": view(state)}))
        assert "a" not in found


def test_a_pinned_service_is_not_held() -> None:
    services = {"a": view(State.UP, "b", pinned=True), "b": view(State.UP, wanted=False)}
    assert plan(services) == [("b", Event.STOP)]


def test_a_held_service_leaves_its_backoff() -> None:
    services = {"a": view(State.BACKOFF, "b"), "b": view(State.DOWN, wanted=False)}
    assert plan(services) == [("a", Event.HOLD)]


def test_a_service_that_is_not_wanted_leaves_every_resting_state() -> None:
    for state in (State.WAITING, State.BACKOFF, State.DONE, State.FAILED):
        assert plan({"a": view(state, wanted=False)}) == [("a", Event.STOP)]


def test_the_reason_of_a_wait_is_told() -> None:
    services = {
        "a": view(State.WAITING, "b"),
        "b": view(State.WAITING, "nobody"),
        "c": view(State.WAITING, "d", after=("nobody", "b")),
        "d": view(State.UP),
        "e": view(State.WAITING, "d"),
    }
    assert why(services, "a") == "needs b, which is waiting"
    assert why(services, "b") == "needs nobody, which has no unit"
    assert why(services, "c") == "is after b, which is waiting"
    assert why(services, "d") == ""
    assert why(services, "e") == ""


def worlds() -> st.SearchStrategy[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]]:
    """Acyclic graphs: each of eight services depends on earlier ones only."""
    names = "abcdefgh"

    def others(index: int) -> st.SearchStrategy[tuple[str, ...]]:
        if not index:
            return st.just(())
        return st.sets(st.sampled_from(names[:index]), max_size=3).map(lambda x: tuple(sorted(x)))

    return st.fixed_dictionaries({name: st.tuples(others(index), others(index)) for index, name in enumerate(names)})


def run(
    world: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
    states: dict[str, State],
    wanted: dict[str, bool],
) -> list[tuple[str, Event]]:
    """Play the plan against the table, where every process does as it is told at once."""
    told: list[tuple[str, Event]] = []
    for _ in range(200):
        views = {
            name: View(
                states[name],
                wanted[name],
                satisfies(Unit(name), states[name]),
                *world[name],
            )
            for name in world
        }
        steps = plan(views)
        if not steps:
            return told
        for name, event in steps:
            told.append((name, event))
            states[name] = TABLE[states[name], event].state
            if states[name] is State.STARTING:
                states[name] = State.UP
            elif states[name] is State.STOPPING:
                states[name] = State.WAITING if wanted[name] else State.DOWN
    raise AssertionError("the plan does not come to rest")


@given(worlds())
@settings(max_examples=50)
def test_all_start_in_order_and_all_stop_in_reverse(
    world: dict[str, tuple[tuple[str, ...], tuple[str, ...]]],
) -> None:
    states = dict.fromkeys(world, State.DOWN)
    started = [n for n, e in run(world, states, dict.fromkeys(world, True)) if e is Event.GO]
    assert set(states.values()) == {State.UP}
    stopped = [n for n, e in run(world, states, dict.fromkeys(world, False)) if e is Event.STOP]
    assert set(states.values()) == {State.DOWN}
    for name, (needs, after) in world.items():
        for other in (*needs, *after):
            assert started.index(other) < started.index(name)
            assert stopped.index(name) < stopped.index(other)


@given(worlds(), st.sets(st.sampled_from("abcdefgh")))
@settings(max_examples=50)
def test_a_stopped_service_takes_those_that_need_it_along_and_they_come_back(
    world: dict[str, tuple[tuple[str, ...], tuple[str, ...]]], stopped: set[str]
) -> None:
    states = dict.fromkeys(world, State.UP)
    wanted = {name: name not in stopped for name in world}
    run(world, states, wanted)
    for name in world:
        if states[name] is State.UP:
            assert all(states[need] is State.UP for need in world[name][0])
        else:
            assert name in stopped or any(states[n] is not State.UP for n in world[name][0])
    run(world, states, dict.fromkeys(world, True))
    assert set(states.values()) == {State.UP}


def test_no_process_is_left_behind_by_the_words_of_the_plan() -> None:
    assert planning.held({}) == set()
    assert not ACTIVE & {State.DOWN, State.WAITING}
