"""lunix-wm on a real display with a real window manager: what is told of windows, and what is done to them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable

import pytest

from lunix_common.bus import Bus, find
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import deadline
from lunix_testing.desktop import Desktop
from lunix_testing.examples import Recorder
from lunix_testing.quiet import quiet
from lunix_testing.server import BusServer
from lunix_testing.windows import Watcher, Window, launcher

HOSTILE = "<script>\x1b]52;c;eA==\x07\u202e../%s\u2028\x00" * 3
Start = Callable[..., Daemon]


@pytest.fixture
async def seen(bus_server: BusServer) -> AsyncIterator[Watcher]:
    async with launcher(bus_server) as one:
        yield one


@pytest.fixture
def start(daemon_process: DaemonStarter, desktop: Desktop, seen: Watcher) -> Start:
    """Start lunix-wm on the desktop; it tells at once what changes."""

    def run(config: str = "changed_every_ms = 0", **env: str) -> Daemon:
        return daemon_process("lunix_wm", config=f"[wm]\n{config}", env=desktop.environ | env)

    return run


async def test_a_window_is_told_from_its_beginning_to_its_end(
    desktop: Desktop, seen: Watcher, start: Start, record_example: Recorder
) -> None:
    start()
    with Window(desktop.environ, "Käse 🧀".encode(), b"Cheese", pid=4711) as window:
        opened = await seen.event("opened", id=window.id)
        assert (opened["title"], opened["app"], opened["pid"]) == ("Käse 🧀", "Cheese", 4711)
        assert (opened["width"], opened["height"], opened["type"]) == (300, 200, "normal")
        focused = await seen.event("focused", id=window.id)
        assert focused["focused"]
        window.title(b"Brie")
        await seen.event("changed", id=window.id, title="Brie")
        assert [item["title"] for item in await seen.items(app="Cheese")] == ["Brie"]
    closed = await seen.event("closed", id=window.id)
    assert closed["title"] == "Brie"
    assert await seen.items() == []
    for verb in ("opened", "focused", "changed", "closed"):
        payload, headers = next(one[1:] for one in seen.heard.items if one[0] == verb)
        record_example(f"wm.window.{verb}", payload, headers=headers)


async def test_windows_that_were_there_before_are_listed_and_not_told(
    desktop: Desktop, seen: Watcher, start: Start, record_example: Recorder
) -> None:
    with Window(desktop.environ, b"before") as window:
        window.wait_managed()
        start()
        listing = await seen.ask("wm.list", {"app": "probe"})
        assert [item["id"] for item in listing["items"]] == [window.id]
        record_example("wm.list", {"app": "probe"}, reply=listing)
    assert (await seen.event("closed"))["id"] == window.id
    assert "opened" not in [one[0] for one in seen.heard.items]


async def test_the_focus_goes_where_it_is_asked_to_go(
    desktop: Desktop, seen: Watcher, start: Start, record_example: Recorder
) -> None:
    start()
    with Window(desktop.environ, b"one") as one, Window(desktop.environ, b"two") as two:
        await seen.event("focused", id=two.id)
        since = len(seen.heard.items)
        answer = await seen.ask("wm.focus", one.id.encode())
        assert answer == {"id": one.id}
        record_example("wm.focus", one.id, reply=answer)
        await seen.heard.until(lambda told: told in seen.heard.items[since:] and told[0] == "focused", 30)
        assert one.root_numbers("_NET_ACTIVE_WINDOW") == (one.number,)
        told = [(verb, payload["id"], payload["focused"]) for verb, payload, _ in seen.heard.items[since:]]
        assert told[-2:] == [("changed", two.id, False), ("focused", one.id, True)]


async def test_a_window_is_moved_for_real(
    desktop: Desktop, seen: Watcher, start: Start, record_example: Recorder
) -> None:
    start()
    with Window(desktop.environ, b"wanderer") as window:
        await seen.event("focused", id=window.id)
        asked = {"id": window.id, "x": 200, "y": 150, "width": 400, "height": 250}
        answer = await seen.ask("wm.move", asked)
        record_example("wm.move", asked, reply=answer)
        told = await seen.event("changed", x=200, y=150, width=400, height=250)
        assert tuple(window.place()) == (200, 150, 400, 250)
        assert told["id"] == window.id
        await seen.ask("wm.move", {"id": window.id, "y": 300})
        await seen.event("changed", x=200, y=300, width=400, height=250)


async def test_a_window_goes_to_another_workspace_by_number_and_by_name(
    desktop: Desktop, seen: Watcher, start: Start
) -> None:
    start()
    with Window(desktop.environ, b"wanderer") as window:
        first = (await seen.event("opened", id=window.id))["workspace"]
        await seen.ask("wm.move", {"id": window.id, "workspace": "2"})
        second = (await seen.heard.until(lambda told: told[1].get("workspace") not in (None, first), 30))[1][
            "workspace"
        ]
        assert window.numbers("_NET_WM_DESKTOP") == (1,)
        since = len(seen.heard.items)
        await seen.ask("wm.move", {"id": window.id, "workspace": first})
        await seen.heard.until(lambda told: told in seen.heard.items[since:] and told[1]["workspace"] == first, 30)
        assert window.numbers("_NET_WM_DESKTOP") == (0,)
        assert second != first
        refused = await seen.ask("wm.move", {"id": window.id, "workspace": "no such one"})
        assert refused["error"]["code"] == 409


async def test_a_window_is_closed(desktop: Desktop, seen: Watcher, start: Start, record_example: Recorder) -> None:
    start()
    with Window(desktop.environ, b"victim") as window:
        await seen.event("opened", id=window.id)
        answer = await seen.ask("wm.close", window.id.encode())
        record_example("wm.close", window.id, reply=answer)
        await seen.event("closed", id=window.id)
    gone = await seen.ask("wm.close", window.id.encode())
    assert gone["error"]["code"] == 404


async def test_what_a_stranger_calls_its_window_does_no_harm(desktop: Desktop, seen: Watcher, start: Start) -> None:
    daemon = start()
    with Window(desktop.environ, HOSTILE.encode(), b"\xff\x1b.*>", pid=0xFFFFFFFF) as window:
        opened = await seen.event("opened", id=window.id)
        assert opened["title"] == HOSTILE.rstrip("\0")
        assert opened["app"] == "ÿ\x1b.*>"
        assert "pid" not in opened
        window.title(b"\xff\xfe" * 40_000)
        assert len((await seen.event("changed", title="\ufffd" * 1024))["title"]) == 1024
        for name in ("_NET_WM_STATE", "_NET_WM_DESKTOP", "_NET_WM_WINDOW_TYPE", "_NET_WM_PID"):
            window.set(name, "STRING", b"nonsense" * 500)
        window.set("WM_CLASS", "CARDINAL", list(range(4000)))
        window.title(b"calm")
        assert (await seen.event("changed", title="calm"))["id"] == window.id
    await seen.event("closed", id=window.id)
    assert not daemon.tracebacks()


async def test_states_are_told(desktop: Desktop, seen: Watcher, start: Start) -> None:
    start()
    with Window(desktop.environ, b"stateful") as window:
        await seen.event("focused", id=window.id)
        window.ask_state(1, "_NET_WM_STATE_FULLSCREEN")
        await seen.event("changed", id=window.id, fullscreen=True, width=1280, height=800)
        window.ask_state(0, "_NET_WM_STATE_FULLSCREEN")
        await seen.event("changed", id=window.id, fullscreen=False, width=300)
        desktop.run("xdotool", "windowminimize", str(window.number))
        await seen.event("changed", id=window.id, minimized=True)
        window.ask_state(1, "_NET_WM_STATE_MAXIMIZED_VERT", "_NET_WM_STATE_MAXIMIZED_HORZ")
        await seen.event("changed", id=window.id, maximized=True)


async def test_a_window_that_changes_all_the_time_is_told_now_and_then(
    desktop: Desktop, seen: Watcher, start: Start
) -> None:
    start("changed_every_ms = 60000")
    with Window(desktop.environ, b"0") as window:
        await seen.event("focused", id=window.id)
        for number in range(1, 500):
            window.title(b"%d" % number)
        with Window(desktop.environ, b"other") as other:
            await seen.event("focused", id=other.id)
            # That it lost the focus is told at once, with the title of this moment.
            assert (await seen.event("changed", id=window.id, focused=False))["title"] == "499"
    changed = [one for one in seen.heard.items if one[0] == "changed" and one[1]["id"] == window.id]
    assert len(changed) == 2


async def test_a_mirror_follows_what_happens(
    desktop: Desktop, seen: Watcher, start: Start, bus_server: BusServer
) -> None:
    start()
    options = find("user", url=bus_server.url, state=bus_server.state, environ={})
    async with Bus(options, "user") as bus, bus.follow("wm") as mirror:
        with Window(desktop.environ, b"one") as one, Window(desktop.environ, b"two") as two:
            await seen.event("focused", id=two.id)
            await seen.ask("wm.focus", {"id": one.id})
            await seen.event("changed", id=two.id, focused=False)
            two.title(b"last")
            await seen.event("changed", title="last")
            async with deadline("the mirror has it all", 30):
                await mirror.until(lambda items: any(getattr(each, "title", "") == "last" for each in items.values()))
            listed = {item["id"]: item for item in await seen.items()}
            assert {id_: item.model_dump(exclude_none=True) for id_, item in mirror.items.items()} == listed


async def test_a_display_that_is_killed_ends_its_windows_and_its_return_is_noticed(
    lasting_desktop: Desktop, seen: Watcher, daemon_process: DaemonStarter
) -> None:
    desktop = lasting_desktop
    daemon = daemon_process("lunix_wm", config="[wm]\nchanged_every_ms = 0", env=desktop.environ)
    with Window(desktop.environ, b"doomed") as window:
        await seen.event("opened", id=window.id)
        desktop.end(desktop.server)
        await seen.event("closed", id=window.id)
    assert await seen.items() == []
    refused = await seen.ask("wm.focus", {"id": window.id})
    assert refused["error"]["code"] == 503
    status = await seen.ask("$SRV.PING.wm")
    assert status["metadata"]["off.windows"]
    desktop.serve()
    desktop.manage()
    with Window(desktop.environ, b"reborn") as reborn:
        assert (await seen.event("opened", title="reborn"))["id"] == reborn.id
    assert not daemon.tracebacks()
    assert (await seen.ask("$SRV.PING.wm"))["metadata"] == {}


async def test_a_session_without_a_window_manager_says_so_and_takes_one_that_comes(
    desktop: Desktop, seen: Watcher, start: Start
) -> None:
    desktop.end(desktop.manager)
    daemon = start()
    assert "no window manager" in (await seen.ask("$SRV.PING.wm"))["metadata"]["off.windows"]
    desktop.manage()
    with Window(desktop.environ, b"hello") as window:
        await seen.event("opened", id=window.id)
        assert (await seen.ask("$SRV.PING.wm"))["metadata"] == {}
        desktop.end(desktop.manager)
        await asyncio.to_thread(daemon.wait_for_log, "the window manager is gone", 0, 30)
        refused = await seen.ask("wm.focus", {"id": window.id})
        assert refused["error"]["code"] == 409
    await seen.event("closed", id=window.id)


async def test_a_display_that_stands_still_holds_nobody_up(desktop: Desktop, seen: Watcher, start: Start) -> None:
    start()
    with Window(desktop.environ, b"still") as window:
        await seen.event("focused", id=window.id)
        os.kill(desktop.server.pid, signal.SIGSTOP)
        try:
            for number in range(50):
                assert await seen.ask("wm.move", {"id": window.id, "x": number}) == {"id": window.id}
            assert len(await seen.items()) == 1
        finally:
            os.kill(desktop.server.pid, signal.SIGCONT)
        await seen.event("changed", x=49)


async def test_windows_that_stay_as_they_are_wake_nobody(desktop: Desktop, seen: Watcher, start: Start) -> None:
    daemon = start()
    with Window(desktop.environ, b"quiet") as window:
        await seen.event("focused", id=window.id)
        await quiet(daemon.pid)


def test_check_says_whose_windows_they_are(desktop: Desktop, daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_wm", "--check", env=desktop.environ, wait=False)
    assert daemon.wait() == 0
    assert f"windows: those of X display {desktop.display}.0" in daemon.output()
