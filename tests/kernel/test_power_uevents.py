"""lunix-power and this machine's uevents: those of others, forged ones, and more than there is room for."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from lunix_power.os_uevent import Uevents
from lunix_power.uevent import Uevent
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("uevents")]

TRIGGER = Path("/sys/class/net/lo/uevent")
FORGED = b"change@/forged\0ACTION=change\0SUBSYSTEM=power_supply\0"
FLOOD = 20_000
"""The kernel has room for some 1 MiB of them."""


def flood(events: int = FLOOD) -> None:
    descriptor = os.open(TRIGGER, os.O_WRONLY)
    try:
        for _ in range(events):
            os.write(descriptor, b"change")
    finally:
        os.close(descriptor)


async def test_only_the_kernel_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Uevent] = []
    uevents = Uevents(heard.append, lambda: None)
    try:
        port = uevents._socket.port
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as forger:
            forger.sendto(FORGED, (port, 0))
        flood(1)
        # Both wait in the socket by now.
        uevents._readable()
    finally:
        uevents.close()
    assert "counts for nothing" in caplog.text
    assert not heard


async def test_what_was_missed_in_a_flood_is_told(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    battery = tmp_path / "supplies" / "BAT0"
    battery.mkdir(parents=True)
    for name, value in {"type": "Battery", "status": "Discharging", "capacity": "50"}.items():
        (battery / name).write_text(value)
    config = f'[power]\nlogind = false\nsupplies = "{battery.parent}"\n'
    daemon = await asyncio.to_thread(daemon_process, "lunix_power", config=config)
    client = await bus_server.connect("observer")
    heard = Inbox[Msg]()
    for subject in ("power.lost", "power.battery.*"):
        await client.subscribe(subject, cb=heard.put_async)
    await client.flush()
    daemon.signal(signal.SIGSTOP)
    await asyncio.to_thread(flood)
    (battery / "capacity").write_text("9")
    daemon.signal(signal.SIGCONT)
    lost = await heard.until(lambda message: message.subject == "power.lost")
    assert json.loads(lost.data)["reason"] == "kernel overflow"
    low = await heard.until(lambda message: message.subject == "power.battery.low")
    assert json.loads(low.data)["resync"] is True
    await client.close()
