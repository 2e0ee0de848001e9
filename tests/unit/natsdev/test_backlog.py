"""What the events that wait tell about a look into sysfs."""

import pytest

from lunix_natsdev.backlog import Backlog
from lunix_natsdev.uevent import Uevent

A, B, C = b"/devices/a", b"/devices/b", b"/devices/c"


def event(action: str, path: bytes, old: bytes | None = None, mark: str | None = None) -> Uevent:
    properties = {"SUBSYSTEM": "net"} | ({"SYNTH_UUID": mark} if mark else {})
    return Uevent(action, path, properties, 1, old)


def backlog(*events: Uevent | str) -> Backlog[str]:
    made: Backlog[str] = Backlog()
    for item in events:
        made.push(item)
    return made


def test_events_and_marks_come_out_in_order() -> None:
    first, second = event("add", A), event("change", A)
    waiting = backlog(first, "mark", second)
    assert len(waiting) == 3
    assert [waiting.pop() for _ in range(3)] == [first, "mark", second]


def test_taking_from_nothing_is_an_error() -> None:
    with pytest.raises(IndexError):
        backlog().pop()


def test_a_device_that_nothing_waits_for_is_where_it_was() -> None:
    assert backlog(event("change", A), event("remove", B)).where_now(A) == A


def test_a_device_whose_removal_waits_is_gone() -> None:
    assert backlog(event("remove", A), event("add", A)).where_now(A) is None


def test_a_renamed_device_is_followed_through_all_its_names() -> None:
    assert backlog(event("move", B, A), event("move", C, B)).where_now(A) == C


def test_a_rename_of_the_one_before_at_the_new_name_does_not_count() -> None:
    waiting = backlog(event("move", C, B), event("move", B, A))
    assert waiting.where_now(A) == B
    assert waiting.where_now(B) == C


def test_a_renamed_device_that_is_removed_under_its_new_name_is_gone() -> None:
    assert backlog(event("move", B, A), event("remove", B)).where_now(A) is None


def test_an_event_that_was_taken_counts_no_more() -> None:
    waiting = backlog(event("remove", A), event("add", A), event("remove", A))
    waiting.pop()
    assert waiting.where_now(A) is None
    waiting.pop()
    waiting.pop()
    assert waiting.where_now(A) == A


def test_a_removal_that_a_program_asked_for_removes_nothing() -> None:
    waiting = backlog(event("remove", A, mark="0"))
    assert waiting.where_now(A) == A
    assert waiting.paths() == set()


def test_the_paths_where_devices_come_and_go_are_known() -> None:
    waiting = backlog(event("add", A), event("move", C, B), "mark", event("change", b"/devices/d"))
    assert waiting.paths() == {A, B, C}
