"""The example that asks a question by a toast, answered on the bus and by a real click."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from lunix_testing import tree
from lunix_testing.command import LunixUp
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.daemon import DaemonStarter
from lunix_testing.dbus import DbusDaemon
from lunix_testing.desktop import Desktop, Eyes
from lunix_testing.server import BusServer
from lunix_testing.toasts import Person

EXAMPLE = "examples/python/ask_by_toast.py"


def ask(bus_server: BusServer) -> "asyncio.Task[subprocess.CompletedProcess[str]]":
    command = (sys.executable, str(tree.ROOT / EXAMPLE), "Mount the stick?", "Yes", "No")
    env = {"PATH": os.environ["PATH"]} | bus_server.env("user")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

    return asyncio.create_task(asyncio.to_thread(run))


@pytest.mark.parametrize(("action", "expected"), [("1", (0, "No\n")), (None, (1, ""))])
async def test_a_question_is_answered_on_the_bus(
    daemon_process: DaemonStarter, bus_server: BusServer, person: Person, action: str | None, expected: tuple[int, str]
) -> None:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    asked = ask(bus_server)
    id_ = (await person.event("shown", summary="Mount the stick?"))["id"]
    await person.ask("toast.close", {"id": id_, "action": action} if action else {"id": id_})
    done = await asked
    assert (done.returncode, done.stdout) == expected, done.stderr


@pytest.mark.requires("program:Xvfb", "program:openbox", "program:xdotool")
async def test_a_question_is_answered_by_a_click(
    desktop: Desktop, eyes: Eyes, daemon_process: DaemonStarter, bus_server: BusServer
) -> None:
    daemon_process("lunix_toast", env=desktop.environ)
    asked = ask(bus_server)
    [popup] = await eyes.count(1)
    desktop.click(popup.x + 100, popup.y + popup.height - 30)
    done = await asked
    assert (done.returncode, done.stdout) == (0, "Yes\n"), done.stderr


@pytest.mark.requires("program:Xvfb", "program:openbox", "program:notify-send", "program:dbus-daemon")
async def test_lunix_up_on_a_desktop_shows_what_is_published_and_what_programs_send(
    desktop: Desktop, eyes: Eyes, dbus_daemon: DbusDaemon, lunix_up: Callable[..., LunixUp]
) -> None:
    up = await asyncio.to_thread(lunix_up, "--only", "toast", env=desktop.environ | dbus_daemon.environ)
    done = await asyncio.to_thread(up, "pub", "toast.in", "a USB stick was plugged in!")
    assert done.code == 0, done.err
    await eyes.count(1)
    await asyncio.to_thread(dbus_daemon.run, "notify-send", "from a program", "a <i>body</i>")
    await eyes.count(2)
