"""What lunix-init tells, as payloads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.init import Line, Logs
from lunix_init_bus import told

TEA: dict[str, Any] = {"name": "tea", "kind": "daemon", "state": "up", "wanted": True, "since_s": 1.5, "pid": 7}
EXITED = {
    "seq": 3,
    "kind": "service.exited",
    "service": "tea",
    "time": "2026-01-02T03:04:05.678Z",
    "cause": "killed",
    "signal": "SIGKILL",
    "lines": ["hot"],
}


def test_a_service_has_its_name_as_id_and_leaves_out_what_only_an_answer_can_tell() -> None:
    shown = told.service(TEA).model_dump()
    assert (shown["id"], shown["pid"]) == ("tea", 7)
    assert "since_s" not in shown


def test_an_end_is_told_with_the_service_after_it() -> None:
    now = told.service(TEA | {"state": "backoff", "pid": None})
    event = told.event(now, EXITED["time"], told.exit_of(EXITED, now))  # type: ignore[arg-type]
    assert event.exit is not None
    assert (event.state, event.exit.cause, event.exit.signal, event.exit.lines) == (
        "backoff",
        "killed",
        "SIGKILL",
        None,
    )
    lines = told.last_lines(EXITED)
    assert lines is not None
    assert lines.lines == ["hot"]


@pytest.mark.parametrize("event", [EXITED | {"lines": []}, EXITED | {"kind": "service.failed"}])
def test_who_wrote_nothing_has_no_last_lines(event: dict[str, Any]) -> None:
    assert told.last_lines(event) is None


def test_a_failure_is_told_with_the_whole_end_that_led_to_it() -> None:
    described = TEA | {"state": "failed", "last_exit": {"cause": "exited", "code": 7, "lines": ["cold"], "cpu_s": 0.5}}
    found = told.exit_of({"kind": "service.failed", "cause": "exited", "code": 7}, told.service(described))
    assert found is not None
    assert (found.cpu_s, found.lines) == (0.5, None)
    whole = told.service_with_lines(described).last_exit
    assert whole is not None
    assert whole.lines == ["cold"]


def test_nothing_but_an_end_has_an_exit() -> None:
    assert told.exit_of({"kind": "service.ready"}, told.service(TEA)) is None


def test_figures_of_a_threshold_are_what_the_kernel_told() -> None:
    high = told.high(
        {"seq": 1, "boot": "b", "kind": "usage.high", "time": EXITED["time"], "service": "tea", "resource": "cpu"}
        | {"avg10": 12.5}
    )
    assert (high.service, high.resource, high.figures) == ("tea", "cpu", {"avg10": 12.5})


def test_differences_are_what_is_new_and_what_changed() -> None:
    before = {name: told.service(TEA | {"name": name}) for name in ("ale", "bock")}
    after = dict(before) | {
        "bock": told.service(TEA | {"name": "bock", "pinned": True}),
        "cider": told.service(TEA | {"name": "cider"}),
    }
    assert [(what, one.id) for what, one in told.differences(before, after)] == [
        ("changed", "bock"),
        ("added", "cider"),
    ]


def logs(texts: list[str]) -> Logs:
    lines = [Line(number=number, at=0.5, text=text) for number, text in enumerate(texts, 1)]
    return Logs(name="tea", lines=lines, next=len(texts) + 1)


@pytest.mark.parametrize(("most", "numbers", "following"), [(2, [1, 2], 3), (3, [1, 2, 3], 4), (9, [1, 2, 3], 4)])
def test_the_first_lines_say_where_to_go_on(most: int, numbers: list[int], following: int) -> None:
    found = told.first(logs(["a", "b", "c"]), most)
    assert ([line.number for line in found.lines], found.next) == (numbers, following)


@given(st.lists(st.text(max_size=300), max_size=60))
def test_what_fits_into_a_message_is_a_beginning_that_goes_on_without_a_gap(texts: list[str]) -> None:
    whole = logs(texts)
    found = told.fitting(whole, 4096 + 2000)
    assert len(found.to_json()) <= 4096 + 2000
    assert found.lines == whole.lines[: len(found.lines)]
    assert found.next == len(found.lines) + 1
    assert len(found.lines) == len(whole.lines) or len(found.to_json()) > 1000


def test_lines_beyond_what_one_message_holds_are_left_for_the_next() -> None:
    found = told.fitting(logs(["x" * 900] * 5), 4096 + 2000)
    assert ([line.number for line in found.lines], found.next) == ([1, 2], 3)
