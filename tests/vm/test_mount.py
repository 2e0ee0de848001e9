"""lunix-mount and real sticks on a booted Debian kernel: vfat, partitions, and what people do with them."""

import json
import subprocess
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from lunix_testing.tree import ROOT
from lunix_testing.vm import Boot, Image, Machine, Process
from lunix_testing.vm.bus import Listener, bus
from lunix_testing.vm.channel import PATIENCE_S

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

MIB = 1 << 20
# Nothing tells when a script listens, but the server's own list.
_LISTENS = """
import sys, time, urllib.request

while sys.argv[1] not in urllib.request.urlopen("http://127.0.0.1:8222/connz?subs=1").read().decode():
    time.sleep(0.05)
"""
AUTOMOUNT = {"/etc/lunix/lunix.toml": '[mount]\nautomount = true\nuid = 1000\ngid = "user"\numask = "0077"\n'}


@dataclass
class Mounting:
    """A machine with a bus, natsdev, lunix-mount and a listener."""

    vm: Machine
    url: str
    events: Listener
    daemon: Process

    async def event(self, subject: str, **wanted: object) -> dict[str, Any]:
        """The next event of this subject with these fields."""
        event: dict[str, Any] = (await self.events.event(subject, **wanted))["event"]
        return event

    async def request(self, subject: str, **payload: object) -> dict[str, Any]:
        return await self.events.request(subject, json.dumps(payload))

    async def leave(self, usb: str, name: str = "stick") -> None:
        """Pull an unmounted stick out and wait until that was told: the next test begins with nothing plugged."""
        await self.vm.unplug(name)
        await self.event("hardware.usb.remove", id=usb)
        assert await self.mounts() == []

    async def mounts(self) -> list[str]:
        """What is mounted below /media and /mnt."""
        points = await self.vm.shell("cut -d' ' -f2 /proc/mounts")
        return [point for point in points.splitlines() if point.startswith(("/media/", "/mnt/"))]


@asynccontextmanager
async def mounting(vm: Machine, *arguments: str) -> AsyncGenerator[Mounting]:
    await vm.run("modprobe", "-a", "xhci_pci", "usb_storage", "sd_mod")
    async with bus(vm, "hardware.>", "mount.>") as (url, events):
        common = f"--bus {url} --trust-bus --ready-fd 1"
        # What is on a stick comes with its event, however slow the machine is.
        patient = {"LUNIX_NATSDEV_PROBE_TIMEOUT_S": f"{PATIENCE_S:g}"}
        natsdev = vm.start("sh", "-c", f"exec natsdev --manage --source kernel {common}", env=patient)
        daemon = vm.start("sh", "-c", f"exec lunix-mount {common} {' '.join(arguments)} 2>&1")
        async with natsdev as first, daemon as second:
            await first.line(lambda line: line == "")
            await second.line(lambda line: "the devices are known" in line)
            yield Mounting(vm, url, events, second)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(vm_image: Image, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Mounting]:
    """A machine for the tests that take away again what they plugged (``leave``)."""
    async with Machine(vm_image, folder=tmp_path_factory.mktemp("mounting")) as vm, mounting(vm) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def automount(vm_image: Image, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Mounting]:
    """Such a machine that mounts by itself."""
    folder = tmp_path_factory.mktemp("automount")
    async with Machine(vm_image, files=AUTOMOUNT, folder=folder) as vm, mounting(vm) as found:
        yield found


def volume(path: Path, kind: str, label: str, size: int = 24) -> bytes:
    """The bytes of a file system."""
    with path.open("wb") as file:
        file.truncate(size * MIB)
    commands = {
        "vfat": ("mkfs.vfat", "-n", label),
        "exfat": ("mkfs.exfat", "-L", label),
        "ext4": ("mkfs.ext4", "-q", "-L", label),
    }
    subprocess.run((*commands[kind], str(path)), check=True, capture_output=True)
    return path.read_bytes()


@pytest.fixture
def stick(tmp_path: Path) -> Callable[..., Path]:
    """Make a stick's image: a partition for each pair of kind and label."""

    def make(*volumes: tuple[str, str], name: str = "stick") -> Path:
        disk = tmp_path / f"{name}.img"
        with disk.open("wb") as file:
            file.truncate((2 + 25 * len(volumes)) * MIB)
        rows = [f"start={1 + 25 * number}MiB, size=24MiB, type=c" for number in range(len(volumes))]
        table = "\n".join(["label: dos", *rows, ""])
        subprocess.run(("sfdisk", "-q", str(disk)), input=table, text=True, check=True)
        with disk.open("r+b") as file:
            for number, (kind, label) in enumerate(volumes):
                file.seek((1 + 25 * number) * MIB)
                file.write(volume(tmp_path / f"{name}{number}", kind, label))
        return disk

    return make


def iso9660(folder: Path, label: str, files: Mapping[str, str]) -> Path:
    """An image of a disc."""
    tree, disc = folder / "tree", folder / "disc.iso"
    tree.mkdir()
    for name, content in files.items():
        (tree / name).write_text(content)
    command = ("genisoimage", "-quiet", "-V", label, "-R", "-o", str(disc), str(tree))
    subprocess.run(command, check=True, capture_output=True)
    return disc


@pytest.mark.parametrize("kind", ["vfat", "exfat"])
async def test_a_stick_is_mounted_by_itself_for_its_owner(
    automount: Mounting, stick: Callable[..., Path], kind: str
) -> None:
    vm = automount.vm
    await vm.plug_stick(stick((kind, "HOLIDAY")), serial="0001", removable=True)
    told = await automount.event("mount.mounted")
    assert (told["where"], told["fs_type"], told["fs_label"], told["ours"]) == ("/media/HOLIDAY", kind, "HOLIDAY", True)
    assert (told["removable"], told["usb"] is not None) == (True, True)
    await vm.run("sh", "-c", "echo hello > /media/HOLIDAY/file", user=(1000, 1000))
    assert (await vm.shell("stat -c '%u %g %a' /media/HOLIDAY/file")) == "1000 1000 700\n"
    gone = await automount.request("mount.unmount", where="/media/HOLIDAY")
    assert [one["id"] for one in gone["unmounted"]] == [told["id"]]
    assert (await vm.shell("ls /media")) == ""
    await vm.unplug()
    assert (await automount.event("hardware.block.remove", devtype="partition"))["fs_label"] == "HOLIDAY"
    await automount.event("hardware.usb.remove", id=told["usb"])


async def test_a_stick_that_is_pulled_is_unmounted_and_told_though_it_is_in_use(
    automount: Mounting, stick: Callable[..., Path]
) -> None:
    vm = automount.vm
    for _ in range(2):
        await vm.plug_stick(stick(("vfat", "HOLIDAY")), serial="0001")
        told = await automount.event("mount.mounted", where="/media/HOLIDAY")
        async with vm.start("sh", "-c", "cd /media/HOLIDAY; echo in; sleep 1000") as user:
            await user.line()
            await vm.unplug()
            gone = await automount.event("mount.unmounted", id=told["id"])
            assert (gone["reason"], gone["where"]) == ("pulled", "/media/HOLIDAY")
            assert await automount.mounts() == []
            answer = await automount.request("mount.unmount", device=told["usb"])
            assert [one["id"] for one in answer["unmounted"]] == [told["id"]]
        await automount.daemon.line(lambda line: "a mount point was removed" in line)
        assert (await vm.shell("ls /media")) == ""


async def test_two_sticks_with_one_label_and_one_with_partitions(
    automount: Mounting, stick: Callable[..., Path]
) -> None:
    vm = automount.vm
    await vm.plug_stick(stick(("vfat", "SAME"), name="one"), name="one", serial="0001")
    first = await automount.event("mount.mounted")
    await vm.plug_stick(stick(("vfat", "SAME"), ("ext4", "../../etc"), name="two"), name="two", serial="0002")
    others = [await automount.event("mount.mounted") for _ in range(2)]
    assert first["where"] == "/media/SAME"
    assert {other["where"] for other in others} == {"/media/SAME-2", "/media/%2E.%2F..%2Fetc"}
    assert len({other["usb"] for other in others}) == 1
    await vm.unplug("one")
    assert (await automount.event("mount.unmounted"))["id"] == first["id"]
    gone = await automount.request("mount.unmount", device=others[0]["usb"])
    assert len(gone["unmounted"]) == 2
    assert await automount.mounts() == []
    await automount.leave(others[0]["usb"], "two")


async def test_a_disc_image_on_a_stick_is_one_volume_and_read_only(automount: Mounting, tmp_path: Path) -> None:
    disc = iso9660(tmp_path, "MY_DISC", {"a file": "what is in it"})
    await automount.vm.plug_stick(disc, serial="0001")
    told = await automount.event("mount.mounted")
    assert (told["where"], told["fs_type"], told["read_only"]) == ("/media/MY_DISC", "iso9660", True)
    assert (await automount.vm.shell("cat '/media/MY_DISC/a file'")) == "what is in it"
    await automount.request("mount.unmount", where="/media/MY_DISC")
    await automount.leave(told["usb"])


async def test_the_first_partition_is_meant_by_the_id_of_the_stick(here: Mounting, stick: Callable[..., Path]) -> None:
    await here.vm.plug_stick(stick(("ext4", "FIRST"), ("vfat", "SECOND")), serial="0001")
    usb = await here.event("hardware.usb.add")
    done = await here.request("mount.mount", device=usb["id"], where="/myplace", timeout_ms=100_000)
    assert "error" not in done, done
    assert (done["where"], done["source"], done["fs_label"], done["usb"]) == (
        "/myplace",
        "/dev/sda1",
        "FIRST",
        usb["id"],
    )
    await here.vm.unplug()
    assert (await here.event("mount.unmounted", id=done["id"]))["reason"] == "pulled"


@pytest.mark.parametrize("example", ["examples/python/automount.py", "examples/shell/automount.sh"])
async def test_the_example_mounts_what_is_plugged_and_unmounts_what_is_pulled(
    here: Mounting, stick: Callable[..., Path], example: str
) -> None:
    vm = here.vm
    program = (ROOT / example).read_text(encoding="utf-8")
    await vm.run("sh", "-c", "mkdir -p /mnt && cat > /root/example", input=program.encode())
    # A bus that knows no identities is asked without one.
    await vm.shell("sed -i 's/, nkeys_seed=os.environ\\[\"NATS_NKEY\"\\]//' /root/example")
    interpreter = "python3" if example.endswith(".py") else "sh"
    async with vm.start(interpreter, "/root/example", env={"NATS_URL": here.url, "LUNIX_BUS": here.url}):
        await vm.python(_LISTENS, "hardware.usb.*")
        for round_ in range(2):
            await vm.plug_stick(stick(("vfat", "SEED"), name=f"stick{round_}"), serial="0001")
            # The file system of the mount below /mnt is not for all to see: an admin is told where.
            placed = await here.event("mount.placed", where="/mnt/stick")
            assert (placed["source"], placed["fs_label"], placed["ours"]) == ("/dev/sda1", "SEED", True)
            await vm.unplug()
            gone = await here.event("mount.unmounted", id=placed["id"])
            assert gone["reason"] in ("pulled", "asked")
            assert await here.mounts() == []


async def test_a_stick_that_does_not_answer_holds_up_no_other(machine: Boot, stick: Callable[..., Path]) -> None:
    async with machine() as vm, mounting(vm) as here:
        await vm.qmp.execute("object-add", {"qom-type": "throttle-group", "id": "slow"})
        file = {"driver": "raw", "file": {"driver": "file", "filename": str(stick(("ext4", "DYING"), name="dying"))}}
        throttled = {"driver": "throttle", "node-name": "dying", "throttle-group": "slow", "file": file}
        await vm.qmp.execute("blockdev-add", throttled)
        await vm.plug("usb-storage", name="dying", drive="dying", bus="usb.0")
        dying = await here.event("hardware.block.add", devtype="partition", fs_label="DYING")
        # One byte an hour: the read that is under way when the first page has come never ends.
        limit = {"path": "/objects/slow", "property": "limits", "value": {"bps-total": 1}}
        await vm.qmp.execute("qom-set", limit)
        await vm.shell("echo 3 > /proc/sys/vm/drop_caches")
        given_s = 3
        for _ in range(2):
            # Enough to have begun with it, on a slow machine as well.
            while "being mounted" not in (late := await _late(here, dying["id"], given_s)):
                given_s *= 2
            assert late == f"after {given_s} s /dev/sda1 is still being mounted"
        await vm.plug_stick(stick(("vfat", "FINE")), serial="0002")
        other = await here.event("hardware.block.add", devtype="partition", fs_label="FINE")
        done = await here.request("mount.mount", device=other["usb"], timeout_ms=100_000)
        assert "error" not in done, done
        assert done["where"] == "/media/FINE"


async def _late(here: Mounting, device: str, given_s: int) -> str:
    """Why a mount of this device does not come within so many seconds."""
    error = (await here.request("mount.mount", device=device, timeout_ms=given_s * 1000))["error"]
    assert error["code"] == 504, error
    message: str = error["message"]
    return message
