"""natsdev beside a real udevd, in a room where that is the only one."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from lunix_natsdev.os_udevd import is_running
from lunix_testing.daemon import DaemonStarter
from lunix_testing.events import hear
from lunix_testing.hotplug import Hotplug, ask_kernel, ext4, ip, loop_device, new_name, veth
from lunix_testing.rooms import daemon_of_systemd, room
from lunix_testing.server import BusServer

UDEVD = "/lib/systemd/systemd-udevd"

pytestmark = [
    pytest.mark.root,
    pytest.mark.requires("veth", "uevents", "loop", f"path:{UDEVD}", "program:mkfs.ext4", "module:pyudev"),
]


@pytest.fixture
def own_room(tmp_path: Path) -> Iterator[None]:
    with room(tmp_path):
        yield


@pytest.fixture
def udevd(own_room: None, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running udevd that has said that it is ready."""
    with daemon_of_systemd(tmp_path, (UDEVD, "--children-max=4"), "/usr/sbin:/usr/bin:/sbin:/bin") as process:
        yield process


@pytest.fixture
async def beside(
    udevd: subprocess.Popen[bytes], bus_server: BusServer, daemon_process: DaemonStarter
) -> AsyncIterator[Hotplug]:
    """natsdev that found the udevd by itself."""
    daemon = await asyncio.to_thread(daemon_process, "lunix_natsdev")
    client = await bus_server.connect("admin")
    running = Hotplug(daemon, client)
    await hear(client, "hardware", running.heard.put)
    yield running
    await client.close()


async def test_where_udevd_runs_its_events_are_told(beside: Hotplug) -> None:
    said = await asyncio.to_thread(beside.daemon.wait_for_log, '"source": ')
    assert json.loads(said)["source"] == "udev"
    with veth() as (one, _two):
        # What udev's rules find is found while the interface is there.
        await beside.settle()
    add, remove = await beside.of(one)
    assert (add.kind, remove.kind) == ("add", "remove")
    assert "USEC_INITIALIZED" in add.payload["properties"]
    assert add.payload["properties"]["ID_NET_DRIVER"] == "veth", "found by a rule of udev's own"
    assert (remove.id, add.payload["synthetic"]) == (add.id, False)


async def test_what_udevd_found_on_a_disk_is_told_with_its_links(beside: Hotplug, tmp_path: Path) -> None:
    label, uuid = "a b/é", str(uuid4())
    ext4(tmp_path / "image", label, uuid)
    with loop_device(tmp_path / "image") as node:
        name = node.removeprefix("/dev/")
        heard = await beside.heard.until(lambda heard: heard.name == name and "fs_type" in heard.payload)
        assert (heard.payload["fs_type"], heard.payload["fs_label"]) == ("ext4", label)
        assert (heard.payload["fs_uuid"], heard.payload["fs_usage"]) == (uuid, "filesystem")
        assert f"/dev/disk/by-uuid/{uuid}" in heard.payload["links"]
        assert (await beside.device(f"/dev/disk/by-uuid/{uuid}"))["devnode"] == node


async def test_settle_waits_for_all_that_udevd_has_to_do(beside: Hotplug) -> None:
    names = [new_name() for _ in range(25)]
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(veth(name))
        await beside.ask("hardware.settle")
        listed = await beside.ask("hardware.list", {"subsystem": "net"})
        assert set(names) <= {item["name"] for item in listed["items"]}
        assert all("USEC_INITIALIZED" in item["properties"] for item in listed["items"] if item["name"] in names)


async def test_settle_leaves_no_trace(beside: Hotplug) -> None:
    for _ in range(3):
        await beside.ask("hardware.settle")
    assert not [heard for heard in beside.heard.items if heard.name == "null"]


async def test_a_rename_keeps_the_id(beside: Hotplug) -> None:
    with veth() as (one, _two):
        await beside.settle()
        ip("link", "set", one, "name", f"{one}x")
        told = await beside.of(one, f"{one}x")
    assert [heard.kind for heard in told] == ["add", "move"]
    assert told[0].id == told[1].id


async def test_a_name_that_is_no_utf_8_loses_nothing(beside: Hotplug) -> None:
    with veth() as (one, _two):
        ip("link", "set", one, "name", b"a\xff")
        with veth() as (later, _peer):
            await beside.settle()
    told = await beside.told(one, "a\\xff", later)
    # udevd handles devices side by side: order holds for each of them.
    assert [event for event in told if event[1] != later][:2] == [("add", one), ("move", "a\\xff")]
    assert ("add", later) in told


async def test_an_event_that_somebody_asked_for_says_so(beside: Hotplug) -> None:
    with veth() as (one, _two):
        ask_kernel(one, f"change {uuid4()} SAID=hello")
        told = await beside.of(one)
    assert [(heard.kind, heard.payload["synthetic"]) for heard in told] == [("add", False), ("change", True)]


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


async def test_after_an_overflow_the_list_equals_sysfs(
    udevd: subprocess.Popen[bytes], bus_server: BusServer, daemon_process: DaemonStarter
) -> None:
    config = "[natsdev]\nreceive_buffer_bytes = 4096"
    daemon = await asyncio.to_thread(daemon_process, "lunix_natsdev", "--source", "udev", config=config)
    client = await bus_server.connect("admin")
    running = Hotplug(daemon, client)
    await hear(client, "hardware", running.heard.put)
    gone, new = new_name(), new_name()
    with ExitStack() as stack:
        with veth(gone):
            await running.ask("hardware.settle")
            daemon.signal(signal.SIGSTOP)
            for _ in range(300):
                ask_kernel("lo", "change")
        stack.enter_context(veth(new))
        await asyncio.to_thread(subprocess.run, ("udevadm", "settle", "--timeout=30"), check=True, capture_output=True)
        daemon.signal(signal.SIGCONT)
        await running.heard.until(lambda heard: heard.subject == "hardware.lost")
        await running.ask("hardware.settle")
        listed = await running.ask("hardware.list", {"subsystem": "net"})
        names = {item["name"] for item in listed["items"]}
        assert names == interfaces()
        assert new in names
    await client.close()


def test_a_control_socket_that_nobody_listens_on_is_no_udevd(own_room: None, udevd: subprocess.Popen[bytes]) -> None:
    assert is_running()
    udevd.kill()
    udevd.wait()
    assert not is_running()


def test_the_source_udev_without_udevd_says_that_nothing_comes(own_room: None, daemon_process: DaemonStarter) -> None:
    daemon = daemon_process("lunix_natsdev", "--source", "udev")
    daemon.wait_for_log("udevd does not run")
    assert daemon.stop() == 0
