"""Unit files that ``lunix up`` writes, and what it makes of what lunix-init tells."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_cli import init_units
from lunix_cli.supervise import Phase, Unit
from lunix_init import unit as units

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@given(st.lists(WORDS, min_size=1), st.dictionaries(WORDS.filter(lambda word: "=" not in word), WORDS))
def test_any_arguments_and_variables_arrive_as_they_are(argv: list[str], env: dict[str, str]) -> None:
    text = init_units.text(Unit("tea", tuple(argv), env, ("bus",)), {}, 30.0)
    found = units.parse("tea", text.encode())
    assert found.exec == tuple(argv)
    assert dict(found.env) == env
    assert (found.needs, found.ready, found.start_timeout) == (("bus",), units.Ready.NOTIFY, 30.0)


def test_a_daemon_of_ours_is_forked_and_what_says_nothing_is_ready_at_once() -> None:
    text = init_units.text(Unit("toast", ("--x",), {"A": "1", "B": "2"}, module="lunix_toast"), {"A": "1"}, 1)
    found = units.parse("toast", text.encode())
    assert (found.python, found.args, found.env) == ("lunix_toast", ("--x",), (("B", "2"),))
    silent = units.parse("bus", init_units.text(Unit("bus", ("x",), {}, notifies=False), {}, 1).encode())
    assert silent.ready is units.Ready.NONE


def service(**more: object) -> dict[str, Any]:
    return {"state": "up", "pid": 7, "starts": 1, "since_s": 2.0, "status": "warm", "last_exit": None} | more


@pytest.mark.parametrize(
    ("told", "phase", "detail", "restarts"),
    [
        (service(), Phase.READY, "warm", 0),
        (service(state="waiting", pid=None, starts=0), Phase.WAITING, "", 0),
        (service(state="down", pid=None, manual=False, status="ready"), Phase.STOPPED, "stopped by hand", 0),
        (service(state="killing", starts=3), Phase.STOPPING, "warm", 2),
        (
            service(state="backoff", pid=None, last_exit={"lines": ["", "ouch", " "], "cause": "exited"}),
            Phase.PAUSING,
            "ouch",
            1,
        ),
        (
            service(
                state="failed",
                pid=None,
                last_exit={"lines": [], "cause": "exited", "code": 100, "signal": None, "message": ""},
            ),
            Phase.FAILED,
            "ended with exit code 100",
            0,
        ),
    ],
)
def test_a_service_is_told_as_a_status(told: dict[str, Any], phase: Phase, detail: str, restarts: int) -> None:
    status = init_units.status(told, 100.0)
    assert (status.phase, status.detail, status.restarts, status.since) == (phase, detail, restarts, 98.0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"level": "INFO", "message": "ready"}', False),
        ('{"level": "WARNING", "message": "no cgroup"}', True),
        ('{"level": "ERROR", "message": "failed"}', False),
        ("Traceback (most recent call last):", True),
        ("", False),
    ],
)
def test_of_what_lunix_init_says_a_person_hears_what_is_not_told_otherwise(line: str, told: bool) -> None:
    assert bool(init_units.said_by_init(line)) is told
