"""lunix-power on Debian's kernel: its test driver of batteries, and a lid and a power button made by uinput."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from lunix_testing.examples import Recorder
from lunix_testing.vm import Machine, own_modules
from lunix_testing.vm.bus import Listener, bus

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(600),
    pytest.mark.requires("program:gcc", "program:make"),
    pytest.mark.asyncio(loop_scope="session"),
]

PORT = 4291

# Lines in: the type, code and value of an event. The keyboard can type, and has a power key.
_INPUTS = """
import ctypes, fcntl, os, struct, sys
UI_DEV_CREATE, UI_DEV_SETUP = 0x5501, 0x405C5503
UI_SET_EVBIT, UI_SET_KEYBIT, UI_SET_SWBIT = 0x40045564, 0x40045565, 0x4004556D

def make(name, *bits):
    device = os.open("/dev/uinput", os.O_WRONLY | os.O_NONBLOCK)
    for request, bit in bits:
        fcntl.ioctl(device, request, bit)
    fcntl.ioctl(device, UI_DEV_SETUP, struct.pack("HHHH80sI", 3, 1, 1, 1, name, 0))
    fcntl.ioctl(device, UI_DEV_CREATE)
    return device

devices = {
    "lid": make(b"Lid Switch", (UI_SET_EVBIT, 5), (UI_SET_SWBIT, 0)),
    "keyboard": make(b"A keyboard", (UI_SET_EVBIT, 1), *((UI_SET_KEYBIT, key) for key in (30, 31, 116))),
}
print("made", flush=True)
for line in sys.stdin:
    name, *numbers = line.split()
    if name == "unplug":
        os.close(devices.pop(numbers[0]))
        continue
    for event in ([int(number) for number in numbers], (0, 0, 0)):
        os.write(devices[name], struct.pack("llHHi", 0, 0, *event))
    print("done", flush=True)
"""


@dataclass
class Room:
    """A machine with a bus, lunix-power and a listener."""

    vm: Machine
    pid: int
    events: Listener

    async def event(self, subject: str) -> dict[str, Any]:
        """The next event, which has to be of this subject."""
        seen = await self.events.next()
        assert seen["subject"] == subject, seen
        return seen

    async def set(self, parameter: str, value: object) -> None:
        """Have the test driver say something else, of which it sends an event."""
        await self.vm.shell(f"echo {value} >/sys/module/test_power/parameters/{parameter}")

    async def switches(self) -> int:
        """How often it was woken so far."""
        status = await self.vm.shell(f"grep '^voluntary' /proc/{self.pid}/status")
        return int(status.split()[1])


@asynccontextmanager
async def room(vm: Machine) -> AsyncGenerator[Room]:
    await vm.run("modprobe", "-a", "uinput", "evdev")
    await vm.run("sh", "-c", "cat >/run/test_power.ko", input=own_modules.build(own_modules.TEST_POWER))
    await vm.run("insmod", "/run/test_power.ko")
    await vm.shell("cd /sys/module/test_power/parameters; echo discharging >battery_status; echo 74 >battery_capacity")
    async with bus(vm, "power.*.*", port=PORT) as (url, events):
        command = f"echo $$; exec python3 -m lunix_power --bus {url} --trust-bus --ready-fd 1"
        async with vm.start("sh", "-c", command) as power:
            pid = int(await power.line())
            await power.line()
            yield Room(vm, pid, events)


async def test_supplies_lid_and_button_of_a_real_kernel(shared_machine: Machine, record_example: Recorder) -> None:
    async with room(shared_machine) as here:
        listed = {one["id"]: one for one in (await here.events.request("power.list"))["items"]}
        assert listed["battery:test_battery"]["charge_percent"] == 74
        assert listed["ac:test_ac"]["online"] is True
        await _supplies(here)
        await _inputs(here, record_example)


async def _supplies(here: Room) -> None:
    await here.set("battery_capacity", 15)
    low = (await here.event("power.battery.low"))["event"]
    assert (low["id"], low["level"], low["status"]) == ("battery:test_battery", "low", "discharging")
    await here.set("battery_capacity", 5)
    await here.event("power.battery.critical")
    await here.set("ac_online", "off")
    assert (await here.event("power.ac.offline"))["event"]["id"] == "ac:test_ac"
    await here.set("ac_online", "on")
    await here.event("power.ac.online")
    await here.set("battery_status", "charging")
    assert (await here.event("power.battery.charging"))["event"]["level"] == "ok"
    await here.set("battery_status", "full")
    await here.event("power.battery.full")
    await here.vm.run("rmmod", "test_power")
    gone: set[str] = set()
    # The driver turns everything off before it goes.
    while len(gone) < 3:
        seen = await here.events.next()
        if seen["subject"].endswith(".removed"):
            gone.add(seen["event"]["id"])
    assert gone == {"ac:test_ac", "ac:test_usb", "battery:test_battery"}


async def _inputs(here: Room, record_example: Recorder) -> None:
    async with here.vm.start("python3", "-u", "-c", _INPUTS) as inputs:
        await inputs.line(lambda line: line == "made")
        added = (await here.event("power.lid.added"))["event"]
        assert (added["id"], added["closed"]) == ("lid:Lid Switch", False)
        await inputs.write(b"lid 5 0 1\n")
        closed = await here.event("power.lid.closed")
        record_example(closed["subject"], closed["event"], headers=closed["headers"])
        await inputs.write(b"lid 5 0 0\n")
        await here.event("power.lid.open")
        await inputs.write(b"keyboard 1 116 1\nkeyboard 1 116 0\n")
        pressed = await here.event("power.button.pressed")
        assert pressed["event"] == {"button": "power", "device": "A keyboard"}
        record_example(pressed["subject"], pressed["event"], headers=pressed["headers"])
        # What is typed does not even wake it.
        before = await here.switches()
        await inputs.write(b"keyboard 1 30 1\nkeyboard 1 30 0\n" * 50)
        for _ in range(104):
            await inputs.line(lambda line: line == "done")
        assert await here.switches() - before < 10
        await inputs.write(b"unplug lid\n")
        await here.event("power.lid.removed")
