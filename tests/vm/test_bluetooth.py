"""lunix-bluetooth and the real bluetoothd: two virtual controllers that find each other, pair and connect."""

import json
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.dbus import CONFIG
from lunix_testing.vm import Boot, Machine, Process
from lunix_testing.vm.programs import host_programs

BLUETOOTHD = Path("/usr/libexec/bluetooth/bluetoothd")
pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(600),
    pytest.mark.requires("program:dbus-daemon", "program:btvirt", f"path:{BLUETOOTHD}"),
]

MODULES = ("bluetooth", "hci_vhci", "af_alg", "algif_hash", "algif_skcipher", "ecb", "cmac")
SLOW = ("-icount", "shift=1")
"""The guest's time is what its processor has done: on a busy machine HCI's and SMP's deadlines do not come early."""
ADAPTER, DEVICE, PROPERTIES = "org.bluez.Adapter1", "org.bluez.Device1", "org.freedesktop.DBus.Properties"
AGENTS = "org.bluez.AgentManager1"
START_BLUEZ = "/opt/bluez/bin/bluetoothd -n -d"
WITHIN_S = 200.0
_BUS = "nats://127.0.0.1:4222"
# On the bus it hears and asks; on D-Bus it is who uses the other controller, and whose agent says yes.
_TALKER = """
import asyncio, json, sys
import nats
from lunix_dbus import Dbus, DbusError, Interface, Method, Variant

AGENT = {"RequestConfirmation": "ou", "RequestAuthorization": "o", "AuthorizeService": "os", "Cancel": ""}

def say(**what):
    print(json.dumps(what), flush=True)

async def main():
    bus = await nats.connect("nats://127.0.0.1:4222", connect_timeout=200)
    dbus = Dbus("system")

    async def show(message):
        if message.headers:
            say(subject=message.subject, event=json.loads(message.data))

    async def yes(call):
        say(agent=call.member, asked=call.body)
        return []

    async def ask(subject, payload):
        answer = await bus.request(subject, json.dumps(payload).encode(), timeout=200)
        say(answer=json.loads(answer.data), of=subject)

    async def call(path, interface, member, signature, *body):
        body = [Variant("b", one) if isinstance(one, bool) else one for one in body]
        try:
            say(bluez=member, done=await dbus.call("org.bluez", path, interface, member, signature, body, timeout=200))
        except DbusError as error:
            say(bluez=member, refused=error.name)

    methods = {name: Method(signature, "", yes) for name, signature in AGENT.items()}
    dbus.export(Interface("/phone", "org.bluez.Agent1", methods))
    await bus.subscribe("bluetooth.>", cb=show)
    await bus.flush(timeout=200)
    async with dbus:
        await dbus.tried()
        say(subscribed=True)
        tasks = set()
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, *words = json.loads(line)
            tasks.add(asyncio.create_task((ask if what == "ask" else call)(*words)))

asyncio.run(main())
"""


@dataclass
class Room:
    """A machine with two controllers, BlueZ, a bus and lunix-bluetooth."""

    vm: Machine
    talker: Process
    seen: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def ask(self, verb: str, **payload: object) -> None:
        """Send a request; its answer comes as one of the things that are seen."""
        await self._write("ask", f"bluetooth.{verb}", payload)

    async def bluez(self, *call: object) -> None:
        """Have somebody else call BlueZ."""
        await self._write("bluez", *call)

    async def see(self, event: dict[str, object] | None = None, **wanted: object) -> dict[str, Any]:
        """The first thing, of all that was seen or will be, that has all of this; it is not seen again."""
        for before in self.seen:
            if _has(before, event or {}, wanted):
                self.seen.remove(before)
                return before
        while True:
            one: dict[str, Any] = json.loads(await self.talker.line(within=WITHIN_S))
            if _has(one, event or {}, wanted):
                return one
            self.seen.append(one)

    async def event(self, subject: str, **wanted: object) -> dict[str, Any]:
        """The same for an event."""
        seen = await self.see(wanted, subject=f"bluetooth.{subject}")
        event: dict[str, Any] = seen["event"]
        return event

    async def answered(self, verb: str, **payload: object) -> dict[str, Any]:
        await self.ask(verb, **payload)
        answer: dict[str, Any] = (await self.see(of=f"bluetooth.{verb}"))["answer"]
        return answer

    async def called(
        self, path: str, interface: str, member: str, signature: str = "", *body: object
    ) -> dict[str, Any]:
        await self.bluez(path, interface, member, signature, *body)
        return await self.see(bluez=member)

    async def listed(self) -> dict[str, dict[str, Any]]:
        """The items by id."""
        return {one["id"]: one for one in (await self.answered("list"))["items"]}

    async def _write(self, *words: object) -> None:
        await self.talker.write(json.dumps(words).encode() + b"\n")


@dataclass
class Programs:
    """Starts programs that go on."""

    vm: Machine
    stack: AsyncExitStack
    started: list[tuple[str, Process]] = field(default_factory=list[tuple[str, Process]])

    async def __call__(self, command: str, until: str = "") -> Process:
        """Start one and wait for what it says."""
        process = await self.stack.enter_async_context(self.vm.start("sh", "-c", f"exec {command} 2>&1"))
        self.started.append((command, process))
        if until:
            await process.line(lambda line: until in line, within=WITHIN_S)
        return process


def _has(one: dict[str, Any], event: dict[str, object], wanted: dict[str, object]) -> bool:
    told: dict[str, Any] = one.get("event", {})
    return all(one.get(key) == value for key, value in wanted.items()) and all(
        told.get(key) == value for key, value in event.items()
    )


@pytest.fixture
def files() -> dict[str, Any]:
    programs = [Path(shutil.which(name) or "") for name in ("dbus-daemon", "btvirt")]
    config = CONFIG.format(path="/run/dbus/system_bus_socket")
    return {**host_programs("/opt/bluez", [*programs, BLUETOOTHD]), "/etc/dbus.conf": config}


@asynccontextmanager
async def room(vm: Machine) -> AsyncGenerator[tuple[Room, Programs]]:
    """A machine in which two controllers appear once lunix-bluetooth is ready."""
    await vm.run("modprobe", "-a", *MODULES)
    await vm.run("mkdir", "-p", "/run/dbus", "/var/lib/bluetooth")
    async with AsyncExitStack() as stack:
        start = Programs(vm, stack)
        try:
            await start("nats-server -a 127.0.0.1 -p 4222", "Server is ready")
            await start("/opt/bluez/bin/dbus-daemon --nofork --print-address --config-file=/etc/dbus.conf", "unix:")
            talker = await stack.enter_async_context(vm.start("python3", "-c", _TALKER))
            daemon = await start(f"lunix-bluetooth --bus {_BUS} --trust-bus")
            await talker.line(lambda line: "subscribed" in line, within=WITHIN_S)
            await daemon.line(lambda line: '"ready"' in line, within=WITHIN_S)
            yield Room(vm, talker), start
        except Exception as error:
            for command, process in start.started:
                error.add_note(f"{command} said: {process.stdout[-4000:]}")
            raise


async def test_two_controllers_find_each_other_pair_and_connect(machine: Boot, files: dict[str, Any]) -> None:
    async with machine(files=files, memory=448, devices=SLOW) as vm, room(vm) as (here, start):
        virtual = await start("/opt/bluez/bin/btvirt -l2")
        bluetoothd = await start(START_BLUEZ, "Bluetooth daemon")
        for _ in range(2):
            await here.event("adapter.added")  # by a signal, or by a listing that came first
        assert len((await here.answered("power"))["adapters"]) == 2
        await here.called("/org/bluez", AGENTS, "RegisterAgent", "os", "/phone", "DisplayYesNo")
        ours, theirs = await _found(here)
        await _paired_by_the_other(here, ours, theirs)
        await _disconnected(here, ours, theirs)
        await _bluez_again(here, start, bluetoothd, ours)
        await virtual.signal(signal.SIGKILL)
        for _ in range(2):
            assert (await here.event("adapter.removed"))["resync"] is False
        await here.event("device.removed", address=ours)


async def _found(here: Room) -> tuple[str, str]:
    """The addresses of the controller that can be found, which is ours, and of the other, which finds it."""
    await here.called("/org/bluez/hci0", PROPERTIES, "Set", "ssv", ADAPTER, "Discoverable", True)
    await here.called("/org/bluez/hci1", ADAPTER, "StartDiscovery")
    added = await here.event("device.added")
    assert (added["connected"], added["paired"], added["signal"]) == (False, False, "high")
    await here.called("/org/bluez/hci1", ADAPTER, "StopDiscovery")
    return added["address"], added["adapter"]


async def _paired_by_the_other(here: Room, ours: str, theirs: str) -> None:
    """BlueZ asks both sides: us about the other, and its agent about us. Refused at first, and then accepted."""
    device = f"/org/bluez/hci1/dev_{ours.replace(':', '_')}"
    for accept, refused in ((False, "org.bluez.Error.AuthenticationFailed"), (True, None)):
        await here.bluez(device, DEVICE, "Pair", "")
        asked = await here.event("pair.requested", kind="confirm", device=theirs)
        compared = await here.see(agent="RequestConfirmation")
        assert compared["asked"] == [device, int(asked["passkey"])]
        answer = await here.answered("pair.answer", id=asked["id"], accept=accept)
        assert answer["outcome"] == ("accepted" if accept else "refused")
        assert await here.event("pair.ended") == answer
        assert (await here.see(bluez="Pair")).get("refused") == refused
    for address in (ours, theirs):
        await here.event("connected", address=address)
        await here.event("device.paired", address=address)


async def _disconnected(here: Room, ours: str, theirs: str) -> None:
    await here.answered("trust", device=theirs)
    await here.event("device.trusted", address=theirs)
    assert (await here.answered("disconnect", device=ours))["device"] == ours
    reasons = [(await here.event("disconnected", address=one, paired=True))["reason"] for one in (ours, theirs)]
    # BlueZ 5.66 tells no reasons, and lets go of a link by itself that nobody has used for two seconds.
    assert reasons[0] in ("local", "unknown")
    assert reasons[1] == "unknown"
    await here.answered("remove", device=theirs)
    await here.event("device.removed", address=theirs)


async def _bluez_again(here: Room, start: Programs, bluetoothd: Process, ours: str) -> None:
    """It is killed and started anew: whatever was there still is, and nothing is told."""
    before = await here.listed()
    here.seen.clear()
    await bluetoothd.signal(signal.SIGKILL)
    await bluetoothd.wait()
    await start(START_BLUEZ, "Bluetooth daemon")
    while "error" in await here.answered("power"):
        """Until BlueZ has its adapters again, of which nothing is told."""
    while "error" in await here.answered("trust", device=ours):
        """And the device that is paired."""
    await here.event("device.trusted", address=ours)
    assert (await here.listed()).keys() == before.keys()
    assert not [one for one in here.seen if one.get("subject", "").endswith((".added", ".removed"))]
