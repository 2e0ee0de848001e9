"""natsdev and disks that answer after their time, as those do that spin up first: real probes, held up at a gate."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from lunix_common.bus import Bus, find
from lunix_natsdev.hwdb import Hwdb
from lunix_natsdev.os_spawn import Exit, Helpers, Later, Work
from lunix_natsdev.probe import Probes
from lunix_natsdev.service import Natsdev
from lunix_natsdev.source import KernelSource
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.events import Event, hear
from lunix_testing.hotplug import ext4, loop_device, losetup, own_loop_device
from lunix_testing.server import BusServer


class Slow(Probes):
    """Probes whose child looks at once and answers when the gate is open."""

    def __init__(self, gate: Path) -> None:
        super().__init__(64)
        self._gate = gate.open("w")
        self.given_up: list[str] = []
        fcntl.flock(self._gate, fcntl.LOCK_EX)

    def _work(self, verb: str, devnode: str) -> Work:
        program = super()._work(verb, devnode)
        assert not callable(program)
        return ("/bin/sh", "-c", '"$@" >"$0.$$" && flock --shared "$0" cat "$0.$$"', self._gate.name, *program)

    async def looked(self, label: str) -> None:
        """Wait until a child has seen this label."""
        gate = Path(self._gate.name)
        async with deadline(f"the look at {label}"):
            while not any(label.encode() in answer.read_bytes() for answer in gate.parent.glob(f"{gate.name}.*")):  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.01)

    def give_up(self, devnode: str) -> None:
        """Take note of it, and do so."""
        self.given_up.append(devnode)
        super().give_up(devnode)

    def open(self) -> None:
        """From now on disks answer."""
        fcntl.flock(self._gate, fcntl.LOCK_UN)

    def close(self) -> None:
        """Wait for no late answer any more."""
        super().close()
        self._gate.close()


@dataclass
class Slowly:
    """A natsdev in this process, its probes, and what it tells."""

    natsdev: Natsdev
    probes: Slow
    heard: Inbox[Event]

    def fs_type(self, node: str) -> str | None:
        """What natsdev knows to be on a disk, once it knows the disk."""
        found = self.natsdev.table.get(node)
        assert found is not None, f"{node} is not known"
        return found[0].fs_type

    async def told(self, node: str, label: str) -> Event:
        """The event that tells what is on the disk."""
        return await self.heard.until(
            lambda heard: (heard.payload.get("devnode"), heard.payload.get("fs_label")) == (node, label)
        )


@pytest_asyncio.fixture
async def slowly(bus_server: BusServer, tmp_path: Path) -> AsyncGenerator[Slowly]:
    client = await bus_server.connect("admin")
    heard: Inbox[Event] = Inbox()
    await hear(client, "hardware", heard.put)
    bus = Bus(find("natsdev", url=bus_server.url, state=bus_server.state, environ={}), "natsdev")
    source, probes = KernelSource(), Slow(tmp_path / "gate")
    async with bus, asyncio.TaskGroup() as tasks:
        natsdev = Natsdev(bus, source, tasks, Hwdb(), probes=probes, probe_timeout_s=0.2)
        await natsdev.start()
        running = tasks.create_task(natsdev.run())
        yield Slowly(natsdev, probes, heard)
        running.cancel()
        probes.close()
        natsdev.intake.close()
        source.close()
    await client.close()


@pytest.mark.root
@pytest.mark.requires("uevents", "loop", "program:mkfs.ext4")
async def test_a_disk_that_answers_late_is_told_at_once_and_what_is_on_it_as_a_change(
    slowly: Slowly, tmp_path: Path
) -> None:
    ext4(tmp_path / "image", "sleepy", str(uuid4()))
    with loop_device(tmp_path / "image") as node:
        async with deadline("the news of the disk"):
            await slowly.natsdev.settle()
        assert slowly.fs_type(node) is None
        slowly.probes.open()
        assert (await slowly.told(node, "sleepy")).subject == "hardware.block.change"
        assert slowly.fs_type(node) == "ext4"


@pytest.mark.root
@pytest.mark.requires("uevents", "loop", "program:mkfs.ext4")
async def test_what_a_disk_answers_late_is_not_told_of_the_next_medium(slowly: Slowly, tmp_path: Path) -> None:
    for label in ("first", "second"):
        ext4(tmp_path / label, label, str(uuid4()))
    with own_loop_device() as node:
        losetup(node, tmp_path / "first")
        async with deadline("the news of the disk"):
            await slowly.natsdev.settle()
        await slowly.probes.looked("first")
        losetup("--detach", node)
        async with deadline("the news that it is empty"):
            await slowly.natsdev.settle()
        slowly.probes.open()
        losetup(node, tmp_path / "second")
        await slowly.told(node, "second")
        losetup("--detach", node)
    labels = [heard.payload.get("fs_label") for heard in slowly.heard.items if heard.payload.get("devnode") == node]
    assert "first" not in labels


@pytest.mark.root
@pytest.mark.requires("uevents", "loop", "program:mkfs.ext4")
async def test_a_disk_whose_removal_was_lost_is_waited_for_no_more(slowly: Slowly, tmp_path: Path) -> None:
    ext4(tmp_path / "image", "lost", str(uuid4()))
    with own_loop_device() as node:
        losetup(node, tmp_path / "image")
        async with deadline("the news of the disk"):
            await slowly.natsdev.settle()
        await slowly.probes.looked("lost")
        slowly.probes.given_up.clear()
        losetup("--detach", node)  # its event is read by nobody, as those behind it
    # The loop stood still since: nobody but us reads that it is gone.
    while slowly.natsdev.source.receive() is not None:
        pass
    slowly.natsdev.intake.lost()
    async with deadline("the comparison with sysfs"):
        await slowly.natsdev.settle()
    assert slowly.natsdev.table.get(node) is None
    assert node in slowly.probes.given_up


async def test_a_helper_that_goes_on_is_told_when_it_ends(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    late: Inbox[Exit] = Inbox()
    work = ("/bin/sh", "-c", 'read word <"$0"; echo "$word"; exit 4', str(tmp_path / "gate"))
    helpers = Helpers(1)
    end = await helpers.run(work, timeout_s=0.2, key="disk", later=Later(3600, late.put))
    assert end == Exit(None, b"")
    # It has left its place to others, and holds up nobody.
    assert (await helpers.run(("/bin/true",), timeout_s=60, key="other disk")).code == 0
    await asyncio.to_thread((tmp_path / "gate").write_text, "at last\n")
    assert await late.next() == Exit(4, b"at last\n")
    assert not helpers.abandoned


@contextlib.asynccontextmanager
async def ended(pid_file: Path) -> AsyncGenerator[None]:
    """The process that writes its number there ends before the block does."""
    end = asyncio.Event()
    async with deadline("the start of the helper"):
        pidfd = os.pidfd_open(int(await asyncio.to_thread(pid_file.read_text)))
    asyncio.get_running_loop().add_reader(pidfd, end.set)
    try:
        yield
        async with deadline("the end of the helper"):
            await end.wait()
    finally:
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)


@pytest.mark.parametrize("way", ["gives up", "closes", "starts anew", "gives up and starts anew", "waits too long"])
async def test_a_helper_that_goes_on_does_not_so_for_ever(tmp_path: Path, way: str) -> None:
    os.mkfifo(tmp_path / "pid")
    late: Inbox[Exit] = Inbox()
    work = ("/bin/sh", "-c", 'echo $$ >"$0"; exec sleep 3600', str(tmp_path / "pid"))
    helpers = Helpers(1)
    within_s = 0.2 if way == "waits too long" else 3600
    run = asyncio.create_task(helpers.run(work, timeout_s=0.2, key="disk", later=Later(within_s, late.put)))
    async with ended(tmp_path / "pid"):
        assert await run == Exit(None, b"")
        if way.startswith("gives up"):
            helpers.give_up("disk")
        if way == "closes":
            helpers.close()
        if way.endswith("starts anew"):
            assert (await helpers.run(("/bin/true",), timeout_s=60, key="disk")).code == 0
    async with deadline("the end of the helper's record"):
        while helpers.abandoned:  # noqa: ASYNC110 - the loop reads of the end when it comes to it
            await asyncio.sleep(0)
    assert late.items == []
