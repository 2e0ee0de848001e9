"""The examples of lunix-wm, and a real program that it starts on a real display."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import deadline
from lunix_testing.desktop import Desktop
from lunix_testing.server import BusServer
from lunix_testing.tree import ROOT
from lunix_testing.windows import Watcher, Window, launcher

LOG, ONE = "examples/python/window_log.py", "examples/python/one_editor.py"


@pytest.fixture
async def seen(bus_server: BusServer, daemon_process: DaemonStarter, desktop: Desktop) -> AsyncIterator[Watcher]:
    daemon_process("lunix_wm", config='[wm]\nscope = "none"', env=desktop.environ)
    async with launcher(bus_server) as one:
        yield one


async def run(bus_server: BusServer, *command: str) -> asyncio.subprocess.Process:
    env = {"PATH": os.environ["PATH"]} | bus_server.env("launcher")
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE
    )


@pytest.mark.requires("program:xterm")
async def test_a_terminal_is_started_once_and_then_comes_to_the_front(
    bus_server: BusServer, desktop: Desktop, seen: Watcher
) -> None:
    first = await run(bus_server, ONE, "XTerm", "xterm", "-T", "mine", "-e", "cat")
    said = (await first.communicate())[0].decode()
    opened = await seen.event("opened", app="XTerm")
    await seen.event("focused", id=opened["id"])
    assert said == f"XTerm is started as {opened['pid']}\n"
    with Window(desktop.environ, b"above") as above:
        await seen.event("focused", id=above.id)
        since = len(seen.heard.items)
        second = await run(bus_server, ONE, "XTerm", "xterm")
        assert (await second.communicate())[0] == b"XTerm comes to the front\n"
        told = await seen.heard.until(lambda one: one in seen.heard.items[since:] and one[0] == "focused", 30)
        assert told[1]["id"] == opened["id"]
    await seen.ask("wm.close", {"id": opened["id"]})
    await seen.event("closed", id=opened["id"])
    # The terminal ends what runs in it, and then itself.
    await seen.event("exited", pid=opened["pid"], program="xterm")


async def test_windows_are_logged(bus_server: BusServer, desktop: Desktop, seen: Watcher) -> None:
    example = await run(bus_server, LOG)
    assert example.stdout is not None
    try:
        async with deadline("a line about a window", 30):
            assert await example.stdout.readline() == b"0 windows\n"
            with Window(desktop.environ, b"\x1b]2;x\x07", b"Probe"):
                assert await example.stdout.readline() == b'opened Probe "\\u001b]2;x\\u0007"\n'
    finally:
        example.terminate()
        await example.wait()
