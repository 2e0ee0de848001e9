"""The suite under lunix-init on a real kernel: its units, a stick, an OOM kill and the end, seen on the bus inside."""

import contextlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.tree import ROOT
from lunix_testing.vm import Boot, Machine, MachineEndedError, Process
from lunix_testing.vm.init import CONNECT, patient

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]
INIT = "/opt/lunix/bin/lunix-init"
UNITS = {
    f"/etc/lunix/units/{path.name}": patient(path.read_text()) for path in (ROOT / "init/units/lunix").glob("*.toml")
}
REQUEST = ("lunix", "request", "--timeout", "120")
GREEDY = """
exec = ["/opt/lunix/bin/python", "-c", "x = []\\nwhile True: x.append(bytearray(1 << 20))"]
restart = "never"
[limits]
memory = "40M"
"""


async def until_up(vm: Machine, *names: str) -> None:
    """Wait until these services are up; asked again after each event."""
    command = f"""{CONNECT}
with connect() as stream, connect() as control:
    events = stream.events()
    while True:
        states = {{one["name"]: one["state"] for one in control.do("list")["items"]}}
        if all(states.get(name) == "up" for name in {names!r}):
            break
        next(events)
"""
    await vm.run("/opt/lunix/bin/python", "-c", command)


@asynccontextmanager
async def listening(vm: Machine) -> AsyncGenerator[Process]:
    """What an observer hears."""
    subjects = "'hardware.usb.*' 'hardware.block.*' 'init.>'"
    async with vm.start("sh", "-c", f"exec lunix sub --json --role observer {subjects} 2>&1") as events:
        await events.line(lambda line: "listening for" in line)
        yield events


async def event(events: Process, subject: str) -> dict[str, Any]:
    """The payload of the next message of this subject."""

    def matches(line: str) -> bool:
        return bool(json.loads(line)["subject"] == subject)

    found: dict[str, Any] = json.loads(await events.line(matches))
    payload: dict[str, Any] = found["payload"]
    return payload


async def test_the_suite_comes_up_and_tells_what_happens(machine: Boot, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(8 << 20))
    async with machine(init=INIT, memory=384, files=UNITS) as vm:
        await until_up(vm, "bus", "init", "natsdev", "toast")
        listed = json.loads((await vm.run("lunix", "init", "list", "--json")).stdout)["items"]
        assert {one["name"]: one["starts"] for one in listed} == {"bus": 1, "init": 1, "natsdev": 1, "toast": 1}
        assert json.loads((await vm.run(*REQUEST, "toast.in", "tea")).stdout)["id"]
        async with listening(vm) as events:
            await vm.plug_stick(disk, serial="0001")
            stick = await event(events, "hardware.usb.add")
            assert stick["serial"] == "0001"
            block = await event(events, "hardware.block.add")
            assert (await vm.run("readlink", "-f", *block["links"][:1])).stdout.strip() == block["devnode"]
            assert (await vm.run("cat", f"/sys/class/block/{block['name']}/size")).stdout == "16384\n"

            await vm.shell(f"cat > /etc/lunix/units/greedy.toml <<'END'\n{GREEDY}\nEND")
            ended = (await event(events, "init.service.greedy.exited"))["exit"]
            assert (ended["cause"], ended["signal"], ended["oom"]) == ("oom", "SIGKILL", True)
            assert 30 << 20 < ended["memory_peak_bytes"] <= 41 << 20

            with contextlib.suppress(MachineEndedError):
                await vm.run(*REQUEST, "init.poweroff")
        await vm.wait_end()
        await vm.console.wait_for("reboot: Power down")
