"""lunix-wm with the real i3 and the real sway, by their own protocol."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lunix_testing.daemon import DaemonStarter
from lunix_testing.desktop import Desktop
from lunix_testing.server import BusServer
from lunix_testing.sway import Sway
from lunix_testing.windows import Watcher, Window

HOSTILE = 'x"; exec touch /tmp/evil; "'
CONFIG = "[wm]\nchanged_every_ms = 0"
I3 = "# i3 config file (v4)\nfont pango:monospace 8\n"


@pytest.fixture
async def seen(bus_server: BusServer) -> AsyncIterator[Watcher]:
    one = Watcher(bus_server, "user")
    await one.open()
    yield one
    await one.client.close()


def start_i3(desktop: Desktop) -> None:
    """In the place of the window manager that is there."""
    desktop.end(desktop.manager)
    config = Path(desktop.folder / "i3.config")
    config.write_text(I3, encoding="utf-8")
    desktop.manager = desktop.spawn("i3", "-c", str(config), env={"XDG_RUNTIME_DIR": str(desktop.folder)})


@pytest.mark.requires("program:i3")
async def test_i3_is_taken_as_soon_as_it_runs_and_left_when_it_ends(
    desktop: Desktop, seen: Watcher, daemon_process: DaemonStarter
) -> None:
    daemon = daemon_process("lunix_wm", config=CONFIG, env=desktop.environ)
    with Window(desktop.environ, b"stays") as window:
        await seen.event("opened", id=window.id)
        start_i3(desktop)
        opened = await seen.heard.until(lambda told: told[0] == "opened" and told[1]["id"].startswith("i3:"), 30)
        assert (opened[1]["title"], opened[1]["resync"]) == ("stays", True)
        desktop.end(desktop.manager)
        await seen.event("closed", id=opened[1]["id"])
        since = len(seen.heard.items)
        desktop.manage()
        again = await seen.heard.until(lambda told: told in seen.heard.items[since:] and told[0] == "opened", 30)
        assert again[1]["id"] == window.id
    assert not daemon.tracebacks()


@pytest.mark.requires("program:i3")
async def test_i3_tells_of_windows_and_moves_them(
    desktop: Desktop, seen: Watcher, daemon_process: DaemonStarter
) -> None:
    start_i3(desktop)
    with Window(desktop.environ, b"tiled", b"Tile"):
        daemon = daemon_process("lunix_wm", config=CONFIG, env=desktop.environ, wait=False)
        daemon.wait_ready()
        tiled = await listed(seen, app="Tile")
        refused = await seen.ask("wm.move", {"id": tiled, "x": 5})
        assert (refused["error"]["code"], "tiled" in refused["error"]["message"]) == (409, True)
        with Window(desktop.environ, b"\x1b]2;x\x07\xff", b"Dialog", dialog=True) as window:
            floating = await seen.event("focused", app="Dialog")
            assert (floating["type"], floating["workspace"], floating["title"]) == ("dialog", "1", "\x1b]2;x\x07\ufffd")
            asked = {"id": floating["id"], "x": 50, "y": 60, "width": 500, "height": 400}
            assert await seen.ask("wm.move", asked) == {"id": floating["id"]}
            await seen.event("changed", **asked)
            place = window.place()
            assert 50 <= place.x <= 60
            assert 60 <= place.y <= 100
            window.title(b"other")
            await seen.event("changed", title="other")
            await seen.ask("wm.focus", {"id": tiled})
            await seen.event("focused", id=tiled)
            evil = await seen.ask("wm.move", {"id": tiled, "workspace": HOSTILE})
            assert evil["error"]["code"] == 409
            for workspace in ("7", "web: mail"):
                await seen.ask("wm.move", {"id": tiled, "workspace": workspace})
                await seen.event("changed", id=tiled, workspace=workspace)
            await seen.ask("wm.close", {"id": floating["id"]})
            await seen.event("closed", id=floating["id"])
    await seen.event("closed", id=tiled)
    assert not daemon.tracebacks()


async def listed(seen: Watcher, app: str) -> str:
    """The window of this program, which is listed, or is told when i3 has it."""
    for item in await seen.items(app=app):
        return str(item["id"])
    return str((await seen.event("opened", app=app))["id"])


@pytest.mark.requires("program:sway", "program:foot")
async def test_sway_tells_of_windows_and_moves_them(sway: Sway, seen: Watcher, daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_wm", config=CONFIG, env=sway.environ)
    assert await seen.items() == []
    program = "printf '\\033]2;</title>\\007'; exec sleep 600"
    foot = sway.spawn("foot", "--app-id", "Foot", "--", "sh", "-c", program)
    focused = await seen.event("focused", app="Foot")
    assert focused["id"].startswith("sway:")
    assert (focused["pid"], focused["workspace"]) == (foot.pid, "1")
    # Before or after it is told for the first time.
    await seen.heard.until(lambda told: told[1]["title"] == "</title>", 30)
    id_ = focused["id"]
    assert (await seen.ask("wm.move", {"id": id_, "x": 5}))["error"]["code"] == 409
    evil = await seen.ask("wm.move", {"id": id_, "workspace": HOSTILE})
    assert evil["error"]["code"] == 409
    await seen.ask("wm.move", {"id": id_, "workspace": "web: mail"})
    await seen.event("changed", id=id_, workspace="web: mail")
    second = sway.spawn("foot", "--app-id", "Second", "--", "sleep", "600")
    other = await seen.event("focused", app="Second")
    since = len(seen.heard.items)
    await seen.ask("wm.focus", {"id": id_})
    await seen.heard.until(lambda told: told in seen.heard.items[since:] and told[0] == "focused", 30)
    assert other["workspace"] == "1"
    await seen.ask("wm.close", {"id": other["id"]})
    await seen.event("closed", id=other["id"])
    second.wait(30)
    sway.end(sway.process)
    await seen.event("closed", id=id_)
    assert (await seen.ask("wm.focus", {"id": id_}))["error"]["code"] == 503
    assert not daemon.tracebacks()


@pytest.mark.requires("program:sway")
def test_check_tells_whose_windows_they_are(sway: Sway, daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_wm", "--check", env=sway.environ, wait=False)
    assert daemon.wait() == 0
    assert "windows: those of sway " in daemon.output()
