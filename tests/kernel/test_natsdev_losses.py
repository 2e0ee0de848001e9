"""What natsdev makes of events that were lost or forged, and of a bus that goes away: a mirror ends equal to sysfs."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from lunix_common.bus import Bus, find
from lunix_common.bus.follow import Mirror
from lunix_common.schemas.common import Model
from lunix_common.schemas.hardware import Device
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import deadline
from lunix_testing.events import hear
from lunix_testing.hotplug import Hotplug, ip, new_name, veth
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("veth", "uevents")]

FLOOD = 3000
NETLINK_KOBJECT_UEVENT = 15


@pytest.fixture
async def bus(bus_server: BusServer) -> AsyncIterator[Bus]:
    """An observer's place on the bus, with the public protocol alone."""
    options = find("observer", state=bus_server.state, environ={"NATS_NKEY": str(bus_server.key("observer"))})
    async with Bus(options, "observer") as observer:
        yield observer


@pytest.fixture
async def small(bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Hotplug]:
    """natsdev with a socket that holds a few events only."""
    config = "[natsdev]\nreceive_buffer_bytes = 4096"
    daemon = await asyncio.to_thread(daemon_process, "lunix_natsdev", "--source", "kernel", config=config)
    client = await bus_server.connect("admin")
    running = Hotplug(daemon, client)
    await hear(client, "hardware", running.heard.put)
    yield running
    await client.close()


def in_sysfs() -> dict[str, str]:
    """The interfaces of this machine at this moment, as ids and paths."""
    found: dict[str, str] = {}
    for link in Path("/sys/class/net").iterdir():
        try:
            target = link.resolve(strict=True)
            found[f"d{target.stat().st_ino:x}"] = str(target).removeprefix("/sys")
        except FileNotFoundError:
            continue
    return found


def in_mirror(items: Mapping[str, Model]) -> dict[str, str]:
    return {key: item.devpath for key, item in items.items() if isinstance(item, Device)}


async def equal(mirror: Mirror) -> None:
    async with deadline(lambda: f"{in_mirror(mirror.items)} = {in_sysfs()}", 60):
        await mirror.until(lambda items: in_mirror(items) == in_sysfs())


def flood(number: int = FLOOD) -> None:
    uevent = Path("/sys/class/net/lo/uevent")
    for _ in range(number):
        uevent.write_text("change", encoding="ascii")


async def test_after_an_overflow_a_mirror_equals_sysfs_and_the_loss_is_announced(small: Hotplug, bus: Bus) -> None:
    gone, renamed, replaced, new = (new_name() for _ in range(4))
    with ExitStack() as stack:
        for name in (gone, renamed, replaced):
            stack.enter_context(veth(name))
        async with bus.follow("hardware", {"subsystem": "net"}) as mirror:
            await equal(mirror)
            before = {device.name: key for key, device in mirror.items.items() if isinstance(device, Device)}
            small.daemon.signal(signal.SIGSTOP)
            flood()
            ip("link", "del", gone)
            ip("link", "set", renamed, "name", f"{renamed}x")
            ip("link", "del", replaced)
            stack.enter_context(veth(replaced))
            stack.enter_context(veth(new))
            small.daemon.signal(signal.SIGCONT)
            await equal(mirror)
            after = {device.name: key for key, device in mirror.items.items() if isinstance(device, Device)}
        assert after[f"{renamed}x"] == before[renamed]
        assert after[replaced] != before[replaced]
        lost = await small.heard.until(lambda heard: heard.subject == "hardware.lost")
        assert lost.payload["reason"] == "kernel overflow"
        resync = {(heard.kind, heard.name) for heard in small.heard.items if heard.payload.get("resync")}
        expected = {("remove", gone), ("move", f"{renamed}x"), ("remove", replaced), ("add", replaced), ("add", new)}
        assert expected <= resync
        assert small.daemon.running


async def test_a_flood_while_devices_come_and_go_ends_in_the_truth(small: Hotplug, bus: Bus) -> None:
    async with bus.follow("hardware", {"subsystem": "net"}) as mirror:
        flooding = asyncio.create_task(asyncio.to_thread(flood, 4 * FLOOD))
        with ExitStack() as stack:
            while not flooding.done():
                one, _two = stack.enter_context(veth())
                await asyncio.sleep(0)
                ip("link", "set", one, "name", new_name())
                with veth():
                    await asyncio.sleep(0)
                if len(mirror.items) > 60:
                    stack.pop_all().close()
            await flooding
            await small.settle()
            await equal(mirror)
        await equal(mirror)


async def test_the_kernels_full_buffer_loses_nothing_of_a_burst(hotplug: Hotplug) -> None:
    hotplug.daemon.signal(signal.SIGSTOP)
    names = [new_name() for _ in range(30)]
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(veth(name))
        flood()
        hotplug.daemon.signal(signal.SIGCONT)
        assert [name for _action, name in await hotplug.told(*names)] == names
        changes = [heard for heard in hotplug.heard.items if heard.name == "lo"]
        assert len(changes) >= FLOOD
    assert not [heard for heard in hotplug.heard.items if heard.subject == "hardware.lost"]


async def test_a_mirror_survives_the_death_of_the_server(hotplug: Hotplug, bus: Bus, bus_server: BusServer) -> None:
    with ExitStack() as stack:
        async with bus.follow("hardware", {"subsystem": "net"}) as mirror:
            await equal(mirror)
            for number in range(12):
                stack.enter_context(veth())
                if number == 4:
                    await asyncio.to_thread(bus_server.kill)
                if number == 8:
                    stack.pop_all().close()
                    await asyncio.to_thread(bus_server.start)
                await asyncio.sleep(0)
            await equal(mirror)
            assert hotplug.daemon.running


async def test_in_a_quiet_run_nothing_is_announced_as_lost(hotplug: Hotplug, bus: Bus) -> None:
    async with bus.follow("hardware", {"subsystem": "net"}) as mirror:
        for _ in range(20):
            with veth():
                await hotplug.settle()
        await equal(mirror)
        assert mirror.listings == 1
    assert not [heard for heard in hotplug.heard.items if heard.subject == "hardware.lost"]


def port_of(daemon: Daemon) -> int:
    """The netlink port of the daemon's socket of the kernel's uevents: by its inode among the daemon's descriptors."""
    links = [str(path.readlink()) for path in Path(f"/proc/{daemon.pid}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}
    for line in Path("/proc/net/netlink").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[1] == str(NETLINK_KOBJECT_UEVENT) and fields[-1] in inodes:
            return int(fields[2])
    raise AssertionError("natsdev has no uevent socket")


async def test_what_the_kernel_did_not_send_counts_for_nothing(hotplug: Hotplug) -> None:
    name = new_name()
    path = f"/devices/virtual/net/{name}"
    forged = f"add@{path}\0ACTION=add\0DEVPATH={path}\0SUBSYSTEM=net\0SEQNUM=9\0".encode()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as sender:
        sender.sendto(forged, (port_of(hotplug.daemon), 0))
        sender.sendto(forged, (0, 1))
    assert await hotplug.of(name) == []
    assert (await hotplug.ask("hardware.list", {"name": name}))["items"] == []
    warned = await asyncio.to_thread(hotplug.daemon.wait_for_log, "counts for nothing")
    assert "not the kernel sent it" in warned
