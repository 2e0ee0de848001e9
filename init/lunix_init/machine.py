"""The state machine of one service, as a table.

    DOWN      not running and not wanted, or stopped by hand
    WAITING   wanted; what it needs is not there yet
    STARTING  a process was made and is not ready yet
    UP        ready
    STOPPING  asked to stop (its stop signal); the grace period runs
    KILLING   SIGKILL is on its way to what is left of it; it ends when no process is left
    BACKOFF   ended by itself; started again when the delay is over
    DONE      ended well, and is not started again (a oneshot counts as ready from here on)
    FAILED    ended badly for good: gave up, or its exit code says that a restart cannot help

    DOWN -> WAITING -> STARTING -> UP -> STOPPING -> KILLING -> DOWN | WAITING | BACKOFF | DONE |
    FAILED; a process that ends by itself goes from STARTING or UP to KILLING, which finds nothing
    to kill more often than not; BACKOFF -> WAITING.

What a service becomes when its last process is gone is judged once, by `verdict`, which yields one
of the GONE events. The table knows no time, no process and no dependency: the shell does the
actions, `plan` sends START, STOP, HOLD and GO.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from lunix_init.unit import Kind, Restart, Unit


class State(StrEnum):
    """Where a service stands."""

    DOWN = "down"
    WAITING = "waiting"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    KILLING = "killing"
    BACKOFF = "backoff"
    DONE = "done"
    FAILED = "failed"


class Event(StrEnum):
    """What can happen to it."""

    START = "start"  # wanted from now on
    STOP = "stop"  # not wanted any more
    HOLD = "hold"  # still wanted, but something that it needs is being stopped
    RESTART = "restart"  # asked to stop and to start again, whatever it is doing
    GO = "go"  # all that it needs is ready
    EXECED = "execed"  # its program runs
    READY = "ready"
    QUITTING = "quitting"  # it says that it is stopping by itself
    EXITED = "exited"  # its main process is gone
    TIMEOUT = "timeout"  # of the state that it is in
    WATCHDOG = "watchdog"  # it did not pet in time
    GONE_DOWN = "gone-down"
    GONE_AGAIN = "gone-again"
    GONE_BACKOFF = "gone-backoff"
    GONE_DONE = "gone-done"
    GONE_FAILED = "gone-failed"


class Action(StrEnum):
    """What the shell does when a step is taken, in order."""

    SPAWN = "spawn"
    ARM_START = "arm-start"
    ARM_STOP = "arm-stop"
    ARM_KILL = "arm-kill"
    ARM_BACKOFF = "arm-backoff"
    ARM_WATCHDOG = "arm-watchdog"
    DISARM = "disarm"  # the timer of the state, and the watchdog
    SIGNAL = "signal"  # the stop signal to the main process
    SWEEP = "sweep"  # signal what the main process left behind, and look whether all is gone
    KILL = "kill"  # SIGKILL to every process
    FORGET_FAILURES = "forget-failures"
    TELL_STARTING = "tell-starting"
    TELL_STARTED = "tell-started"
    TELL_READY = "tell-ready"
    TELL_STOPPING = "tell-stopping"
    TELL_FAILED = "tell-failed"


class Step(NamedTuple):
    """One cell of the table."""

    state: State
    actions: tuple[Action, ...] = ()


class Verdict(NamedTuple):
    """What `verdict` looks at, beside the unit."""

    wanted: bool
    asked: bool  # init itself asked it to stop
    clean: bool  # exit code 0, or killed by the stop signal that it was sent
    code: int | None  # the exit code, None where a signal ended it
    gave_up: bool  # the backoff allows no further restart


S, E, A = State, Event, Action

_STOP = Step(S.STOPPING, (A.DISARM, A.TELL_STOPPING, A.SIGNAL, A.ARM_STOP))
_KILL = Step(S.KILLING, (A.DISARM, A.KILL, A.ARM_KILL))
_AGAIN = Step(S.WAITING, (A.DISARM, A.FORGET_FAILURES))
_GONE = {
    E.GONE_DOWN: Step(S.DOWN, (A.DISARM, A.FORGET_FAILURES)),
    E.GONE_AGAIN: Step(S.WAITING, (A.DISARM,)),
    E.GONE_BACKOFF: Step(S.BACKOFF, (A.DISARM, A.ARM_BACKOFF)),
    E.GONE_DONE: Step(S.DONE, (A.DISARM,)),
    E.GONE_FAILED: Step(S.FAILED, (A.DISARM, A.TELL_FAILED)),
}

# What moves. Each state is followed by what leaves it as it is; nothing is left to a default.
_MOVES: Mapping[State, Mapping[Event, Step]] = {
    S.DOWN: {E.START: _AGAIN, E.RESTART: _AGAIN},
    S.WAITING: {
        E.GO: Step(S.STARTING, (A.TELL_STARTING, A.ARM_START, A.SPAWN)),
        E.STOP: Step(S.DOWN, (A.FORGET_FAILURES,)),
    },
    S.STARTING: {
        E.EXECED: Step(S.STARTING, (A.TELL_STARTED,)),
        E.READY: Step(S.UP, (A.DISARM, A.ARM_WATCHDOG, A.TELL_READY)),
        E.STOP: _STOP,
        E.HOLD: _STOP,
        E.RESTART: _STOP,
        E.TIMEOUT: _STOP,
        E.QUITTING: Step(S.STOPPING, (A.DISARM, A.TELL_STOPPING, A.ARM_STOP)),
        E.EXITED: _KILL,
        E.WATCHDOG: _KILL,
    },
    S.UP: {
        E.STOP: _STOP,
        E.HOLD: _STOP,
        E.RESTART: _STOP,
        E.QUITTING: Step(S.STOPPING, (A.DISARM, A.TELL_STOPPING, A.ARM_STOP)),
        E.EXITED: _KILL,
        E.WATCHDOG: _KILL,
    },
    S.STOPPING: {E.EXITED: Step(S.STOPPING, (A.SWEEP,)), E.TIMEOUT: _KILL, **_GONE},
    S.KILLING: {E.EXITED: Step(S.KILLING, (A.SWEEP,)), E.TIMEOUT: _KILL, **_GONE},
    S.BACKOFF: {
        E.TIMEOUT: Step(S.WAITING),
        E.START: _AGAIN,
        E.RESTART: _AGAIN,
        E.HOLD: Step(S.WAITING, (A.DISARM,)),
        E.STOP: Step(S.DOWN, (A.DISARM, A.FORGET_FAILURES)),
    },
    S.DONE: {E.RESTART: _AGAIN, E.STOP: Step(S.DOWN)},
    S.FAILED: {E.START: _AGAIN, E.RESTART: _AGAIN, E.STOP: Step(S.DOWN, (A.FORGET_FAILURES,))},
}
_LATE = (E.EXECED, E.READY, E.QUITTING, E.EXITED, E.TIMEOUT, E.WATCHDOG)
_NO_PROCESS = (*_GONE, *_LATE)
_STAYS: Mapping[State, tuple[Event, ...]] = {
    S.DOWN: (E.STOP, E.HOLD, E.GO, *_NO_PROCESS),
    S.WAITING: (E.START, E.RESTART, E.HOLD, *_NO_PROCESS),
    S.STARTING: (E.START, E.GO, *_GONE),
    S.UP: (E.START, E.GO, E.EXECED, E.READY, E.TIMEOUT, *_GONE),
    # A restart or a start while it stops only changes what `verdict` will be told.
    S.STOPPING: (E.START, E.STOP, E.HOLD, E.RESTART, E.GO, *(set(_LATE) - {E.EXITED, E.TIMEOUT})),
    S.KILLING: (E.START, E.STOP, E.HOLD, E.RESTART, E.GO, *(set(_LATE) - {E.EXITED, E.TIMEOUT})),
    S.BACKOFF: (E.GO, *(set(_NO_PROCESS) - {E.TIMEOUT})),
    S.DONE: (E.START, E.HOLD, E.GO, *_NO_PROCESS),
    S.FAILED: (E.HOLD, E.GO, *_NO_PROCESS),
}

TABLE: Mapping[tuple[State, Event], Step] = {
    **{(state, event): Step(state) for state, events in _STAYS.items() for event in events},
    **{(state, event): step for state, row in _MOVES.items() for event, step in row.items()},
}
if len(TABLE) != len(State) * len(Event) or any(
    set(_MOVES[state]) & set(_STAYS[state]) for state in State
):  # pragma: no cover
    raise AssertionError("the table is not complete, or says two things in one cell")

ACTIVE = frozenset({S.STARTING, S.UP, S.STOPPING, S.KILLING})
"""The states in which a process may exist."""

BY_US = frozenset({E.STOP, E.HOLD, E.RESTART})
"""The events by which init asks a service to stop."""


def verdict(unit: Unit, seen: Verdict) -> Event:
    """Judge what a service becomes now that its last process is gone."""
    if not seen.wanted:
        return E.GONE_DOWN
    if seen.asked:
        return E.GONE_AGAIN
    if seen.clean and (unit.kind is Kind.ONESHOT or unit.restart is not Restart.ALWAYS):
        return E.GONE_DONE
    if seen.code in unit.final_codes or unit.restart is Restart.NEVER or seen.gave_up:
        return E.GONE_FAILED
    return E.GONE_BACKOFF


def satisfies(unit: Unit, state: State) -> bool:
    """Whether what needs this unit may run."""
    return state is S.UP or (state is S.DONE and unit.kind is Kind.ONESHOT)
