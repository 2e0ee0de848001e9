"""lunix-bluetooth on a real bus and a private D-Bus, with python-dbusmock's BlueZ."""

import asyncio

import pytest

from lunix_testing.bluetooth import ADAPTER, DEVICE, HEADSET, PHONE, BlueZ, Desk, at, desk
from lunix_testing.bluetooth import here as here
from lunix_testing.daemon import DaemonStarter
from lunix_testing.dbus import DbusDaemon, needs_mock
from lunix_testing.examples import Recorder
from lunix_testing.server import BusServer

pytestmark = needs_mock
HOSTILE = "<script>\x1b]52;c;x\x07../../‮evil"


@pytest.fixture
def bluez(dbus_daemon: DbusDaemon) -> BlueZ:
    mock = BlueZ(dbus_daemon)
    mock.adapter()
    mock.device(PHONE, "Ada's phone")
    return mock


async def test_what_is_there_is_listed_and_not_told(here: Desk, record_example: Recorder) -> None:
    answer = await here.ask("list")
    adapter, device = answer["items"]
    assert (adapter["id"], adapter["powered"], adapter["name"]) == ("adapter:00:01:02:03:04:05", True, "box")
    assert (device["id"], device["name"], device["connected"]) == (f"device:{PHONE}", "Ada's phone", False)
    assert device["adapter"] == adapter["address"]
    # Nothing was told but that it is ready.
    assert (answer["seq"], answer["pairing"]) == (1, [])
    assert list(await here.listed("adapter")) == [adapter["id"]]
    record_example("bluetooth.list", {}, reply=answer)


async def test_a_device_connects_and_disconnects(here: Desk, bluez: BlueZ, record_example: Recorder) -> None:
    await asyncio.to_thread(bluez.update, at(PHONE), DEVICE, "{'Icon': <'phone'>}")
    assert (await here.next("bluetooth.device.changed"))["icon"] == "phone"
    await asyncio.to_thread(bluez.mock, "ConnectDevice", "hci0", PHONE)
    event = await here.event("bluetooth.connected")
    assert (event.payload["name"], event.payload["icon"], event.payload["resync"]) == ("Ada's phone", "phone", False)
    assert (await here.listed())[f"device:{PHONE}"]["connected"] is True
    record_example(event.subject, event.payload, headers=event.headers)
    await asyncio.to_thread(bluez.emit, at(PHONE), DEVICE, "Disconnected", "ss",
                            "[<'org.bluez.Reason.Remote'>, <'Connection terminated by remote user'>]")  # fmt: skip
    await asyncio.to_thread(bluez.mock, "DisconnectDevice", "hci0", PHONE)
    event = await here.event("bluetooth.disconnected")
    assert (event.payload["reason"], event.payload["connected"]) == ("remote", False)
    record_example(event.subject, event.payload, headers=event.headers)


async def test_what_becomes_of_a_device_is_told(here: Desk, bluez: BlueZ, record_example: Recorder) -> None:
    await asyncio.to_thread(bluez.device, HEADSET, "Headset")
    event = await here.event("bluetooth.device.added")
    record_example(event.subject, event.payload, headers=event.headers)
    path = at(HEADSET)
    await asyncio.to_thread(bluez.update, path, DEVICE, "{'Trusted': <true>, 'Paired': <true>}")
    assert (await here.next("bluetooth.device.paired"))["trusted"] is True
    await here.next("bluetooth.device.trusted")
    await asyncio.to_thread(bluez.update, path, DEVICE, "{'RSSI': <int16 -50>}")
    event = await here.event("bluetooth.signal.high")
    assert (event.payload["rssi_dbm"], event.payload["signal"]) == (-50, "high")
    record_example(event.subject, event.payload, headers=event.headers)
    await asyncio.to_thread(bluez.update, path, DEVICE, "{'RSSI': <int16 -70>}")
    await asyncio.to_thread(bluez.update, path, DEVICE, "{'RSSI': <int16 -90>}")
    assert (await here.next("bluetooth.signal.low"))["rssi_dbm"] == -90
    await asyncio.to_thread(
        bluez.emit, "/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", "oa{sa{sv}}",
        f"[<objectpath '{path}'>, <{{'org.bluez.Battery1': {{'Percentage': <byte 80>}}}}>]",
    )  # fmt: skip
    assert (await here.next("bluetooth.device.battery"))["battery_percent"] == 80
    await asyncio.to_thread(bluez.update, path, DEVICE, "{'Trusted': <false>, 'Paired': <false>}")
    await here.next("bluetooth.device.unpaired")
    await here.next("bluetooth.device.untrusted")


async def test_adapters_come_and_go_with_their_devices(here: Desk, bluez: BlueZ, record_example: Recorder) -> None:
    await asyncio.to_thread(bluez.adapter, "hci1")
    event = await here.event("bluetooth.adapter.added")
    record_example(event.subject, event.payload, headers=event.headers)
    await asyncio.to_thread(bluez.device, HEADSET, HOSTILE, "hci1")
    added = await here.next("bluetooth.device.added")
    assert (added["name"], added["adapter"]) == (HOSTILE, "01:02:03:04:05:06")
    await asyncio.to_thread(bluez.update, at(HEADSET, "hci1"), DEVICE, "{'Connected': <true>}")
    await here.next("bluetooth.connected")
    # The mock takes the adapter alone away, as a BlueZ that crashes may.
    await asyncio.to_thread(bluez.mock, "RemoveAdapter", "hci1")
    heard = {(await here.heard.next()).subject for _ in range(3)}
    assert heard == {"bluetooth.adapter.removed", "bluetooth.disconnected", "bluetooth.device.removed"}
    await asyncio.to_thread(bluez.update, "/org/bluez/hci0", ADAPTER, "{'Powered': <false>}")
    assert (await here.next("bluetooth.adapter.changed"))["powered"] is False


async def test_a_device_that_flaps_stays_connected(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: BlueZ
) -> None:
    async with desk(bus_server, daemon_process, dbus_daemon, config="settle_s = 60\n") as found:
        for _ in range(3):
            await asyncio.to_thread(bluez.mock, "ConnectDevice", "hci0", PHONE)
            await asyncio.to_thread(bluez.mock, "DisconnectDevice", "hci0", PHONE)
        await asyncio.to_thread(bluez.mock, "ConnectDevice", "hci0", PHONE)
        await asyncio.to_thread(bluez.device, HEADSET, "the end")
        await found.next("bluetooth.connected")
        await found.next("bluetooth.device.added")
        assert (await found.listed())[f"device:{PHONE}"]["connected"] is True


async def test_bluez_may_be_started_anew(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: BlueZ
) -> None:
    async with desk(bus_server, daemon_process, dbus_daemon, config="return_s = 60\n") as found:
        await asyncio.to_thread(bluez.mock, "ConnectDevice", "hci0", PHONE)
        await found.next("bluetooth.connected")
        bluez.end()
        await asyncio.to_thread(found.daemon.wait_for_log, "BlueZ is not followed")
        assert (await found.refused("connect", PHONE))[0] == 503
        again = await asyncio.to_thread(BlueZ, dbus_daemon)
        await asyncio.to_thread(again.adapter)
        await asyncio.to_thread(again.device, PHONE, "Ada's phone")
        lost = await found.next("bluetooth.disconnected")
        assert (lost["resync"], lost["reason"]) == (True, "unknown")
        await asyncio.to_thread(again.device, HEADSET, "Headset")
        assert (await found.next("bluetooth.device.added"))["resync"] is False
        assert set(await found.listed()) == {"adapter:00:01:02:03:04:05", f"device:{PHONE}", f"device:{HEADSET}"}


async def test_a_bluez_that_does_not_come_back_takes_its_devices_along(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: BlueZ
) -> None:
    async with desk(bus_server, daemon_process, dbus_daemon, config="return_s = 0.2\n") as found:
        await asyncio.to_thread(bluez.mock, "ConnectDevice", "hci0", PHONE)
        await found.next("bluetooth.connected")
        await asyncio.to_thread(dbus_daemon.kill)
        heard = [await found.heard.next(30) for _ in range(3)]
        assert all(event.payload["resync"] for event in heard)
        ended = next(event for event in heard if event.subject == "bluetooth.disconnected")
        assert ended.payload["reason"] == "bluez"
        assert not await found.listed()
        # A D-Bus and a BlueZ that come later are followed as well.
        await asyncio.to_thread(dbus_daemon.start)
        again = await asyncio.to_thread(BlueZ, dbus_daemon)
        await asyncio.to_thread(again.adapter)
        await found.next("bluetooth.adapter.added")


# --- commands ---------------------------------------------------------------------------------------------------------


async def test_a_device_is_connected_and_disconnected_when_asked_for(
    bus_server: BusServer,
    daemon_process: DaemonStarter,
    dbus_daemon: DbusDaemon,
    bluez: BlueZ,
    record_example: Recorder,
) -> None:
    """And without a delay."""
    assert bluez.running
    async with desk(bus_server, daemon_process, dbus_daemon, config="settle_s = 60\n") as found:
        done = await found.ask("connect", PHONE.lower())
        assert done == {"device": PHONE, "adapter": "00:01:02:03:04:05"}
        record_example("bluetooth.connect", PHONE, reply=done)
        await found.next("bluetooth.connected")
        assert await found.ask("connect", {"device": f"device:{PHONE}"}) == done
        record_example("bluetooth.disconnect", PHONE, reply=await found.ask("disconnect", PHONE))
        assert (await found.next("bluetooth.disconnected"))["reason"] == "local"
        assert await found.ask("disconnect", PHONE) == done


async def test_a_device_is_paired_trusted_and_removed(here: Desk, record_example: Recorder) -> None:
    record_example("bluetooth.pair", PHONE, reply=await here.ask("pair", PHONE))
    await here.next("bluetooth.device.paired")
    await here.next("bluetooth.device.changed")
    assert "error" not in await here.ask("pair", PHONE)
    record_example("bluetooth.trust", PHONE, reply=await here.ask("trust", PHONE))
    await here.next("bluetooth.device.trusted")
    await here.ask("trust", {"device": PHONE, "trusted": False})
    await here.next("bluetooth.device.untrusted")
    record_example("bluetooth.remove", PHONE, reply=await here.ask("remove", PHONE))
    await here.next("bluetooth.device.removed")
    code, message = await here.refused("remove", PHONE)
    assert (code, message) == (404, f"{PHONE} is not known: bluetooth.scan looks for devices")


async def test_a_scan_ends_by_itself_and_by_a_request(here: Desk, record_example: Recorder) -> None:
    begun = await here.ask("scan", {"timeout_ms": 300})
    assert begun["adapters"] == ["00:01:02:03:04:05"]
    record_example("bluetooth.scan", {"timeout_ms": 10_000}, reply=begun)
    assert (await here.next("bluetooth.adapter.changed"))["discovering"] is True
    assert (await here.next("bluetooth.adapter.changed"))["discovering"] is False
    await here.ask("scan", {"timeout_ms": 100_000, "transport": "le"})
    await here.ask("scan", {"timeout_ms": 200_000})
    await here.next("bluetooth.adapter.changed")
    ended = await here.ask("scan", {"timeout_ms": 0})
    assert ended == {"adapters": ["00:01:02:03:04:05"]}
    assert (await here.next("bluetooth.adapter.changed"))["discovering"] is False
    assert await here.ask("scan", {"timeout_ms": 0}) == {"adapters": []}


async def test_adapters_are_switched_off_and_on(here: Desk, record_example: Recorder) -> None:
    assert await here.ask("power", "off") == {"adapters": ["00:01:02:03:04:05"], "powered": False}
    assert (await here.next("bluetooth.adapter.changed"))["powered"] is False
    assert (await here.refused("scan"))[0] == 409
    answer = await here.ask("power", {"powered": True, "adapter": "00:01:02:03:04:05"})
    assert (await here.next("bluetooth.adapter.changed"))["powered"] is True
    record_example("bluetooth.power", {"powered": True}, reply=answer)
    assert (await here.refused("power", {"adapter": PHONE})) == (404, f"there is no adapter {PHONE}")


async def test_what_is_no_address_is_refused(here: Desk) -> None:
    for address in ("", "phone", "11:22:33:44:55", "11:22:33:44:55:66/../x", "*"):
        assert (await here.refused("connect", {"device": address}))[0] == 400


async def test_a_dry_run_asks_bluez_for_nothing(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: BlueZ
) -> None:
    async with desk(bus_server, daemon_process, dbus_daemon, "--dry-run") as found:
        for verb in ("connect", "disconnect", "pair", "trust", "remove"):
            assert (await found.ask(verb, PHONE))["device"] == PHONE
        await found.ask("scan")
        await found.ask("scan", {"timeout_ms": 0})
        await found.ask("power", "off")
        await asyncio.to_thread(bluez.device, HEADSET, "the end")
        await found.next("bluetooth.device.added")


def test_check_says_what_is_followed(daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_bluetooth", "--check", config='[bluetooth]\nagent = "own"\n', wait=False)
    assert daemon.wait() == 0
    said = daemon.output()
    assert "BlueZ is followed on D-Bus at unix:path=/run/dbus/system_bus_socket" in said
    assert "asked about on the bus: those that bluetooth.pair begins" in said


def test_thresholds_that_make_no_sense_are_refused(daemon_process: DaemonStarter) -> None:
    config = "[bluetooth]\nsignal_low_dbm = -50\n"
    daemon = daemon_process("lunix_bluetooth", "--check", config=config, wait=False, may_fail=True)
    assert daemon.wait() == 100
    daemon.wait_for_log("signal_low_dbm has to be below signal_high_dbm")
