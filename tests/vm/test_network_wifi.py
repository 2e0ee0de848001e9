"""lunix-network and wireless interfaces: simulated radios, real hostapd and wpa_supplicant."""

import json
import shutil
import signal
import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.examples import Recorder
from lunix_testing.vm import Boot, GuestFile, Machine, Process
from lunix_testing.vm.bus import Listener, bus

pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(600),
    pytest.mark.requires("program:hostapd", "program:wpa_supplicant", "program:wpa_cli"),
]

PROGRAMS = ("hostapd", "hostapd_cli", "wpa_supplicant", "wpa_cli")
SSID = b"lunix"
HOSTILE = b"<script>\x1b]52;c;\x07\xff\x00\xe2\x80\xae../$(id)"
CONFIG = "[network]\nwifi_signal_low_dbm = -60\nwifi_signal_hysteresis_db = 2\n"
SMALL = {"LUNIX_NETWORK_RECEIVE_BUFFER_BYTES": "4096"}
RSSI = "/sys/kernel/debug/ieee80211/phy*/hwsim/rx_rssi"
LEAVING = 3
"""IEEE 802.11, 9.4.1.7: the one that says it is leaving."""
SUPPLICANT = f"""
ctrl_interface=/run/wpa
ap_scan=1
network={{
    ssid={SSID.hex()}
    key_mgmt=NONE
    scan_freq=2412 2437
}}
network={{
    ssid={HOSTILE.hex()}
    key_mgmt=NONE
    scan_freq=2462
    disabled=1
}}
"""


def access_point(interface: str, ssid: bytes, channel: int) -> str:
    control = "ctrl_interface=/run/hostapd\n"
    return f"interface={interface}\ndriver=nl80211\nhw_mode=g\nchannel={channel}\nssid2={ssid.hex()}\n{control}"


@pytest.fixture
def files() -> dict[str, GuestFile | bytes | str]:
    """The host's programs with their libraries and their loader, and what they are configured with."""
    found: dict[str, GuestFile | bytes | str] = {
        "/etc/lunix/lunix.toml": CONFIG,
        "/etc/wifi/one.conf": access_point("wlan1", SSID, 1),
        "/etc/wifi/two.conf": access_point("wlan2", SSID, 6),
        "/etc/wifi/hostile.conf": access_point("wlan3", HOSTILE, 11),
        "/etc/wifi/supplicant.conf": SUPPLICANT,
    }
    for name in PROGRAMS:
        program = shutil.which(name) or ""
        linked = subprocess.run(("ldd", program), capture_output=True, text=True, check=True).stdout
        paths = [Path(word) for word in linked.split() if word.startswith("/")]
        loader = next(path.name for path in paths if path.name.startswith("ld-"))
        for path in paths:
            found[f"/opt/wifi/lib/{path.name}"] = GuestFile(path.read_bytes(), 0o755)
        found[f"/opt/wifi/{name}"] = GuestFile(Path(program).read_bytes(), 0o755)
        start = f'#!/bin/sh\nexec /opt/wifi/lib/{loader} --library-path /opt/wifi/lib /opt/wifi/{name} "$@"\n'
        found[f"/opt/wifi/bin/{name}"] = GuestFile(start, 0o755)
    return found


@dataclass
class Radio:
    """A machine with a bus, a listener and, later, daemons, access points and a station."""

    vm: Machine
    url: str
    events: Listener
    stack: AsyncExitStack

    async def event(self, subject: str, **wanted: object) -> dict[str, Any]:
        """The next event of this subject with these fields."""
        return await self.events.event(subject, **wanted)

    def verbs(self) -> list[str]:
        """What was told of connections so far."""
        wireless = [seen["subject"] for seen in self.events.seen if seen["subject"].startswith("network.wifi.")]
        return [subject.rpartition(".")[2] for subject in wireless if ".signal." not in subject]

    async def link(self) -> dict[str, Any]:
        """How the station's link is listed."""
        asked = json.dumps({"kind": "link", "link": "wlan0"})
        item: dict[str, Any]
        (item,) = (await self.events.request("network.list", asked))["items"]
        return item

    async def start(self, command: str, until: str) -> Process:
        """A program that goes on, once it has said this."""
        process = await self.stack.enter_async_context(self.vm.start("sh", "-c", f"exec {command} 2>&1"))
        await process.line(lambda line: until in line)
        return process

    @asynccontextmanager
    async def daemon(self, env: Mapping[str, str] | None = None) -> AsyncGenerator[Process]:
        """A running lunix-network."""
        command = f"exec lunix-network --bus {self.url} --trust-bus --ready-fd 1"
        async with self.vm.start("sh", "-c", command, env=env) as process:
            await process.line(lambda line: line == "")
            try:
                yield process
            except Exception as error:
                error.add_note(process.stderr)
                raise

    async def station(self, *command: str) -> None:
        """Tell the supplicant to."""
        done = await self.vm.run("/opt/wifi/bin/wpa_cli", "-p", "/run/wpa", "-i", "wlan0", *command)
        assert done.stdout.strip() == "OK", done.stdout

    async def until_heard(self, bssid: str, supplicant: Process) -> None:
        """Scan until this access point is known: it may have been too slow to answer while the station listened."""
        known = ("/opt/wifi/bin/wpa_cli", "-p", "/run/wpa", "-i", "wlan0", "scan_results")
        while bssid not in (await self.vm.run(*known)).stdout:
            await self.station("scan")
            await supplicant.line(lambda line: "CTRL-EVENT-SCAN-RESULTS" in line)

    async def simulated_dbm(self, dbm: int) -> None:
        """So loudly all radios are heard, less what they send with."""
        # Kernels differ in whether they read a minus there; none is as good as 2**64.
        await self.vm.shell(f"for each in {RSSI}; do echo {2**64 + dbm} > $each; done")


@asynccontextmanager
async def radio(vm: Machine) -> AsyncGenerator[Radio]:
    """A bus and who hears it."""
    async with AsyncExitStack() as stack:
        url, events = await stack.enter_async_context(bus(vm, "network.>"))
        yield Radio(vm, url, events, stack)


async def address(vm: Machine, interface: str) -> str:
    return (await vm.run("cat", f"/sys/class/net/{interface}/address")).stdout.strip()


async def test_wireless_connections_are_told(machine: Boot, files: dict[str, Any], record_example: Recorder) -> None:
    async with machine(files=files, memory=448) as vm, radio(vm) as here:
        async with here.daemon():
            # Before this the kernel knows of nothing wireless.
            await vm.shell("mount -t debugfs debugfs /sys/kernel/debug; modprobe mac80211_hwsim radios=4")
            await here.event("network.link.added", name="wlan3")
            supplicant = await _connections(here, record_example)
        async with here.daemon(SMALL) as daemon:
            await _overflow(here, daemon, supplicant)
            await vm.run("rmmod", "mac80211_hwsim", check=False)
            await here.event("network.wifi.disconnected", name="wlan0")
            await here.event("network.link.removed", name="wlan0")


async def _connections(here: Radio, record_example: Recorder) -> Process:
    one, two = await address(here.vm, "wlan1"), await address(here.vm, "wlan2")
    await here.start("/opt/wifi/bin/hostapd /etc/wifi/one.conf /etc/wifi/two.conf", "wlan2: AP-ENABLED")
    hostile_point = await here.start("/opt/wifi/bin/hostapd /etc/wifi/hostile.conf", "AP-ENABLED")
    supplicant = await here.start(
        "/opt/wifi/bin/wpa_supplicant -i wlan0 -c /etc/wifi/supplicant.conf", "CTRL-EVENT-CONNECTED"
    )
    connected = await here.event("network.wifi.connected", name="wlan0")
    wifi = connected["event"]["wifi"]
    frequencies = {one: 2412, two: 2437}
    first = wifi["bssid"]
    assert wifi == {"ssid": "lunix", "ssid_hex": SSID.hex(), "bssid": first, "frequency_mhz": frequencies[first]}
    assert "old_wifi" not in connected["event"]
    assert (await here.link())["wifi"] == wifi

    second = two if first == one else one
    await here.until_heard(second, supplicant)
    await here.station("roam", second)
    roamed = await here.event("network.wifi.roamed", name="wlan0")
    seen = roamed["event"]["wifi"]
    assert (seen["bssid"], seen["frequency_mhz"]) == (second, frequencies[second])
    assert roamed["event"]["old_wifi"] == wifi

    await here.simulated_dbm(-100)
    low = await here.event("network.wifi.signal.low", interface="wlan0")
    assert low["event"]["signal_dbm"] < -60
    assert low["event"]["wifi"] == seen
    await here.simulated_dbm(-50)
    high = await here.event("network.wifi.signal.high", interface="wlan0")
    assert high["event"]["signal_dbm"] > -60

    await here.station("disconnect")
    gone = await here.event("network.wifi.disconnected", name="wlan0")
    assert "wifi" not in gone["event"]
    assert gone["event"]["old_wifi"] == seen
    assert (gone["event"]["reason_code"], gone["event"]["by_access_point"]) == (LEAVING, False)
    for heard in (connected, roamed, low, high, gone):
        record_example(heard["subject"], heard["event"], headers=heard["headers"])

    await here.station("select_network", "1")
    hostile = (await here.event("network.wifi.connected", name="wlan0"))["event"]["wifi"]
    assert bytes.fromhex(hostile["ssid_hex"]) == HOSTILE
    assert hostile["ssid"] == HOSTILE.decode("utf-8", "backslashreplace")
    await hostile_point.signal(signal.SIGTERM)
    ended = (await here.event("network.wifi.disconnected", name="wlan0"))["event"]
    assert (ended["by_access_point"], ended["old_wifi"]) == (True, hostile)
    assert here.verbs() == ["connected", "roamed", "disconnected", "connected", "disconnected"]
    return supplicant


async def _overflow(here: Radio, daemon: Process, supplicant: Process) -> None:
    """More happens than the socket has room for; the end of it is that nothing is connected."""

    async def connect() -> None:
        await here.station("select_network", "0")
        await supplicant.line(lambda line: "CTRL-EVENT-CONNECTED" in line)

    await connect()
    await here.event("network.wifi.connected", name="wlan0")
    await daemon.signal(signal.SIGSTOP)
    for _ in range(4):
        await here.station("disconnect")
        await supplicant.line(lambda line: "CTRL-EVENT-DISCONNECTED" in line)
        await connect()
    await here.station("disconnect")
    await supplicant.line(lambda line: "CTRL-EVENT-DISCONNECTED" in line)
    await daemon.signal(signal.SIGCONT)
    missed = await here.event("network.wifi.disconnected", name="wlan0")
    assert missed["event"]["resync"]
    await here.event("network.lost")
    assert "wifi" not in await here.link()
    await connect()
    await here.event("network.wifi.connected", name="wlan0")
