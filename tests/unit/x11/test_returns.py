"""Waiting for a display's socket, in folders of the test's own."""

import os
from pathlib import Path

import pytest

from lunix_testing.deadline import deadline
from lunix_x11.os_returns import SOCKETS, NewSockets, of_display, opened


async def test_a_socket_that_is_made_is_told(tmp_path: Path) -> None:
    sockets = NewSockets([tmp_path / "X7"])
    try:
        (tmp_path / "other").touch()
        (tmp_path / "X7").touch()
        async with deadline("the socket is told"):
            await sockets.made()
        sockets.forget()
        (tmp_path / "draft").touch()
        (tmp_path / "draft").rename(tmp_path / "X77")
        async with deadline("what begins so is told"):
            await sockets.made()
    finally:
        sockets.close()
        sockets.close()


async def test_the_folder_may_be_made_later(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    sockets = NewSockets([folder / "X7"])
    try:
        folder.mkdir()
        async with deadline("the folder is told"):
            await sockets.made()
        sockets.forget()
        (folder / "X7").touch()
        async with deadline("the socket is told"):
            await sockets.made()
    finally:
        sockets.close()


async def test_without_any_folder_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        NewSockets([tmp_path / "no" / "such" / "X7"])


async def test_it_is_tried_again_when_a_socket_is_made_and_shortly_after(tmp_path: Path) -> None:
    sockets = NewSockets([tmp_path / "X7"])
    failures: list[OSError] = []
    refused = [OSError("not there"), OSError("not listening yet")]

    def attempt() -> str:
        if refused:
            raise refused.pop(0)
        return "open"

    def failed(error: OSError) -> None:
        failures.append(error)
        if len(failures) == 1:
            (tmp_path / "X7").touch()

    try:
        async with deadline("it is opened"):
            assert await opened(attempt, sockets, failed) == "open"
        assert [str(error) for error in failures] == ["not there", "not listening yet"]
    finally:
        sockets.close()


async def test_an_overflow_counts_as_a_socket(tmp_path: Path) -> None:
    sockets = NewSockets([tmp_path / "X7"])
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())  # noqa: ASYNC240
    try:
        # Each name is another event: equal ones that follow each other would be one.
        names = (f"{tmp_path}/a", f"{tmp_path}/b")
        Path(names[0]).touch()  # noqa: ASYNC240
        for number in range(most + 8):
            os.rename(names[number % 2], names[(number + 1) % 2])  # noqa: PTH104
        async with deadline("the overflow is told"):
            await sockets.made()
    finally:
        sockets.close()


def test_the_socket_of_a_display_is_known() -> None:
    assert of_display({"DISPLAY": ":7.1"}) == [SOCKETS / "X7"]
    assert of_display({"DISPLAY": "far:7"}) == []
    assert of_display({}) == []
