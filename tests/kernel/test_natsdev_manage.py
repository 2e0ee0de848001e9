"""Manage against the kernel of this machine, in a device folder of the test's own: real uevents, real loop devices."""

import asyncio
import logging
import stat
import subprocess
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from lunix_natsdev import os_sysfs
from lunix_natsdev.manage import rules
from lunix_natsdev.manage.manage import Manage, load
from lunix_natsdev.manage.os_mknod import DevRoot
from lunix_natsdev.os_netlink import UeventSocket
from lunix_natsdev.probe import Probes
from lunix_natsdev.uevent import Uevent, parse
from lunix_testing.deadline import deadline

pytestmark = [pytest.mark.root, pytest.mark.requires("uevents")]

log = logging.getLogger("natsdev.test")
MIB = 1 << 20


class Events:
    """The kernel's events, one by one, with a deadline."""

    def __init__(self) -> None:
        self._socket = UeventSocket()
        self._empty = asyncio.Event()

    async def next(self, wanted: Callable[[Uevent], bool]) -> Uevent:
        """The next event that is wanted; the others are dropped."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._socket.fileno(), readable.set)
        try:
            async with deadline("the event"):
                while True:
                    received = self._socket.next()
                    if received is None:
                        readable.clear()
                        await readable.wait()
                    elif isinstance(received, bytes):
                        event = parse(received)
                        if isinstance(event, Uevent) and wanted(event):
                            return event
        finally:
            loop.remove_reader(self._socket.fileno())

    def drain(self) -> list[Uevent]:
        """All that waits."""
        parsed = (parse(received) for received in iter(self._socket.next, None) if isinstance(received, bytes))
        return [event for event in parsed if isinstance(event, Uevent)]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def events() -> Iterator[Events]:
    opened = Events()
    yield opened
    opened.close()


@pytest.fixture
def dev_root(tmp_path: Path) -> Path:
    root = tmp_path / "dev"
    root.mkdir()
    return root


@pytest.fixture
def loop_device(tmp_path: Path) -> Iterator[str]:
    """A loop device with an ext4 labelled BEFORE; its name."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(8 * MIB)
    subprocess.run(("mkfs.ext4", "-q", "-L", "BEFORE", str(image)), check=True)
    found = subprocess.run(("losetup", "--find", "--show", str(image)), capture_output=True, text=True, check=True)
    device = found.stdout.strip()
    yield Path(device).name
    subprocess.run(("losetup", "--detach", device), check=False)


@asynccontextmanager
async def running(manage: Manage) -> AsyncGenerator[Manage]:
    task = asyncio.create_task(manage.run())
    try:
        yield manage
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def managed(dev_root: Path, decided: rules.Rules, *, dry_run: bool = False) -> Manage:
    return Manage(decided, log, probes=Probes(), trigger=os_sysfs.trigger, dev_root=dev_root, dry_run=dry_run)


def inside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def look(path: str) -> tuple[int, int, int, int]:
    """Owner, group, mode and device number."""
    status = Path(path).stat()
    return status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), status.st_rdev


def of(name: str, action: str = "change") -> Callable[[Uevent], bool]:
    return lambda event: event.devpath.endswith(f"/block/{name}".encode()) and event.action == action


@pytest.mark.requires("loop", "program:mkfs.ext4")
async def test_a_loop_device_has_a_node_and_links_until_it_goes(
    dev_root: Path, events: Events, loop_device: str
) -> None:
    decided = rules.parse('[[rule]]\nname = "loop*"\nowner = 7\ngroup = 8\nmode = "0640"', "a", user=int, group=int)
    manage, probes = managed(dev_root, decided), Probes()
    devpath = f"/devices/virtual/block/{loop_device}".encode()
    os_sysfs.trigger(devpath, "add")
    event = await events.next(of(loop_device, "add"))
    node = manage.node(event)
    assert node == f"{dev_root}/{loop_device}"
    probed = await probes.probe(node)
    assert probed is not None
    links = manage.present(event, probed)
    label = dev_root / "disk" / "by-label" / "BEFORE"
    assert str(label) in links
    assert label.resolve() == Path(node)
    assert look(node) == (7, 8, 0o640, look(f"/dev/{loop_device}")[3])
    real = {key: value for key, value in event.properties.items() if key != "SYNTH_UUID"}
    manage.gone(event._replace(action="remove", properties=real))
    assert inside(dev_root) == []


@pytest.mark.requires("loop", "program:mkfs.ext4", "program:e2label")
async def test_a_device_that_is_written_to_is_looked_at_again_and_the_look_is_no_write(
    dev_root: Path, events: Events, loop_device: str
) -> None:
    devpath = f"/devices/virtual/block/{loop_device}".encode()
    async with running(managed(dev_root, load(dev_root))) as manage:
        os_sysfs.trigger(devpath, "add")
        event = await events.next(of(loop_device, "add"))
        node = manage.node(event)
        manage.present(event, await Probes().probe(node))
        subprocess.run(("e2label", node, "AFTER"), check=True)  # noqa: ASYNC221 - it is over at once
        changed = await events.next(of(loop_device))
        links = manage.present(changed, await Probes().probe(node))
        assert f"{dev_root}/disk/by-label/AFTER" in links
        assert not (dev_root / "disk" / "by-label" / "BEFORE").exists()
        # What the look itself had caused would come before what is asked for now.
        await manage.idle()
        os_sysfs.trigger(b"/devices/virtual/mem/null", "change")
        await events.next(lambda event: event.devpath == b"/devices/virtual/mem/null")
        assert not [event for event in events.drain() if of(loop_device)(event)]


async def test_a_coldplug_of_the_whole_machine_makes_every_node_in_a_dry_run(
    dev_root: Path, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    manage = managed(dev_root, load(dev_root), dry_run=True)
    seen: list[Uevent] = []

    async def drained() -> None:
        seen.extend(event for event in events.drain() if manage.round.is_mine(event.properties))

    paths = os_sysfs.paths()
    asked = await manage.coldplug(paths, drained)
    assert asked.devices == len(paths)
    answered = {event.devpath for event in seen}
    assert answered <= paths
    assert asked.devices - asked.refused - len(answered) < asked.devices // 2
    assert all(event.action == "add" for event in seen)
    for event in seen:
        manage.present(event, None)
    said = set(caplog.messages)
    assert "would mknod null c 1 3" in said
    assert "would chown 0:0 mode 0666 null" in said
    assert inside(dev_root) == []


def test_a_node_that_somebody_else_made_for_the_same_device_is_as_good_as_a_link(dev_root: Path) -> None:
    dev, (*_, number) = DevRoot(dev_root), look("/dev/null")
    dev.mknod("dm-0", stat.S_IFCHR, number)
    dev.mknod("mapper/root", stat.S_IFCHR, number)
    dev.symlink("mapper/root", "dm-0")
    assert not (dev_root / "mapper" / "root").is_symlink()
    dev.mknod("dm-0", stat.S_IFCHR, look("/dev/zero")[3])
    with pytest.raises(FileExistsError):
        dev.symlink("mapper/root", "dm-0")


async def test_links_of_an_earlier_run_are_swept(dev_root: Path) -> None:
    old = dev_root / "disk" / "by-label" / "OLD"
    old.parent.mkdir(parents=True)
    old.symlink_to("../../sda1")
    managed(dev_root, load(dev_root)).sweep()
    assert inside(dev_root) == []


async def test_a_device_that_went_before_it_was_looked_at_again_is_no_failure(
    dev_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked = asyncio.Event()

    def trigger(devpath: bytes, text: str) -> None:
        asked.set()
        os_sysfs.trigger(devpath, text)

    manage = Manage(load(dev_root), log, probes=Probes(), trigger=trigger, dev_root=dev_root)
    async with deadline("the look"), running(manage):
        manage._written("/devices/gone")
        await asked.wait()
    assert "device went while it was looked at" in caplog.messages


async def test_groups_that_are_missing_are_told_once(dev_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    managed(dev_root, rules.Rules(warnings=("a.toml: rule 1: group 'x' is not known",)))
    assert caplog.messages == ["rule let pass"]
