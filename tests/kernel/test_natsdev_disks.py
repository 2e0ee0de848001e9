"""natsdev and what is on disks: loop devices with real file systems."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from lunix_common.bus import Bus, find
from lunix_natsdev.hwdb import Hwdb
from lunix_natsdev.probe import Probed, Probes
from lunix_natsdev.service import Natsdev
from lunix_natsdev.source import KernelSource
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import deadline
from lunix_testing.hotplug import Hotplug, ext4, loop_device, losetup, own_loop_device, veth
from lunix_testing.server import BusServer

pytestmark = [pytest.mark.root, pytest.mark.requires("veth", "uevents", "loop", "program:mkfs.ext4")]


async def test_a_disk_is_told_with_what_is_on_it(hotplug: Hotplug, tmp_path: Path) -> None:
    label, uuid = "<b>hi ../x", str(uuid4())
    ext4(tmp_path / "image", label, uuid)
    with loop_device(tmp_path / "image") as node:
        name = node.removeprefix("/dev/")
        heard = await hotplug.heard.until(lambda heard: heard.name == name and "fs_type" in heard.payload)
        assert heard.payload["fs_type"] == "ext4"
        assert (heard.payload["fs_label"], heard.payload["fs_uuid"]) == (label, uuid)
        assert (heard.payload["size_bytes"], heard.payload["transport"]) == (8 << 20, "loop")
        assert (await hotplug.device(node))["fs_uuid"] == uuid
    gone = await hotplug.heard.until(
        lambda later: (
            later.name == name
            and int(later.headers["Lunix-Seq"]) > int(heard.headers["Lunix-Seq"])
            and later.payload["size_bytes"] == 0
        )
    )
    assert "fs_type" not in gone.payload


async def test_a_disk_that_is_there_at_the_start_is_listed_with_what_is_on_it(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    ext4(tmp_path / "image", "early", str(uuid4()))
    with loop_device(tmp_path / "image") as node:
        daemon = await asyncio.to_thread(daemon_process, "lunix_natsdev", "--source", "kernel")
        client = await bus_server.connect("admin")
        running = Hotplug(daemon, client)
        await running.ask("hardware.settle")
        assert (await running.device(node))["fs_label"] == "early"
        await client.close()


async def test_without_probes_a_disk_is_told_all_the_same(
    bus_server: BusServer, daemon_process: DaemonStarter, tmp_path: Path
) -> None:
    ext4(tmp_path / "image", "hidden", str(uuid4()))
    config = "[natsdev]\nprobe = false"
    daemon = await asyncio.to_thread(daemon_process, "lunix_natsdev", "--source", "kernel", config=config)
    client = await bus_server.connect("admin")
    with loop_device(tmp_path / "image") as node:
        running = Hotplug(daemon, client)
        await running.ask("hardware.settle")
        got = await running.device(node)
        assert got["size_bytes"] == 8 << 20
        assert "fs_label" not in got
    await client.close()


class Stuck(Probes):
    """Answers as dying media do: when it is let, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.victim: str | None = None
        """The only node that hangs; without it each does."""
        self.asked: list[str] = []
        self.asking = asyncio.Event()
        self.let = asyncio.Event()

    async def probe(
        self, devnode: str, timeout_s: float = 10.0, late: Callable[[Probed], None] | None = None
    ) -> Probed | None:
        """Hang."""
        self.asked.append(devnode)
        self.asking.set()
        if self.victim in (None, devnode):
            await self.let.wait()
        return Probed(type="ext4", usage="filesystem")


@pytest.fixture
async def stuck(bus_server: BusServer) -> AsyncIterator[tuple[Natsdev, Stuck, Bus]]:
    """natsdev in this process, with probes that hang."""
    async with asyncio.TaskGroup() as tasks:
        probes = Stuck()
        source = KernelSource()
        bus = Bus(find("natsdev", state=bus_server.state, environ={}), "natsdev")
        natsdev = Natsdev(bus, source, tasks, Hwdb(), probes=probes)
        await natsdev.start()
        running = tasks.create_task(natsdev.run())
        yield natsdev, probes, bus
        probes.let.set()
        running.cancel()
        natsdev.intake.close()
        source.close()


async def test_a_disk_that_does_not_answer_holds_up_no_other_device(
    stuck: tuple[Natsdev, Stuck, Bus], tmp_path: Path
) -> None:
    natsdev, probes, _bus = stuck
    ext4(tmp_path / "image", "stuck", str(uuid4()))
    with loop_device(tmp_path / "image") as node:
        async with deadline("the probe of the disk"):
            while node not in probes.asked:
                probes.asking.clear()
                await probes.asking.wait()
        settling = asyncio.create_task(natsdev.settle())
        with veth() as (one, _two):
            async with deadline("the news of another device"):
                while natsdev.table.get(f"/sys/devices/virtual/net/{one}") is None:  # noqa: ASYNC110 - the table tells nobody
                    await asyncio.sleep(0)
        assert not settling.done()
        before = natsdev.table.get(node)
        assert before is not None
        assert before[0].fs_type is None
        probes.let.set()
        async with deadline("the news of the disk"):
            await settling
        after = natsdev.table.get(node)
        assert after is not None
        assert (after[0].fs_type, after[0].id) == ("ext4", before[0].id)


async def test_a_probe_of_a_disk_that_was_removed_is_given_up(
    stuck: tuple[Natsdev, Stuck, Bus], tmp_path: Path
) -> None:
    natsdev, probes, bus = stuck
    ext4(tmp_path / "image", "stuck", str(uuid4()))
    with own_loop_device() as node:
        probes.victim = node
        probes.let.set()
        probes.let.clear()
        losetup(node, tmp_path / "image")
        async with deadline("the probe of the disk"):
            while node not in probes.asked:
                probes.asking.clear()
                await probes.asking.wait()
        losetup("--detach", node)
    async with deadline("the end of the disk"):
        await natsdev.settle()
    assert natsdev.table.get(node) is None
    assert bus.seq >= 3


async def test_a_start_does_not_wait_for_a_disk_that_does_not_answer(bus_server: BusServer, tmp_path: Path) -> None:
    ext4(tmp_path / "image", "stuck", str(uuid4()))
    with loop_device(tmp_path / "image") as node:
        async with asyncio.TaskGroup() as tasks:
            probes, source = Stuck(), KernelSource()
            bus = Bus(find("natsdev", state=bus_server.state, environ={}), "natsdev")
            natsdev = Natsdev(bus, source, tasks, Hwdb(), probes=probes)
            async with deadline("the start"):
                await natsdev.start()
            running = tasks.create_task(natsdev.run())
            assert bus.seq == 0
            probes.let.set()
            async with deadline("the late news"):
                await natsdev.settle()
            found = natsdev.table.get(node)
            assert found is not None
            assert found[0].fs_type == "ext4"
            assert bus.seq >= 1
            running.cancel()
            natsdev.intake.close()
            source.close()
