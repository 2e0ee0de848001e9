"""lunix-mount and real sticks on a booted Debian kernel: vfat, partitions, and what people do with them."""

import json
import subprocess
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.tree import ROOT
from lunix_testing.vm import Boot, Machine, Process

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

_BUS = "nats://127.0.0.1:4222"
MIB = 1 << 20
_SUBSCRIBER = """
import asyncio, json, sys
import nats

async def main():
    bus = await nats.connect("nats://127.0.0.1:4222")

    async def show(message):
        if message.headers:
            print(json.dumps({"subject": message.subject, "event": json.loads(message.data)}), flush=True)

    for subject in ("hardware.>", "mount.>"):
        await bus.subscribe(subject, cb=show)
    await bus.flush()
    print("subscribed", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
_REQUEST = """
import asyncio, sys
import nats

async def main():
    bus = await nats.connect("nats://127.0.0.1:4222")
    answer = await bus.request(sys.argv[1], sys.argv[2].encode(), timeout=120)
    print(answer.data.decode())
    await bus.close()

asyncio.run(main())
"""
# Nothing tells when a script listens, but the server's own list.
_LISTENS = """
import sys, time, urllib.request

while sys.argv[1] not in urllib.request.urlopen("http://127.0.0.1:8222/connz?subs=1").read().decode():
    time.sleep(0.05)
"""
AUTOMOUNT = {"/etc/lunix/lunix.toml": '[mount]\nautomount = true\nuid = 1000\ngid = "user"\numask = "0077"\n'}


@dataclass
class Mounting:
    """A machine with a bus, natsdev, lunix-mount and a subscriber."""

    vm: Machine
    events: Process
    daemon: Process

    async def event(self, subject: str, within: float = 60, **wanted: object) -> dict[str, Any]:
        """The next event of this subject with these fields."""

        def matches(line: str) -> bool:
            seen: dict[str, Any] = json.loads(line)
            return bool(seen["subject"] == subject and wanted.items() <= seen["event"].items())

        event: dict[str, Any] = json.loads(await self.events.line(matches, within=within))["event"]
        return event

    async def request(self, subject: str, **payload: object) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(await self.vm.python(_REQUEST, subject, json.dumps(payload), within=150))
        return answer

    async def mounts(self) -> list[str]:
        """What is mounted below /media and /mnt."""
        points = await self.vm.shell("cut -d' ' -f2 /proc/mounts")
        return [point for point in points.splitlines() if point.startswith(("/media/", "/mnt/"))]


@asynccontextmanager
async def mounting(vm: Machine, *arguments: str) -> AsyncGenerator[Mounting]:
    await vm.run("modprobe", "-a", "xhci_pci", "usb_storage", "sd_mod")
    server = vm.start("sh", "-c", "exec nats-server -a 127.0.0.1 -p 4222 -m 8222 2>&1")
    common = f"--bus {_BUS} --trust-bus --ready-fd 1"
    async with server as bus:
        await bus.line(lambda line: "Server is ready" in line)
        async with vm.start("python3", "-c", _SUBSCRIBER) as events:
            await events.line(lambda line: line == "subscribed", within=60)
            natsdev = vm.start("sh", "-c", f"exec natsdev --manage --source kernel {common}")
            daemon = vm.start("sh", "-c", f"exec lunix-mount {common} {' '.join(arguments)} 2>&1")
            async with natsdev as first, daemon as second:
                await first.line(lambda line: line == "", within=120)
                await second.line(lambda line: "the devices are known" in line, within=120)
                yield Mounting(vm, events, second)


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
async def test_a_stick_is_mounted_by_itself_for_its_owner(machine: Boot, stick: Callable[..., Path], kind: str) -> None:
    async with machine(files=AUTOMOUNT) as vm, mounting(vm) as here:
        await vm.plug_stick(stick((kind, "HOLIDAY")), serial="0001", removable=True)
        told = await here.event("mount.mounted")
        assert (told["where"], told["fs_type"], told["fs_label"], told["ours"]) == (
            "/media/HOLIDAY",
            kind,
            "HOLIDAY",
            True,
        )
        assert (told["removable"], told["usb"] is not None) == (True, True)
        await vm.run("sh", "-c", "echo hello > /media/HOLIDAY/file", user=(1000, 1000))
        assert (await vm.shell("stat -c '%u %g %a' /media/HOLIDAY/file")) == "1000 1000 700\n"
        gone = await here.request("mount.unmount", where="/media/HOLIDAY")
        assert [one["id"] for one in gone["unmounted"]] == [told["id"]]
        assert (await vm.shell("ls /media")) == ""
        await vm.unplug()
        assert (await here.event("hardware.block.remove", devtype="partition"))["fs_label"] == "HOLIDAY"


async def test_a_stick_that_is_pulled_is_unmounted_and_told_though_it_is_in_use(
    machine: Boot, stick: Callable[..., Path]
) -> None:
    async with machine(files=AUTOMOUNT) as vm, mounting(vm) as here:
        for _ in range(2):
            await vm.plug_stick(stick(("vfat", "HOLIDAY")), serial="0001")
            told = await here.event("mount.mounted", where="/media/HOLIDAY")
            async with vm.start("sh", "-c", "cd /media/HOLIDAY; echo in; sleep 1000") as user:
                await user.line()
                await vm.unplug()
                gone = await here.event("mount.unmounted", id=told["id"])
                assert (gone["reason"], gone["where"]) == ("pulled", "/media/HOLIDAY")
                assert await here.mounts() == []
                answer = await here.request("mount.unmount", device=told["usb"])
                assert [one["id"] for one in answer["unmounted"]] == [told["id"]]
            await here.daemon.line(lambda line: "a mount point was removed" in line)
            assert (await vm.shell("ls /media")) == ""


async def test_two_sticks_with_one_label_and_one_with_partitions(machine: Boot, stick: Callable[..., Path]) -> None:
    async with machine(files=AUTOMOUNT) as vm, mounting(vm) as here:
        await vm.plug_stick(stick(("vfat", "SAME"), name="one"), name="one", serial="0001")
        first = await here.event("mount.mounted")
        await vm.plug_stick(stick(("vfat", "SAME"), ("ext4", "../../etc"), name="two"), name="two", serial="0002")
        others = [await here.event("mount.mounted") for _ in range(2)]
        assert first["where"] == "/media/SAME"
        assert {other["where"] for other in others} == {"/media/SAME-2", "/media/%2E.%2F..%2Fetc"}
        assert len({other["usb"] for other in others}) == 1
        await vm.unplug("one")
        assert (await here.event("mount.unmounted"))["id"] == first["id"]
        gone = await here.request("mount.unmount", device=others[0]["usb"])
        assert len(gone["unmounted"]) == 2
        assert await here.mounts() == []


async def test_the_first_partition_is_meant_by_the_id_of_the_stick(machine: Boot, stick: Callable[..., Path]) -> None:
    async with machine() as vm, mounting(vm) as here:
        await vm.plug_stick(stick(("ext4", "FIRST"), ("vfat", "SECOND")), serial="0001")
        usb = await here.event("hardware.usb.add")
        done = await here.request("mount.mount", device=usb["id"], where="/myplace", timeout_ms=100_000)
        assert "error" not in done, done
        assert (done["where"], done["source"], done["fs_label"], done["usb"]) == (
            "/myplace",
            "/dev/sda1",
            "FIRST",
            usb["id"],
        )
        await vm.unplug()
        assert (await here.event("mount.unmounted", id=done["id"]))["reason"] == "pulled"


@pytest.mark.parametrize("example", ["examples/python/automount.py", "examples/shell/automount.sh"])
async def test_the_example_mounts_what_is_plugged_and_unmounts_what_is_pulled(
    machine: Boot, stick: Callable[..., Path], example: str
) -> None:
    program = (ROOT / example).read_text(encoding="utf-8")
    environment = {"NATS_URL": _BUS, "LUNIX_BUS": _BUS}
    async with machine(files={"/root/example": program}) as vm, mounting(vm) as here:
        await vm.shell("mkdir -p /mnt")
        # A bus that knows no identities is asked without one.
        await vm.shell("sed -i 's/, nkeys_seed=os.environ\\[\"NATS_NKEY\"\\]//' /root/example")
        interpreter = "python3" if example.endswith(".py") else "sh"
        async with vm.start(interpreter, "/root/example", env=environment):
            await vm.python(_LISTENS, "hardware.usb.*")
            for round_ in range(2):
                await vm.plug_stick(stick(("vfat", "SEED"), name=f"stick{round_}"), serial="0001")
                # The file system of the mount below /mnt is not for all to see: an admin is told where.
                placed = await here.event("mount.placed", within=120, where="/mnt/stick")
                assert (placed["source"], placed["fs_label"], placed["ours"]) == ("/dev/sda1", "SEED", True)
                await vm.unplug()
                gone = await here.event("mount.unmounted", id=placed["id"])
                assert gone["reason"] in ("pulled", "asked")
                assert await here.mounts() == []


async def test_a_disc_image_on_a_stick_is_one_volume_and_read_only(machine: Boot, tmp_path: Path) -> None:
    disc = iso9660(tmp_path, "MY_DISC", {"a file": "what is in it"})
    async with machine(files=AUTOMOUNT) as vm, mounting(vm) as here:
        await vm.plug_stick(disc, serial="0001")
        told = await here.event("mount.mounted")
        assert (told["where"], told["fs_type"], told["read_only"]) == ("/media/MY_DISC", "iso9660", True)
        assert (await vm.shell("cat '/media/MY_DISC/a file'")) == "what is in it"


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
        for _ in range(2):
            late = await here.request("mount.mount", device=dying["id"], timeout_ms=3000)
            assert late["error"] == {"code": 504, "message": "/dev/sda1 is still being mounted after 3000 ms"}
        await vm.plug_stick(stick(("vfat", "FINE")), serial="0002")
        other = await here.event("hardware.block.add", devtype="partition", fs_label="FINE")
        done = await here.request("mount.mount", device=other["usb"], timeout_ms=100_000)
        assert "error" not in done, done
        assert done["where"] == "/media/FINE"
