"""The virtual machine itself: what tests of device management and of an init as PID 1 rely on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from lunix_testing.vm import (
    Boot,
    CommandError,
    GuestError,
    GuestFile,
    Image,
    Machine,
    MachineEndedError,
)

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]
_shared = pytest.mark.asyncio(loop_scope="session")

_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
_STICK_MODULES = "modprobe -a xhci_pci usb_storage sd_mod"
_BUS_CLIENT = """
import asyncio, nats, nkeys, pydantic
async def main():
    bus = await nats.connect("nats://127.0.0.1:4222", connect_timeout=120)
    inbox = await bus.subscribe("a")
    await bus.publish("a", b"through the real server")
    print((await inbox.next_msg(120)).data.decode())
    await bus.close()
asyncio.run(main())
"""
_WAIT_FOR_END = """
import os, select, sys
process = os.pidfd_open(int(sys.argv[1]))
print("watching", flush=True)
select.select([process], [], [])
"""
_BARE_INIT = """#!/bin/sh
exec 2>&1
echo "own init: pid $$, in / $(echo /proc/* /sys/* /dev/pts/*)"
read word
echo "own init heard: $word"
mount -t proc proc /proc
read word
exec /bin/busybox poweroff -f
"""


def _event(**wanted: str) -> Callable[[str], bool]:
    """Whether a line of the uevent watch has these properties."""
    return lambda line: wanted.items() <= json.loads(line).items()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    disk = tmp_path / "stick.img"
    disk.write_bytes(bytes(16 << 20))
    subprocess.run(["mkfs.vfat", "-n", "HOLIDAY", disk], check=True, capture_output=True)
    return disk


@_shared
async def test_a_command_in_the_guest_has_its_exit_code_and_both_outputs(
    shared_machine: Machine, vm_image: Image
) -> None:
    completed = await shared_machine.run("sh", "-c", "uname -r; cat >&2; exit 3", input=b"to the end", check=False)
    assert (completed.rc, completed.stdout, completed.stderr) == (3, f"{vm_image.release}\n", "to the end")


@_shared
async def test_a_command_that_fails_or_does_not_exist_raises_with_the_reason(shared_machine: Machine) -> None:
    with pytest.raises(CommandError, match="No such file"):
        await shared_machine.run("ls", "/nowhere")
    with pytest.raises(GuestError, match="errno 2 for '/nowhere'"):
        await shared_machine.run("/nowhere")


@_shared
async def test_a_megabyte_goes_through_a_guest_program_unharmed(shared_machine: Machine) -> None:
    text = "".join(f"{number:07}\n" for number in range(1 << 17))
    assert (await shared_machine.run("cat", input=text.encode())).stdout == text


@_shared
async def test_a_program_past_its_deadline_is_told_with_what_it_said(shared_machine: Machine) -> None:
    with pytest.raises(TimeoutError, match="still here"):
        await shared_machine.run("sh", "-c", "echo still here; exec sleep 1000", within=2)


@_shared
async def test_a_program_is_killed_at_the_end_of_its_context(shared_machine: Machine) -> None:
    async with AsyncExitStack() as stack:
        sleep = await stack.enter_async_context(shared_machine.start("sleep", "1000"))
        async with shared_machine.start("python3", "-c", _WAIT_FOR_END, str(sleep.pid)) as watch:
            await watch.line()
            await stack.aclose()
            assert (await watch.wait()).rc == 0


@_shared
async def test_a_program_can_run_as_an_ordinary_user(shared_machine: Machine) -> None:
    assert (await shared_machine.run("id", "-u", user=(1000, 1000))).stdout == "1000\n"


@_shared
async def test_the_projects_dependencies_work_in_the_guest(shared_machine: Machine) -> None:
    async with shared_machine.start("sh", "-c", "exec nats-server -a 127.0.0.1 -p 4222 2>&1") as server:
        await server.line(lambda line: "Server is ready" in line)
        assert await shared_machine.python(_BUS_CLIENT) == "through the real server\n"


@_shared
async def test_the_trees_packages_can_be_imported_in_the_guest(shared_machine: Machine) -> None:
    expected = f"/opt/lunix/lib/{_PYTHON}/site-packages/lunix_common/__init__.py\n"
    assert await shared_machine.python("import lunix_common; print(lunix_common.__file__)") == expected


async def test_a_stick_comes_and_goes_by_uevents(machine: Boot, stick: Path) -> None:
    async with machine() as vm, vm.uevents() as events:
        await vm.shell(_STICK_MODULES)
        await vm.plug_stick(stick, serial="0001", removable=True)
        await events.line(_event(ACTION="add", DEVTYPE="usb_device", SUBSYSTEM="usb"))
        added = json.loads(await events.line(_event(ACTION="add", SUBSYSTEM="block", DEVTYPE="disk")))
        assert added["DEVNAME"] == "sda"
        await vm.shell("modprobe vfat; mkdir /mnt/stick; mount -t vfat /dev/sda /mnt/stick; umount /mnt/stick")
        assert 'LABEL="HOLIDAY"' in await vm.shell("blkid -p /dev/sda")
        await vm.unplug()
        removed = json.loads(await events.line(_event(ACTION="remove", SUBSYSTEM="block")))
        assert removed["DEVPATH"] == added["DEVPATH"]
        assert not (await vm.shell("ls /sys/block/")).count("sda")


async def test_other_devices_can_be_plugged_too(machine: Boot) -> None:
    async with machine() as vm, vm.uevents() as events:
        await vm.shell("modprobe -a xhci_pci")
        await vm.plug("usb-kbd", name="keyboard", bus="usb.0")
        await events.line(_event(ACTION="add", DEVTYPE="usb_interface", INTERFACE="3/1/1"))
        await vm.plug("virtio-net-pci", name="card", bus="pci")
        await events.line(_event(ACTION="add", SUBSYSTEM="pci", PCI_ID="1AF4:1041"))


async def test_the_device_folder_can_be_one_that_nobody_fills(machine: Boot, stick: Path) -> None:
    async with machine(dev="tmpfs") as vm, vm.uevents() as events:
        await vm.shell(_STICK_MODULES)
        await vm.plug_stick(stick)
        await events.line(_event(ACTION="add", SUBSYSTEM="block"))
        assert await vm.shell("test -e /sys/block/sda; test ! -e /dev/sda; ls -d /dev/null") == "/dev/null\n"


async def test_the_machine_powers_off_by_itself(machine: Boot) -> None:
    async with machine() as vm:
        assert await vm.poweroff() == 0
        assert (await vm.qmp.event("SHUTDOWN"))["reason"] == "guest-shutdown"
        with pytest.raises(MachineEndedError):
            await vm.run("true")


async def test_another_init_finds_a_bare_root_its_files_and_the_agent(machine: Boot) -> None:
    files = {"/opt/own/init": GuestFile(_BARE_INIT, 0o755), "/etc/own.toml": "[own]\n"}
    async with machine(init="/opt/own/init", files=files) as vm:
        await vm.console.wait_for(r"own init: pid 1, in / /proc/\* /sys/\* /dev/pts/\*")
        await vm.console.write("hello\n")
        await vm.console.wait_for("own init heard: hello")
        assert (await vm.run("cat", "/etc/own.toml")).stdout == "[own]\n"
        assert (await vm.shell("cat /proc/mounts")).count("\n") == 2
        await vm.console.write("go\n")
        assert await vm.wait_end() == 0


async def test_a_root_can_be_read_only(machine: Boot) -> None:
    async with machine(root="ro", files={"/etc/here": "from the start"}) as vm:
        assert "Read-only file system" in (await vm.run("touch", "/etc/there", check=False)).stderr
        assert (await vm.run("cat", "/etc/here")).stdout == "from the start"


async def test_a_panic_is_told_with_the_consoles_last_lines(machine: Boot) -> None:
    with pytest.raises(MachineEndedError) as caught:
        async with machine(init="/opt/nothing") as vm:
            await vm.run("sleep", "1000")
    assert "Kernel panic" in "".join(caught.value.__notes__)


async def test_the_hardware_watchdog_ends_a_machine_that_does_not_feed_it(machine: Boot) -> None:
    async with machine(devices=("-device", "i6300esb", "-action", "watchdog=poweroff")) as vm:
        await vm.shell("modprobe i6300esb heartbeat=2")
        # The machine may be gone before the agent could say that the program runs.
        with suppress(MachineEndedError):
            async with vm.start("sh", "-c", "exec 3>/dev/watchdog; exec sleep 1000"):
                await vm.wait_end()
        assert (await vm.qmp.event("WATCHDOG"))["action"] == "poweroff"


async def test_no_emulator_is_left_behind(machine: Boot) -> None:
    async with machine() as vm:
        emulator = os.pidfd_open(vm.pid)
        signal.pidfd_send_signal(emulator, 0)
    with pytest.raises(ProcessLookupError):
        signal.pidfd_send_signal(emulator, 0)
    os.close(emulator)
