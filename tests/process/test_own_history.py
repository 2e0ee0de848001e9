"""The history of a machine's own bus on the real server: who finds what, and what becomes of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.command import LunixUp, Result, lunix, wait_until
from lunix_testing.command import lunix_up as lunix_up

Start = Callable[..., LunixUp]
KEEPING = ("--port", "0", "--only", "toast", "--history")


def say(up: LunixUp, text: str) -> None:
    """Have a toast shown, and kept: the server keeps what it has delivered already."""
    assert up("request", "toast.in", text).code == 0
    wait_until(lambda: shown(up) == [text], f"the event of {text!r} in the history")


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LunixUp]:
    """A bus that keeps a history, and has one."""
    up = LunixUp(tmp_path_factory.mktemp("keeping") / "state", *KEEPING)
    try:
        up.wait_ready()
        say(up, "tea is ready")
        yield up
    finally:
        up.close()


def found(result: Result) -> list[dict[str, Any]]:
    assert result.code == 0, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def shown(up: LunixUp, *arguments: str) -> list[str]:
    """The toasts that were shown, as the history has them."""
    events = found(up("history", "toast.shown", "--json", *arguments))
    return [event["payload"]["summary"] for event in events]


def test_what_was_told_is_found(keeping: LunixUp) -> None:
    assert shown(keeping, "--count", "1") == ["tea is ready"]
    assert shown(keeping, "--since", "1h", "--count", "1") == ["tea is ready"]
    assert shown(keeping, "--until", "2020-01-01T00:00:00Z") == []
    (line,) = keeping("history", "toast.shown", "--count", "1").out.splitlines()
    assert line.endswith('toast.shown                  "tea is ready"  urgency=normal')


def test_each_event_is_there_once_whatever_the_subjects_take_in(keeping: LunixUp) -> None:
    events = found(keeping("history", ">", "toast.*", "--json"))
    places = [(event["headers"]["Lunix-Boot"], event["headers"]["Lunix-Seq"], event["subject"]) for event in events]
    assert len(places) == len(set(places))
    assert {"toast.shown", "toast.ready"} <= {event["subject"] for event in events}
    assert [event["time"] for event in events] == sorted(event["time"] for event in events)


def test_a_role_finds_what_it_hears(keeping: LunixUp) -> None:
    assert shown(keeping, "--role", "user", "--count", "1") == ["tea is ready"]
    subjects = {event["subject"] for event in found(keeping("history", ">", "--json", "--role", "observer"))}
    assert "toast.ready" in subjects
    assert "toast.shown" not in subjects


def test_an_observer_cannot_name_what_is_kept_for_others(keeping: LunixUp) -> None:
    for subject in ("history.of.user", "history.of.admin", "$JS.API.DIRECT.GET.user", "$JS.API.STREAM.NAMES"):
        refused = keeping("request", "--role", "observer", subject, '{"next_by_subj":">","seq":1}')
        assert "may not send" in refused.err


def test_an_identity_that_is_added_finds_it_at_once_and_a_bridge_does_not(keeping: LunixUp) -> None:
    assert keeping("access", "add", "kitchen").code == 0
    assert shown(keeping, "--role", "kitchen", "--count", "1") == ["tea is ready"]
    assert keeping("access", "add", "hall", "--bridge").code == 0
    refused = keeping("history", "toast.shown", "--role", "hall")
    assert (refused.code, "keeps no history that you may read" in refused.err) == (1, True)
    assert keeping("access", "add", "history").code == 100


def test_it_outlives_the_bus_and_ends_when_nobody_asks_for_it(lunix_up: Start) -> None:
    up = lunix_up(*KEEPING)
    say(up, "coffee")
    assert up.stop() == 0
    up = lunix_up(*KEEPING, "--history-max-bytes", "3M", "--history-max-age", "1d")
    assert shown(up) == ["coffee"]
    assert up.stop() == 0
    up = lunix_up(*KEEPING[:-1])
    refused = up("history", "toast.shown")
    assert (refused.code, "`lunix up --history` keeps this machine's" in refused.err) == (1, True)


def test_lunix_bus_keeps_none(tmp_path: Path) -> None:
    words = ("--state", str(tmp_path), "--server", "embedded", "--history")
    for command in ("up", "serve"):
        refused = lunix(command, *words)
        assert (refused.code, "lunix-bus keeps no history" in refused.err) == (100, True)
