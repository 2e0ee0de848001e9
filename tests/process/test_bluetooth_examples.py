"""The stories of lunix-bluetooth: a toast confirms a pairing, and a phone that connects starts a program."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_common.access.roles import Client
from lunix_common.subjects import Role
from lunix_dbus import Variant
from lunix_testing.bluetooth import PHONE, Asking, Desk
from lunix_testing.bluetooth import here as here
from lunix_testing.daemon import DaemonStarter
from lunix_testing.dbus import DbusDaemon
from lunix_testing.dbus import dbus_daemon as dbus_daemon
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.server import BusServer
from lunix_testing.tree import ROOT

pytestmark = pytest.mark.requires("program:dbus-daemon")
PAIR, TERMINAL = "examples/python/pair_by_toast.py", "examples/python/terminal_on_phone.py"
SECONDS = 60.0


@pytest.fixture
def bus_server(tmp_path: Path) -> Iterator[BusServer]:
    """A bus with an identity for the script, which may start programs."""
    running = BusServer(tmp_path / "state")
    running.add(Client("script", Role.USER, frozenset({"wm.exec"})))
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def bluez(dbus_daemon: DbusDaemon) -> AsyncIterator[Asking]:
    async with Asking(dbus_daemon, "Ada's phone").here() as found:
        yield found


@asynccontextmanager
async def running(server: BusServer, example: str, *arguments: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    command = (sys.executable, str(ROOT / example), *arguments)
    env = os.environ | server.env("script")
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE)
    try:
        yield process
        assert process.returncode is None, "the example has ended"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.mark.parametrize(("action", "outcome"), [("yes", "accepted"), ("no", "refused")])
async def test_a_toast_confirms_a_pairing(
    bus_server: BusServer, daemon_process: DaemonStarter, here: Desk, bluez: Asking, action: str, outcome: str
) -> None:
    await asyncio.to_thread(daemon_process, "lunix_toast", config='[toast]\nrenderer = "none"\nnotifications = "off"\n')
    toasts, gone = Inbox[Msg](), Inbox[Msg]()
    await here.user.subscribe("toast.shown", cb=toasts.put_async)
    await here.user.subscribe("toast.closed", cb=gone.put_async)
    await here.user.flush()
    # It is asked before anybody listens.
    pairing = asyncio.create_task(here.ask("pair", PHONE))
    await here.next("bluetooth.pair.requested")
    async with running(bus_server, PAIR):
        toast = json.loads((await toasts.next(SECONDS)).data)
        assert (toast["summary"], toast["body"]) == ("Bluetooth: Ada's phone", "Does it show 048301?")
        chosen = {"id": toast["id"], "action": action}
        await here.user.request("toast.close", json.dumps(chosen).encode(), timeout=SECONDS)
        assert (await here.next("bluetooth.pair.ended"))["outcome"] == outcome
        await gone.next(SECONDS)
        assert ("error" in await pairing) == (action == "no")


async def test_a_phone_that_connects_starts_a_program_in_the_session(
    bus_server: BusServer, daemon_process: DaemonStarter, here: Desk, bluez: Asking
) -> None:
    """With the real lunix-wm; that a terminal opens a window on a display is seen in ``tests/desktop``."""
    await asyncio.to_thread(daemon_process, "lunix_wm", config='[wm]\nwindows = "off"\nscope = "none"\n')
    exited = Inbox[Msg]()
    await here.user.subscribe("wm.exited", cb=exited.put_async)
    bluez.change(Paired=Variant("b", True))
    await here.next("bluetooth.device.paired")
    async with running(bus_server, TERMINAL, PHONE, "sh", "-c", "exit 47") as example, deadline("the program", SECONDS):
        # The example tells nobody when it listens.
        while not exited.items:
            assert example.returncode is None, "the example has ended"
            bluez.change(Connected=Variant("b", True))
            await here.next("bluetooth.connected")
            bluez.change(Connected=Variant("b", False))
            await here.next("bluetooth.disconnected")
        assert example.stdout is not None
        pid = int(await example.stdout.readline())
        ended = await exited.until(lambda message: json.loads(message.data)["pid"] == pid)
    assert json.loads(ended.data)["exit_code"] == 47
