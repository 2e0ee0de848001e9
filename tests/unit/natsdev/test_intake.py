"""Reading a source of events, as a pipe that says when there is something and a list that says what."""

import asyncio
import errno
import os
from collections.abc import Iterator

import pytest

from lunix_common.os_netlink import Overflow
from lunix_natsdev import intake as module
from lunix_natsdev.intake import Intake
from lunix_natsdev.source import Echo
from lunix_natsdev.uevent import Malformed, Uevent
from lunix_testing.deadline import deadline
from lunix_testing.uevents import event

Item = Uevent | Overflow | Malformed | OSError


class Pipe:
    """A source that tells what the test gives it."""

    name = "pipe"
    probed = False

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._waiting: list[Item] = []

    def give(self, *items: Item) -> None:
        self._waiting += items
        os.write(self._write, b"x" * len(items))

    def fileno(self) -> int:
        return self._read

    def receive(self) -> Uevent | Overflow | Malformed | None:
        if not self._waiting:
            return None
        os.read(self._read, 1)
        item = self._waiting.pop(0)
        if isinstance(item, OSError):
            raise item
        return item

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def present(self) -> Iterator[Uevent]:
        return iter(())

    async def caught_up(self, echo: Echo) -> None:
        pass

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def numbered(*numbers: int) -> list[Uevent]:
    return [event("change", b"/devices/x", "net", number) for number in numbers]


async def test_events_are_taken_in_their_order(pipe: Pipe) -> None:
    intake = Intake(pipe)
    intake.open()
    first, second, third = numbered(1, 2, 3)
    pipe.give(first, second)
    async with deadline("three events"):
        assert await intake.next() == first
        pipe.give(third)
        assert [await intake.next(), await intake.next()] == [second, third]
    intake.close()


async def test_a_loss_is_marked_behind_what_waited_when_it_happened(pipe: Pipe) -> None:
    intake = Intake(pipe)
    first, second, third = numbered(1, 2, 3)
    pipe.give(Overflow.OVERFLOW, first, second)
    assert intake.read_all()
    pipe.give(third)
    assert intake.read_all()
    assert [intake.backlog.pop() for _ in range(4)] == [first, second, Overflow.OVERFLOW, third]
    intake.close()


async def test_what_is_no_event_is_let_pass_with_a_warning(pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    intake = Intake(pipe)
    (good,) = numbered(1)
    pipe.give(Malformed("it is strange", "xyz"), good)
    assert intake.read_all()
    assert intake.take() == good
    assert "counts for nothing" in caplog.text
    intake.close()


async def test_when_there_is_no_room_events_stay_where_they_are(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 4)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    intake = Intake(pipe)
    intake.open()
    events = numbered(*range(12))
    pipe.give(*events)
    assert not intake.read_all()
    kept = pipe.waiting
    assert kept > 0
    async with deadline("all the others"):
        assert [await intake.next() for _ in range(12)] == events
    intake.close()


async def test_a_mark_is_reached_behind_all_that_was_read(pipe: Pipe) -> None:
    intake = Intake(pipe)
    (first,) = numbered(1)
    pipe.give(first)
    await intake.drain()
    mark = intake.mark()
    assert [intake.take(), intake.take()] == [first, mark]
    mark.cancel()
    intake.close()


async def test_a_comparison_that_is_asked_for_comes_when_all_is_read(pipe: Pipe) -> None:
    intake = Intake(pipe)
    intake.open()
    intake.lost()
    async with deadline("the mark of a loss"):
        assert await intake.next() is Overflow.OVERFLOW
    intake.close()


async def test_an_error_of_the_source_is_told_to_who_waits(pipe: Pipe) -> None:
    intake = Intake(pipe)
    intake.open()
    waiting = asyncio.create_task(intake.next())
    pipe.give(OSError(errno.EBADF, "gone"))
    with pytest.raises(OSError, match="gone"):
        await waiting
    intake.close()


async def test_closing_twice_is_closing_once(pipe: Pipe) -> None:
    intake = Intake(pipe)
    intake.open()
    intake.close()
    intake.close()
