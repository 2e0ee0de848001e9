"""natsdev as the only device manager of a booted Debian kernel: coldplug, drivers, nodes, links, sticks."""

import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lunix_testing.vm import Boot, Image, Machine, Process
from lunix_testing.vm.bus import Listener, bus
from lunix_testing.vm.channel import PATIENCE_S

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]
_in_the_loop_of_the_module = pytest.mark.asyncio(loop_scope="module")

MIB = 1 << 20


@dataclass
class Managed:
    """A machine with a bus, natsdev and a listener."""

    vm: Machine
    natsdev: Process
    events: Listener

    async def event(self, subject: str, **wanted: object) -> dict[str, Any]:
        """The next event of this subject with these fields, and what its paths were when it came."""
        return await self.events.event(subject, **wanted)

    async def leave(self, *names: str) -> None:
        """Pull sticks out and wait until that was told: the next test begins with nothing plugged."""
        for name in names or ("stick",):
            await self.vm.unplug(name)
            await self.event("hardware.usb.remove")

    async def link(self, name: str) -> str:
        """Where a link below /dev leads; empty where it is not there."""
        return (await self.vm.shell(f"test ! -L '/dev/{name}' || readlink -f '/dev/{name}'")).strip()


@asynccontextmanager
async def managed(vm: Machine, probe_timeout_s: float = PATIENCE_S) -> AsyncGenerator[Managed]:
    async with (
        bus(vm, "hardware.>") as (url, events),
        natsdev(vm, url, events, probe_timeout_s=probe_timeout_s) as found,
    ):
        yield found


@asynccontextmanager
async def natsdev(
    vm: Machine, url: str, events: Listener, *arguments: str, probe_timeout_s: float = PATIENCE_S
) -> AsyncGenerator[Managed]:
    """What is on a disk comes with its event, however slow the machine is: only a disk that hangs needs a deadline."""
    command = f"exec natsdev --manage --source kernel --bus {url} --trust-bus --ready-fd 1 {' '.join(arguments)}"
    async with vm.start("sh", "-c", command, env={"LUNIX_NATSDEV_PROBE_TIMEOUT_S": f"{probe_timeout_s:g}"}) as process:
        await process.line()
        yield Managed(vm, process, events)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(vm_image: Image, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Managed]:
    """A machine with the kernel's devtmpfs for the tests that take away again what they plugged (``leave``)."""
    async with Machine(vm_image, folder=tmp_path_factory.mktemp("managed")) as vm, managed(vm) as found:
        yield found


@pytest.fixture
def stick(tmp_path: Path) -> Callable[..., Path]:
    """Make a stick's image: a partition table, and a vfat with this label in its only partition."""

    def make(label: str, uuid: str, name: str = "stick") -> Path:
        disk, volume = tmp_path / f"{name}.img", tmp_path / f"{name}.vfat"
        with disk.open("wb") as file:
            file.truncate(32 * MIB)
        table = "label: dos\nlabel-id: 0x12345678\nstart=1MiB, size=24MiB, type=c\n"
        subprocess.run(("sfdisk", "-q", str(disk)), input=table, text=True, check=True)
        with volume.open("wb") as file:
            file.truncate(24 * MIB)
        subprocess.run(("mkfs.vfat", "-n", label, "-i", uuid, str(volume)), check=True, capture_output=True)
        with disk.open("r+b") as file:
            file.seek(MIB)
            file.write(volume.read_bytes())
        return disk

    return make


@_in_the_loop_of_the_module
async def test_a_stick_is_told_when_its_node_and_links_exist(here: Managed, stick: Callable[..., Path]) -> None:
    await stick_comes_and_goes(here, stick("HOLIDAY", "abcd1234"))


async def test_nodes_are_made_where_the_kernel_makes_none(machine: Boot, stick: Callable[..., Path]) -> None:
    async with machine(dev="tmpfs") as vm, managed(vm) as here:
        await stick_comes_and_goes(here, stick("HOLIDAY", "abcd1234"))


async def stick_comes_and_goes(here: Managed, disk_image: Path) -> None:
    vm = here.vm
    await vm.plug_stick(disk_image, serial="0001", removable=True)
    plugged = (await here.event("hardware.usb.add", vendor_id="46f4"))["event"]
    assert (plugged["vendor_id"], plugged["product_id"], plugged["serial"]) == ("46f4", "0001", "0001")
    disk = await here.event("hardware.block.add", devtype="disk")
    assert disk["event"]["part_table"] == "dos"
    part = await here.event("hardware.block.add", devtype="partition")
    event = part["event"]
    assert (event["fs_type"], event["fs_label"], event["fs_uuid"]) == ("vfat", "HOLIDAY", "ABCD-1234")
    assert (event["bus"], event["vendor_id"], event["product_id"], event["usb"]) == (
        "usb",
        "46f4",
        "0001",
        plugged["id"],
    )
    assert (event["transport"], event["removable"], event["part_uuid"]) == ("usb", True, "12345678-01")
    assert event["devnode"] == "/dev/sda1"
    assert {"/dev/disk/by-uuid/ABCD-1234", "/dev/disk/by-label/HOLIDAY"} <= set(event["links"])
    assert "/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_0001-0:0-part1" in event["links"]
    for path in (event["devnode"], *event["links"]):
        assert part["paths"][path]["real"] == "/dev/sda1", path
        assert part["paths"][path]["mode"] == "660"
    await vm.unplug()
    gone = await here.event("hardware.block.remove", devtype="partition")
    assert gone["event"]["fs_label"] == "HOLIDAY"
    assert not any(gone["paths"].values())
    await here.event("hardware.usb.remove")
    assert "sda" not in await vm.shell("ls -lR /dev/disk")


@_in_the_loop_of_the_module
async def test_two_sticks_with_one_label_share_it_in_the_order_of_their_coming(
    here: Managed, stick: Callable[..., Path]
) -> None:
    vm = here.vm
    await vm.plug_stick(stick("SAME", "aaaa1111", "one"), name="one", serial="0001")
    first = await here.event("hardware.block.add", devtype="partition")
    await vm.plug_stick(stick("SAME", "bbbb2222", "two"), name="two", serial="0002")
    second = await here.event("hardware.block.add", devtype="partition")
    assert "/dev/disk/by-label/SAME" in first["event"]["links"]
    assert "/dev/disk/by-label/SAME" not in second["event"]["links"]
    assert await here.link("disk/by-label/SAME") == first["event"]["devnode"]
    assert await here.link("disk/by-uuid/BBBB-2222") == second["event"]["devnode"]
    await vm.unplug("one")
    await here.event("hardware.block.remove", devtype="partition")
    await here.event("hardware.usb.remove")
    assert await here.link("disk/by-label/SAME") == second["event"]["devnode"]
    listed = await here.events.request("hardware.list", '{"subsystem": "block", "devtype": "partition"}')
    assert ["/dev/disk/by-label/SAME" in item["links"] for item in listed["items"]] == [True]
    await here.leave("two")


async def test_at_the_start_drivers_are_loaded_and_links_made_for_what_is_there(
    machine: Boot, stick: Callable[..., Path]
) -> None:
    async with machine() as vm:
        assert "usb_storage" not in await vm.shell("cat /proc/modules")
        await vm.plug_stick(stick("EARLY", "abcd1234"), serial="0001")
        async with bus(vm, "hardware.>") as (url, events):
            async with natsdev(vm, url, events) as here:
                # The stick's controller has a driver from its modalias, then the stick from its own.
                first = await here.event("hardware.block.add", devtype="partition")
                modules = await vm.shell("cat /proc/modules")
                assert {"xhci_pci", "usb_storage"} <= {line.split()[0] for line in modules.splitlines()}
                assert await here.link("disk/by-label/EARLY") == "/dev/sda1"
                rules = await vm.shell("stat -c '%a %n' /dev/null /dev/vda /dev/kmsg")
                assert rules.splitlines()[:2] == ["666 /dev/null", "660 /dev/vda"]
                assert (await events.request("hardware.settle"))["seq"] > 0
            async with natsdev(vm, url, events) as again:
                # Natsdev's own start tells nothing of devices that were there.
                await events.request("hardware.settle")
                await vm.shell("echo change > /sys/class/mem/null/uevent")
                told: list[str] = []
                while len(told) < 2:
                    heard = await events.next()
                    if heard["headers"]["Lunix-Boot"] != first["headers"]["Lunix-Boot"]:
                        told.append(heard["subject"])
                assert told == ["hardware.ready", "hardware.mem.change"]
                assert await again.link("disk/by-label/EARLY") == "/dev/sda1"


@_in_the_loop_of_the_module
async def test_a_stick_that_is_formatted_anew_is_told_as_changed(here: Managed, stick: Callable[..., Path]) -> None:
    vm = here.vm
    await vm.plug_stick(stick("BEFORE", "abcd1234"), serial="0001")
    node = (await here.event("hardware.block.add", devtype="partition"))["event"]["devnode"]
    await vm.run("mkfs.vfat", "-n", "AFTER", node)
    changed = await here.event("hardware.block.change", devtype="partition", fs_label="AFTER")
    assert changed["paths"]["/dev/disk/by-label/AFTER"]["real"] == node
    assert await here.link("disk/by-label/BEFORE") == ""
    # The look at it wrote nothing: the next event is one that was asked for.
    await vm.shell("echo change > /sys/class/mem/null/uevent")
    while (heard := await here.events.next())["subject"] == "hardware.block.change":
        pass
    assert heard["subject"] == "hardware.mem.change"
    await here.leave()


@_in_the_loop_of_the_module
async def test_a_stick_that_is_partitioned_anew_has_its_partitions_told(
    here: Managed, stick: Callable[..., Path], tmp_path: Path
) -> None:
    blank = tmp_path / "blank.img"
    blank.write_bytes(bytes(32 * MIB))
    image = stick("LATER", "abcd1234", "later").read_bytes()[: 26 * MIB]
    vm = here.vm
    await vm.plug_stick(blank, serial="0001")
    node = (await here.event("hardware.block.add", devtype="disk"))["event"]["devnode"]
    await vm.run("sh", "-c", f"cat > {node}", input=image)
    part = await here.event("hardware.block.add", devtype="partition", fs_label="LATER")
    assert part["paths"]["/dev/disk/by-uuid/ABCD-1234"]["real"] == f"{node}1"
    await here.leave()


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    disk = tmp_path / "hostile.img"
    with disk.open("wb") as file:
        file.truncate(16 * MIB)
    subprocess.run(("mkfs.ext4", "-q", "-L", "../../etc", str(disk)), check=True)
    return disk


@_in_the_loop_of_the_module
async def test_a_hostile_label_stays_in_its_folder(here: Managed, hostile: Path) -> None:
    vm = here.vm
    await vm.plug_stick(hostile, serial="../../../etc/passwd")
    added = await here.event("hardware.block.add", devtype="disk")
    assert added["event"]["fs_label"] == "../../etc"
    assert r"/dev/disk/by-label/..\x2f..\x2fetc" in added["event"]["links"]
    node = added["event"]["devnode"]
    assert all(path["real"] == node for path in added["paths"].values())
    elsewhere = await vm.shell("find /etc /run /tmp /root /mnt /dev/disk/.. -maxdepth 3 -type l -exec ls -l {} +")
    links = [line for line in elsewhere.splitlines() if Path(node).name in line]
    assert all(" /dev/disk/../disk/by-" in line for line in links)
    await here.leave()


async def test_rules_give_owner_mode_and_links_and_a_dry_run_only_says_so(
    machine: Boot, stick: Callable[..., Path]
) -> None:
    rule = """
[[rule]]
subsystem = "block"
attributes = { size = "65536" }
owner = 1000
mode = "0640"
symlinks = ["sticks/{name}-{property.DISKSEQ}"]
"""
    files = {"/etc/lunix/devices.d/sticks.toml": rule}
    async with machine(files=files) as vm:
        await vm.run("modprobe", "-a", "xhci_pci", "usb_storage", "sd_mod")
        async with bus(vm, "hardware.>") as (url, events):
            async with natsdev(vm, url, events, "--dry-run") as here:
                await vm.plug_stick(stick("DRY", "abcd1234"), serial="0001")
                await here.event("hardware.block.add", devtype="partition")
                assert (await vm.shell("stat -c '%u %a' /dev/sda")) == "0 600\n"
                assert (await vm.shell("ls /dev/sticks /dev/disk 2>/dev/null || true")) == ""
            async with natsdev(vm, url, events):
                assert (await vm.shell("stat -c '%u %a' /dev/sda")) == "1000 640\n"
                assert (await vm.shell("readlink -f /dev/sticks/sda-*")) == "/dev/sda\n"


@_in_the_loop_of_the_module
async def test_a_serial_adapter_gets_its_driver_its_group_and_its_name(here: Managed) -> None:
    vm = here.vm
    await vm.qmp.execute("chardev-add", {"id": "line", "backend": {"type": "null", "data": {}}})
    await vm.plug("usb-serial", name="adapter", bus="usb.0", chardev="line", serial="A1B2", **{"always-plugged": True})
    added = await here.event("hardware.tty.add", devnode="/dev/ttyUSB0")
    assert (added["event"]["bus"], added["event"]["vendor_id"]) == ("usb", "0403")
    link = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_A1B2-if00-port0"
    assert added["paths"][link] == {"real": "/dev/ttyUSB0", "mode": "660"}
    await here.leave("adapter")


async def test_a_disk_that_does_not_answer_holds_up_nothing_else(machine: Boot, stick: Callable[..., Path]) -> None:
    async with machine() as vm, managed(vm, probe_timeout_s=5) as here:
        await vm.qmp.execute("object-add", {"qom-type": "throttle-group", "id": "slow"})
        file = {"driver": "raw", "file": {"driver": "file", "filename": str(stick("DYING", "abcd1234"))}}
        throttled = {"driver": "throttle", "node-name": "dying", "throttle-group": "slow", "file": file}
        await vm.qmp.execute("blockdev-add", throttled)
        await vm.plug("usb-storage", name="dying", drive="dying", bus="usb.0")
        # With the event, or as a change where the machine is slow.
        while (await here.events.next())["event"].get("fs_label") != "DYING":
            pass
        # One byte an hour: the read that is under way when the first page has come never ends.
        limit = {"path": "/objects/slow", "property": "limits", "value": {"bps-total": 1}}
        await vm.qmp.execute("qom-set", limit)
        # Both events wait when natsdev goes on: it has taken in the other one before the disk's deadline can pass.
        events = "for each in block/sda1 mem/null; do echo change > /sys/class/$each/uevent; done"
        pid = here.natsdev.pid
        await vm.shell(f"kill -STOP {pid}; echo 3 > /proc/sys/vm/drop_caches; {events}; kill -CONT {pid}")
        changes: list[str] = []
        while len(changes) < 2:
            heard = await here.events.next()
            if heard["subject"].endswith(".change") and heard["event"]["name"] in {"sda1", "null"}:
                changes.append(heard["event"]["name"])
        assert changes == ["null", "sda1"]
        assert await here.link("disk/by-label/DYING") in {"", "/dev/sda1"}


async def test_a_stick_whose_events_the_kernel_dropped_gets_its_node_and_links_too(
    machine: Boot, stick: Callable[..., Path]
) -> None:
    config = {"/etc/lunix/lunix.toml": "[natsdev]\nreceive_buffer_bytes = 131072\n"}
    async with machine(dev="tmpfs", files=config) as vm, managed(vm) as here:
        await vm.run("modprobe", "-a", "xhci_pci", "usb_storage", "sd_mod")
        await here.events.request("hardware.settle")
        await vm.shell(f"kill -STOP {here.natsdev.pid}")
        await vm.shell("for i in $(seq 3000); do echo change > /sys/class/mem/null/uevent; done")
        await vm.plug_stick(stick("LOST", "abcd1234"), serial="0001")
        await vm.shell("until test -e /sys/class/block/sda1; do usleep 10000; done")
        await vm.shell(f"kill -CONT {here.natsdev.pid}")
        added = await here.event("hardware.block.add", devtype="partition", resync=True)
        assert added["paths"]["/dev/sda1"] == {"real": "/dev/sda1", "mode": "660"}
        changed = await here.event("hardware.block.change", devtype="partition", fs_label="LOST")
        assert changed["paths"]["/dev/disk/by-label/LOST"]["real"] == "/dev/sda1"
