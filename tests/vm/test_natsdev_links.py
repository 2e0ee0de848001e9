"""The names of links against udev's own: its builtins look at the same devices, on a machine where no udevd runs."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lunix_testing.vm import Boot, GuestFile, Machine, Process

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600), pytest.mark.requires("program:udevadm")]

MIB = 1 << 20
DEVICES = ("block/sda", "block/sdb", "block/sdb1", "block/nvme0n1", "block/vda", "tty/ttyUSB0")
_NAMES = """
import json, os, sys
from lunix_natsdev.manage.link_names import names
from lunix_natsdev.manage.os_ancestors import chain

devpaths = {name: os.path.realpath(f"/sys/class/{name}").removeprefix("/sys") for name in sys.argv[1:]}
print(json.dumps({name: names(chain(devpath.encode()), None) for name, devpath in devpaths.items()}))
"""


@pytest.fixture
def udevadm() -> dict[str, GuestFile]:
    """The host's udevadm with its libraries and their loader, for a guest that has none."""
    program = shutil.which("udevadm") or ""
    linked = subprocess.run(("ldd", program), capture_output=True, text=True, check=True).stdout
    paths = [Path(word) for word in linked.split() if word.startswith("/")]
    files = {f"/opt/udev/lib/{path.name}": GuestFile(path.read_bytes(), 0o755) for path in paths}
    return files | {"/opt/udev/udevadm": GuestFile(Path(program).read_bytes(), 0o755)}


@pytest.fixture
def disks(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / name for name in ("stick", "ata", "nvme")}
    for path in paths.values():
        with path.open("wb") as file:
            file.truncate(32 * MIB)
    subprocess.run(("sfdisk", "-q", str(paths["stick"])), input="label: gpt\n,4M\n", text=True, check=True)
    return paths


async def udev_says(vm: Machine, loader: str, builtin: str, device: str) -> dict[str, str]:
    command = (loader, "--library-path", "/opt/udev/lib", "/opt/udev/udevadm", "test-builtin", builtin)
    said = await vm.run(*command, f"/sys/class/{device}", check=False)
    return dict(line.split("=", 1) for line in said.stdout.splitlines() if line.startswith("ID_"))


async def _appear(events: Process, *names: str) -> None:
    """Wait until these device nodes are there, in whatever order they come."""
    wanted = set(names)
    while wanted:
        wanted.discard(json.loads(await events.line()).get("DEVNAME", ""))


async def test_links_are_called_as_udev_calls_them(
    machine: Boot, udevadm: dict[str, GuestFile], disks: dict[str, Path]
) -> None:
    loader = next(path for path in udevadm if "/ld-" in path)
    devices = (
        *("-device", "ahci,id=ahci", "-drive", f"if=none,id=ata,file={disks['ata']},format=raw"),
        *("-device", "ide-hd,drive=ata,bus=ahci.0,serial=ATA 123"),
        *("-drive", f"if=none,id=nvme,file={disks['nvme']},format=raw", "-device", "nvme,drive=nvme,serial=NV 1"),
    )
    async with machine(files=udevadm, memory=384, devices=devices) as vm, vm.uevents() as events:
        await vm.run("modprobe", "-a", "ahci", "sd_mod", "nvme", "xhci_pci", "usb_storage", "ftdi_sio")
        await _appear(events, "sda", "nvme0n1")
        await vm.plug_stick(disks["stick"], serial="my serial/1")
        await vm.qmp.execute("chardev-add", {"id": "line", "backend": {"type": "null", "data": {}}})
        serial = {"chardev": "line", "serial": "A1B2", "always-plugged": True}
        await vm.plug("usb-serial", name="adapter", bus="usb.0", **serial)
        await _appear(events, "sdb1", "ttyUSB0")
        ours = json.loads(await vm.python(_NAMES, *DEVICES))
        for device in DEVICES:
            path = (await udev_says(vm, loader, "path_id", device))["ID_PATH"]
            suffix = {"block/sdb1": "-part1", "tty/ttyUSB0": "-port0"}.get(device, "")
            folder = "serial" if device.startswith("tty") else "disk"
            assert f"{folder}/by-path/{path}{suffix}" in ours[device]
        for device, suffix in (("block/sdb", ""), ("block/sdb1", "-part1"), ("tty/ttyUSB0", "-if00-port0")):
            serial_name = (await udev_says(vm, loader, "usb_id", device))["ID_SERIAL"]
            folder = "serial" if device.startswith("tty") else "disk"
            assert f"{folder}/by-id/usb-{serial_name}{suffix}" in ours[device]
        assert "disk/by-id/ata-QEMU_HARDDISK_ATA_123" in ours["block/sda"]
        assert "disk/by-id/nvme-QEMU_NVMe_Ctrl_NV_1" in ours["block/nvme0n1"]
