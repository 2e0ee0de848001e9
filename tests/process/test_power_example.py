"""The story of lunix-power: a battery runs low, and the person in front of the machine sees it."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nats.aio.msg import Msg

from lunix_testing.command import LunixUp, environ
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.tree import ROOT

EXAMPLE = "examples/shell/toast-on-low-battery.sh"


async def test_a_toast_when_the_battery_is_low(lunix_up: Callable[..., LunixUp], tmp_path: Path) -> None:
    battery = tmp_path / "BAT0"
    battery.mkdir()
    for name, value in {"type": "Battery", "status": "Discharging", "capacity": "50"}.items():
        (battery / name).write_text(value)
    env = {"LUNIX_POWER_SUPPLIES": str(tmp_path), "LUNIX_POWER_LOGIND": "false"}
    up = lunix_up("--port", "0", "--only", "power,toast", env=env)
    said = up("env", "--role", "user").out.replace("'", "")
    mine = environ(dict(line.removeprefix("export ").split("=", 1) for line in said.splitlines()))
    toasts, events = Inbox[Msg](), Inbox[Msg]()
    client = await up.connect("user")
    await client.subscribe("toast.shown", cb=toasts.put_async)
    await client.subscribe("power.battery.*", cb=events.put_async)
    await client.flush()
    (daemon,) = [one["pid"] for one in up("status", "--json").json()["daemons"] if one["name"] == "power"]
    process = await asyncio.create_subprocess_exec(ROOT / EXAMPLE, env=mine, start_new_session=True)
    try:
        async with deadline("a toast", 60):
            # The example tells nobody when it listens.
            while not toasts.items:
                assert process.returncode is None, "the example has ended"
                for percent in ("9", "50"):
                    (battery / "capacity").write_text(percent)
                    os.kill(daemon, signal.SIGHUP)
                    await events.next()
        assert json.loads(toasts.items[0].data)["summary"].startswith("plug me in: ")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()
        await client.close()
