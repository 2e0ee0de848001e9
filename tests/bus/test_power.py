"""lunix-power on a real bus: supplies in a folder as sysfs has them, and systemd-logind's interface on a real D-Bus."""

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.dbus import DbusDaemon, Mock, needs_mock
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.events import Event, hear
from lunix_testing.examples import Recorder
from lunix_testing.programs import holding
from lunix_testing.server import BusServer

BATTERY = {
    "type": "Battery", "present": "1", "status": "Discharging", "capacity": "74", "energy_now": "36270000",
    "energy_full": "48830000", "power_now": "8046000", "manufacturer": "LGC", "model_name": "45N1029",
    "technology": "Li-ion",
}  # fmt: skip
LOGIND, MANAGER = "/org/freedesktop/login1", "org.freedesktop.login1.Manager"


@dataclass
class Supplies:
    """A folder in the place of ``/sys/class/power_supply``."""

    folder: Path

    def write(self, name: str, **attributes: str) -> None:
        (self.folder / name).mkdir(exist_ok=True)
        for attribute, value in attributes.items():
            (self.folder / name / attribute).write_text(value + "\n")


@pytest.fixture
def supplies(tmp_path: Path) -> Supplies:
    folder = tmp_path / "power_supply"
    folder.mkdir()
    found = Supplies(folder)
    found.write("AC", type="Mains", online="0")
    found.write("BAT0", **BATTERY)
    return found


@dataclass
class Desk:
    """A running lunix-power, with an observer and an admin."""

    daemon: Daemon
    observer: Nats
    admin: Nats
    config: str
    heard: Inbox[Event] = field(default_factory=Inbox[Event])

    async def next(self, subject: str) -> Event:
        event = await self.heard.next()
        assert event.subject == subject, event
        return event

    async def ask(self, subject: str, payload: object = None) -> dict[str, Any]:
        return await self.admin.ask(subject, payload)

    async def listed(self, payload: object = None) -> dict[str, dict[str, Any]]:
        return {one["id"]: one for one in (await self.ask("power.list", payload))["items"]}

    def look(self) -> None:
        """Have it read the supplies, as it does when its configuration may have changed."""
        self.daemon.signal(signal.SIGHUP)


@asynccontextmanager
async def desk(
    server: BusServer,
    starter: DaemonStarter,
    supplies: Supplies,
    *arguments: str,
    env: dict[str, str] | None = None,
    config: str = "",
) -> AsyncGenerator[Desk]:
    environ = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={supplies.folder}/no-dbus"} | (env or {})
    text = f'[power]\nsupplies = "{supplies.folder}"\n' + config
    daemon = await asyncio.to_thread(starter, "lunix_power", *arguments, config=text, env=environ)
    found = Desk(daemon, await server.connect("observer"), await server.connect("admin"), text)

    def told(event: Event) -> None:
        # The kernel's events are those of the whole machine, on which other tests run: there may be too many to hear.
        if event.subject != "power.lost":
            found.heard.put(event)

    await hear(found.observer, "power", told)
    try:
        yield found
    finally:
        for client in (found.observer, found.admin):
            await client.close()


@pytest.fixture
async def alone(bus_server: BusServer, daemon_process: DaemonStarter, supplies: Supplies) -> AsyncIterator[Desk]:
    async with desk(bus_server, daemon_process, supplies) as found:
        yield found


async def test_what_is_there_is_listed(alone: Desk, record_example: Recorder) -> None:
    answer = await alone.ask("power.list")
    ac, battery = answer["items"]
    assert (ac["id"], ac["online"]) == ("ac:AC", False)
    assert (battery["status"], battery["level"], battery["charge_percent"]) == ("discharging", "ok", 74)
    assert list(await alone.listed("ac")) == ["ac:AC"]
    record_example("power.list", {}, reply=answer)


async def test_what_changes_is_told(alone: Desk, supplies: Supplies, record_example: Recorder) -> None:
    supplies.write("BAT0", capacity="14", energy_now="6836200")
    alone.look()
    low = await alone.next("power.battery.low")
    assert (low.payload["level"], low.payload["charge_percent"], low.payload["resync"]) == ("low", 14, False)
    record_example(low.subject, low.payload, headers=low.headers)
    supplies.write("BAT0", capacity="4")
    alone.look()
    await alone.next("power.battery.critical")
    supplies.write("AC", online="1")
    supplies.write("BAT0", status="Charging")
    alone.look()
    online = await alone.next("power.ac.online")
    record_example(online.subject, online.payload, headers=online.headers)
    charging = (await alone.next("power.battery.charging")).payload
    assert charging["level"] == "ok"
    supplies.write("BAT0", status="Full", capacity="100")
    alone.look()
    await alone.next("power.battery.full")
    supplies.write("BAT0", present="0")
    alone.look()
    await alone.next("power.battery.removed")
    assert list(await alone.listed()) == ["ac:AC"]


async def test_thresholds_are_those_of_the_configuration(alone: Desk) -> None:
    alone.daemon.configure(alone.config + "low_percent = 80\n")
    await alone.next("power.battery.low")
    alone.daemon.configure(alone.config + "low_percent = 3\n")
    await asyncio.to_thread(alone.daemon.wait_for_log, "critical_percent has to be below low_percent")


async def test_a_silent_driver_is_looked_at_when_its_rate_says_so(
    bus_server: BusServer, daemon_process: DaemonStarter, supplies: Supplies
) -> None:
    """One percent at 100 % in six minutes: the threshold is ten seconds away, the least there is."""
    supplies.write("BAT0", capacity="16", energy_now="8000000", energy_full="50000000", power_now="500000000")
    async with desk(bus_server, daemon_process, supplies, "--log-level", "debug") as found:
        line = await asyncio.to_thread(found.daemon.wait_for_log, "supplies were read")
        assert '"next_s": 10' in line
        supplies.write("BAT0", capacity="15")
        event = await found.heard.next(60)
        assert event.subject == "power.battery.low"


# --- sleep ------------------------------------------------------------------------------------------------------------


async def test_the_kernel_sleeps_where_no_logind_runs(
    bus_server: BusServer, daemon_process: DaemonStarter, supplies: Supplies, tmp_path: Path, record_example: Recorder
) -> None:
    state = tmp_path / "power_state"
    state.write_text("freeze mem disk\n")
    config = f'sleep_state = "{state}"\nsuspend_delay_s = 0.1\n'
    async with desk(bus_server, daemon_process, supplies, config=config) as found:
        # Together: on a busy machine it could be awake again before it is asked once more.
        begun, again = await asyncio.gather(found.ask("power.suspend"), found.ask("power.suspend", "hibernate"))
        assert begun == {"mode": "suspend", "via": "kernel"}
        assert again["error"]["code"] == 409
        record_example("power.suspend", {}, reply=begun)
        suspending = await found.next("power.suspending")
        assert suspending.payload == {"mode": "suspend", "via": "kernel"}
        resumed = await found.next("power.resumed")
        assert resumed.payload["slept_s"] >= 0
        record_example(suspending.subject, suspending.payload, headers=suspending.headers)
        record_example(resumed.subject, {**resumed.payload, "slept_s": 5321.25}, headers=resumed.headers)
        assert state.read_text() == "mem"
        refused = await found.ask("power.suspend", "hibernate")
        assert "cannot hibernate" in refused["error"]["message"]


async def test_a_machine_that_does_not_sleep_is_awake_again(
    bus_server: BusServer, daemon_process: DaemonStarter, supplies: Supplies, tmp_path: Path
) -> None:
    # The name of another's process offers the word, and takes none: proc(5), /proc/pid/comm.
    with holding(tmp_path / "mem") as process:
        config = f'sleep_state = "/proc/{process.pid}/comm"\n'
        async with desk(bus_server, daemon_process, supplies, config=config) as found:
            assert await found.ask("power.suspend") == {"mode": "suspend", "via": "kernel"}
            await found.next("power.suspending")
            await found.next("power.resumed")
            await asyncio.to_thread(found.daemon.wait_for_log, "the machine did not sleep")


async def test_a_dry_run_says_what_it_would_do(
    bus_server: BusServer, daemon_process: DaemonStarter, supplies: Supplies, tmp_path: Path
) -> None:
    state = tmp_path / "power_state"
    state.write_text("freeze mem disk\n")
    config = f'sleep_state = "{state}"\n'
    async with desk(bus_server, daemon_process, supplies, "--dry-run", config=config) as found:
        assert (await found.ask("power.suspend", "hibernate"))["mode"] == "hibernate"
        await asyncio.to_thread(found.daemon.wait_for_log, "would have the machine sleep")
        assert state.read_text() == "freeze mem disk\n"


def test_check_says_what_there_is(daemon_process: DaemonStarter, supplies: Supplies) -> None:
    config = f'[power]\nsupplies = "{supplies.folder}"\nsleep_state = "/nowhere"\n'
    daemon = daemon_process("lunix_power", "--check", config=config, wait=False)
    assert daemon.wait() == 0
    said = daemon.output()
    assert "ac AC: online: False" in said
    assert "battery BAT0: discharging, 74 %" in said
    assert "without systemd-logind this machine can not sleep" in said


def prepare(logind: Mock, begins: bool) -> None:
    logind.emit(LOGIND, MANAGER, "PrepareForSleep", "b", f"[<{str(begins).lower()}>]")


async def wait_for_lock(logind: Mock, held: bool) -> None:
    async with deadline(f"that the lock is held: {held}"):
        while ("lunix-power" in await asyncio.to_thread(logind.call, LOGIND, f"{MANAGER}.ListInhibitors")) is not held:
            pass


@needs_mock
async def test_logind_waits_until_everybody_was_told(
    bus_server: BusServer, daemon_process: DaemonStarter, supplies: Supplies, dbus_daemon: DbusDaemon
) -> None:
    logind = await asyncio.to_thread(dbus_daemon.mock, "logind")
    env = dbus_daemon.environ
    async with desk(bus_server, daemon_process, supplies, env=env, config="suspend_delay_s = 0.1\n") as found:
        await wait_for_lock(logind, held=True)
        await asyncio.to_thread(prepare, logind, True)
        assert (await found.next("power.suspending")).payload == {"via": "logind"}
        await wait_for_lock(logind, held=False)
        supplies.write("BAT0", capacity="60")
        await asyncio.to_thread(prepare, logind, False)
        assert (await found.next("power.resumed")).payload["via"] == "logind"
        assert (await found.next("power.battery.changed")).payload["charge_percent"] == 60
        await wait_for_lock(logind, held=True)
        # And with another logind, too.
        logind.end()
        logind = await asyncio.to_thread(dbus_daemon.mock, "logind")
        await wait_for_lock(logind, held=True)


@needs_mock
async def test_logind_is_asked_to_sleep_where_it_runs(
    bus_server: BusServer, daemon_process: DaemonStarter, supplies: Supplies, dbus_daemon: DbusDaemon
) -> None:
    logind = await asyncio.to_thread(dbus_daemon.mock, "logind", "--parameters", '{"CanHibernate": "na"}')
    async with desk(bus_server, daemon_process, supplies, env=dbus_daemon.environ) as found:
        await wait_for_lock(logind, held=True)
        assert await found.ask("power.suspend") == {"mode": "suspend", "via": "logind"}
        refused = await found.ask("power.suspend", {"mode": "hibernate"})
        assert refused["error"]["code"] == 409
        assert "does not let us hibernate this machine: it says 'na'" in refused["error"]["message"]


@needs_mock
async def test_a_dry_run_does_not_ask_logind(
    bus_server: BusServer, daemon_process: DaemonStarter, supplies: Supplies, dbus_daemon: DbusDaemon
) -> None:
    logind = await asyncio.to_thread(dbus_daemon.mock, "logind", "--parameters", '{"CanSuspend": "na"}')
    async with desk(bus_server, daemon_process, supplies, "--dry-run", env=dbus_daemon.environ) as found:
        await wait_for_lock(logind, held=True)
        assert await found.ask("power.suspend") == {"mode": "suspend", "via": "logind"}
