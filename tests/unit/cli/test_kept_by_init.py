"""The record of what a machine's lunix-init keeps, for `lunix status`."""

from pathlib import Path
from typing import Any

from lunix_cli import kept_by_init
from lunix_init.machine import State

AT_REST = {State.DOWN, State.DONE}


def _service(name: str, state: str = "up", **more: Any) -> dict[str, Any]:
    blank = {"pid": None, "starts": 1, "why": "", "status": "", "manual": None, "pinned": False, "last_exit": None}
    return {"name": name, "state": state, "next_start_s": None, **blank, **more}


def test_daemons_that_run_are_told_and_the_bus_apart() -> None:
    found = kept_by_init.described([_service("bus", pid=7), _service("toast", pid=9, starts=3), _service("console")])
    assert (found["up"], found["keeper"], found["bus"]) == (None, "lunix-init", {"pid": 7})
    assert found["units"] == {"toast": {"phase": "ready", "pid": 9, "detail": "", "restarts": 2}}


def test_one_that_fails_says_why() -> None:
    ended: dict[str, Any] = {"cause": "exited", "code": 100, "signal": None, "message": "no key", "lines": []}
    (unit,) = kept_by_init.described([_service("ps", "failed", last_exit=ended)])["units"].values()
    assert (unit["phase"], unit["detail"]) == ("failed", "exited (exit code 100): no key")


def test_one_that_nobody_wants_is_off() -> None:
    found = kept_by_init.described([_service("ps", "down", manual=False, starts=0), _service("log", "down", starts=0)])
    assert found["units"] == {}
    assert found["off"] == {"ps": "stopped by hand", "log": "is not started: lunix init start log"}


def test_every_state_of_a_service_is_told() -> None:
    for state in State:
        found = kept_by_init.described([_service("ps", state.value, next_start_s=1.0)])
        assert ("ps" in found["off"]) == (state in AT_REST), state


def test_where_no_lunix_init_answers_there_is_no_record(tmp_path: Path) -> None:
    assert kept_by_init.record(tmp_path) is None
