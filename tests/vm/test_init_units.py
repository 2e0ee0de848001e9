"""The units that come with lunix for a machine, under lunix-init as ``init=`` of a real kernel, over two boots."""

import contextlib
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.tree import ROOT
from lunix_testing.vm import Boot, GuestFile, MachineEndedError
from lunix_testing.vm.init import INIT, ask, patient, until, until_line

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]
# As every system with busybox's DHCP client has one: it does what the client was told.
DHCP_SCRIPT = """#!/bin/sh
case $1 in
  deconfig) ip link set "$interface" up ;;
  bound) ip address add "$ip/$mask" dev "$interface"; echo "has $ip" ;;
esac
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An empty ext4."""
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(("mkfs.ext4", "-q", path), check=True)
    return path


def was_unmounted(disk: Path) -> bool:
    told = subprocess.run(("dumpe2fs", "-h", disk), capture_output=True, text=True, check=True).stdout
    return "Filesystem state:         clean" in told and "needs_recovery" not in told


def system_units(disk: Path) -> dict[str, Any]:
    """The units that come with lunix for a machine, on one that has a disk and a network card."""
    files: dict[str, Any] = {
        f"/etc/lunix/units/{path.name}": patient(path.read_text())
        for path in (ROOT / "init/units/system").glob("*.toml")
    }
    files |= {"/etc/fstab": "/dev/vdc /var ext4 defaults 0 2\n", "/etc/modules": "# the card\nvirtio_net\n"}
    files["/etc/udhcpc/default.script"] = GuestFile(DHCP_SCRIPT, 0o755)
    drive = ("-drive", f"file={disk},format=raw,if=virtio", "-netdev", "user,id=net")
    path = "lunix.env.PATH=/opt/lunix/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"init": INIT, "append": path, "files": files, "devices": (*drive, "-device", "virtio-net-pci,netdev=net")}


async def test_a_machines_own_units_mount_log_and_keep_the_seed_and_the_clock_over_boots(
    machine: Boot, disk: Path
) -> None:
    options = system_units(disk)
    for boot in ("first", "second"):
        # The second finds a clock without a battery.
        clock = ("-rtc", "base=2001-01-01T00:00:00") if boot == "second" else ()
        async with machine(**options | {"devices": (*options["devices"], *clock)}) as vm:
            await vm.console.wait_for("units changed")
            for name in ("keep", "logger", "console", "dhcp"):
                await until(vm, name, "up")
            for name in ("fsck", "mounts", "modules"):
                assert (await until(vm, name, "done", "failed"))["state"] == "done", name
            assert "/dev/vdc /var ext4 rw" in await vm.shell("cat /proc/mounts")
            await until_line(vm, "dhcp", "has 10.0.2.15")
            assert "inet 10.0.2.15/24" in await vm.shell("ip address show eth0")
            said = (await ask(vm, "logs", name="keep"))["lines"][0]["text"]
            assert said.startswith("seed absent" if boot == "first" else "seed loaded, clock raised by ")
            assert int(await vm.shell("date +%Y")) > 2024
            # The logger writes down what others say a moment after they have said it.
            written = f"grep -qF '{said}' /var/log/lunix/keep.log"
            log = await vm.shell(f"until {written}; do usleep 20000; done; cat /var/log/lunix/keep.log")
            assert log.count("seed absent") == 1
            assert log.count("seed loaded") == (boot == "second")
            with contextlib.suppress(MachineEndedError):
                await ask(vm, "poweroff")
            await vm.wait_end()
            await vm.console.wait_for("reboot: Power down")
        assert was_unmounted(disk)
