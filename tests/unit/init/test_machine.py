"""The state machine, cell by cell.

The expected table is written out by hand, in another shape than the code's: one line a cell.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_init.machine import ACTIVE, TABLE, Action, Event, State, Verdict, satisfies, verdict
from lunix_init.unit import Kind, Restart, Unit

STOP = "stopping: disarm tell-stopping signal arm-stop"
QUIT = "stopping: disarm tell-stopping arm-stop"
KILL = "killing: disarm kill arm-kill"
AGAIN = "waiting: disarm forget-failures"
GONE = {
    "gone-down": "down: disarm forget-failures",
    "gone-again": "waiting: disarm",
    "gone-backoff": "backoff: disarm arm-backoff",
    "gone-done": "done: disarm",
    "gone-failed": "failed: disarm tell-failed",
}
MOVES = {
    "down": {"start": AGAIN, "restart": AGAIN},
    "waiting": {"go": "starting: tell-starting arm-start spawn", "stop": "down: forget-failures"},
    "starting": {
        "execed": "starting: tell-started",
        "ready": "up: disarm arm-watchdog tell-ready",
        "stop": STOP,
        "hold": STOP,
        "restart": STOP,
        "timeout": STOP,
        "quitting": QUIT,
        "exited": KILL,
        "watchdog": KILL,
    },
    "up": {
        "stop": STOP,
        "hold": STOP,
        "restart": STOP,
        "quitting": QUIT,
        "exited": KILL,
        "watchdog": KILL,
    },
    "stopping": {"exited": "stopping: sweep", "timeout": KILL, **GONE},
    "killing": {"exited": "killing: sweep", "timeout": KILL, **GONE},
    "backoff": {
        "timeout": "waiting:",
        "start": AGAIN,
        "restart": AGAIN,
        "hold": "waiting: disarm",
        "stop": "down: disarm forget-failures",
    },
    "done": {"restart": AGAIN, "stop": "down:"},
    "failed": {"start": AGAIN, "restart": AGAIN, "stop": "down: forget-failures"},
}


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_each_cell_is_what_was_meant(state: State, event: Event) -> None:
    meant = MOVES[state.value].get(event.value, f"{state.value}:")
    step = TABLE[state, event]
    told = f"{step.state.value}: " + " ".join(action.value for action in step.actions)
    assert told.strip() == meant


def test_every_state_is_reached_and_left() -> None:
    reached = {step.state for (state, _), step in TABLE.items() if step.state is not state}
    left = {state for (state, _), step in TABLE.items() if step.state is not state}
    assert reached == left == set(State)


@given(st.lists(st.sampled_from(Event), max_size=60))
def test_a_process_is_only_made_where_none_can_be(events: list[Event]) -> None:
    state = State.DOWN
    for event in events:
        step = TABLE[state, event]
        if Action.SPAWN in step.actions:
            assert state not in ACTIVE
        if {Action.SIGNAL, Action.KILL, Action.SWEEP} & set(step.actions):
            assert state in ACTIVE
        if state in ACTIVE and step.state not in ACTIVE:
            assert event.value.startswith("gone-")
        state = step.state


@given(st.lists(st.sampled_from(Event), max_size=60))
def test_a_timer_that_was_set_is_cleared_or_replaced(events: list[Event]) -> None:
    state, armed = State.DOWN, False
    for event in events:
        step = TABLE[state, event]
        for action in step.actions:
            if action is Action.DISARM:
                armed = False
            elif action.value.startswith("arm-") and action is not Action.ARM_WATCHDOG:
                assert not armed
                armed = True
        if event is Event.TIMEOUT:
            armed = armed and Action.DISARM in step.actions and armed
        state = step.state
    if state in (State.DOWN, State.UP, State.DONE, State.FAILED):
        assert not armed


DAEMON = Unit("d", exec=("x",))
ONESHOT = Unit("o", exec=("x",), kind=Kind.ONESHOT, restart=Restart.NEVER)
CLEAN = Verdict(wanted=True, asked=False, clean=True, code=0, gave_up=False)
BAD = CLEAN._replace(clean=False, code=1)


@pytest.mark.parametrize(
    ("unit", "seen", "expected"),
    [
        (DAEMON, CLEAN._replace(wanted=False), Event.GONE_DOWN),
        (DAEMON, BAD._replace(wanted=False, asked=True), Event.GONE_DOWN),
        (DAEMON, CLEAN._replace(asked=True), Event.GONE_AGAIN),
        (DAEMON, BAD._replace(asked=True, code=100), Event.GONE_AGAIN),
        (DAEMON, CLEAN, Event.GONE_BACKOFF),
        (DAEMON, BAD, Event.GONE_BACKOFF),
        (DAEMON, BAD._replace(code=None), Event.GONE_BACKOFF),
        (DAEMON, BAD._replace(code=100), Event.GONE_FAILED),
        (DAEMON, BAD._replace(gave_up=True), Event.GONE_FAILED),
        (DAEMON._replace(final_codes=()), BAD._replace(code=100), Event.GONE_BACKOFF),
        (DAEMON._replace(restart=Restart.ON_FAILURE), CLEAN, Event.GONE_DONE),
        (DAEMON._replace(restart=Restart.ON_FAILURE), BAD, Event.GONE_BACKOFF),
        (DAEMON._replace(restart=Restart.NEVER), CLEAN, Event.GONE_DONE),
        (DAEMON._replace(restart=Restart.NEVER), BAD, Event.GONE_FAILED),
        (ONESHOT, CLEAN, Event.GONE_DONE),
        (ONESHOT, BAD, Event.GONE_FAILED),
        (ONESHOT._replace(restart=Restart.ON_FAILURE), BAD, Event.GONE_BACKOFF),
    ],
)
def test_what_follows_from_an_end(unit: Unit, seen: Verdict, expected: Event) -> None:
    assert verdict(unit, seen) is expected


@pytest.mark.parametrize("state", State)
def test_only_what_is_up_or_a_oneshot_that_is_done_satisfies(state: State) -> None:
    assert satisfies(DAEMON, state) is (state is State.UP)
    assert satisfies(ONESHOT, state) is (state in (State.UP, State.DONE))
