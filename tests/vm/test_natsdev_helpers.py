"""What natsdev starts on a real kernel: a probe that cannot be killed, and modprobe; in the machine of all tests."""

import pytest

from lunix_testing.vm import Machine

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="session")]

_HANGING = """
import asyncio, pathlib, time
from lunix_natsdev.os_spawn import Helpers

freezer = pathlib.Path("/tmp/freezer")
state = freezer / "disk/freezer.state"

async def main():
    helpers = Helpers(1)
    # A child begins in the cgroup of its parent, who then leaves. Nothing is awaited meanwhile: no deadline passes.
    (freezer / "disk/cgroup.procs").write_text("0")
    hanging = asyncio.create_task(helpers.run(["/bin/sleep", "1000"], timeout_s=0.1, key="disk"))
    await asyncio.sleep(0)
    (freezer / "cgroup.procs").write_text("0")
    state.write_text("FROZEN")
    while "FROZEN" not in state.read_text():
        time.sleep(0.01)
    end = await hanging
    assert (end.code, end.abandoned, [*helpers.abandoned]) == (None, True, ["disk"]), end
    # Its slot is free for others, but the device is not tried again.
    assert (await helpers.run(["/bin/true"], timeout_s=60, key="other")).code == 0
    assert (await helpers.run(["/bin/true"], timeout_s=60, key="disk")).abandoned
    state.write_text("THAWED")
    async with asyncio.timeout(120):
        while helpers.abandoned:
            await asyncio.sleep(0.01)
    assert (await helpers.run(["/bin/true"], timeout_s=60, key="disk")).code == 0
    print("abandoned and reaped")

asyncio.run(main())
"""


async def test_a_probe_that_cannot_even_be_killed_is_left_behind_and_reaped_later(shared_machine: Machine) -> None:
    # A frozen process is like one that hangs in a driver: SIGKILL waits until it goes on.
    folder = "/tmp/freezer"
    await shared_machine.shell(f"mkdir {folder}; mount -t cgroup -o freezer none {folder}; mkdir {folder}/disk")
    assert await shared_machine.python(_HANGING) == "abandoned and reaped\n"
    await shared_machine.shell(f"rmdir {folder}/disk; umount {folder}")


_LOAD = """
import asyncio, logging, sys
from lunix_natsdev.manage.modalias import Modules

async def main():
    modules = Modules(logging.getLogger(), program=sys.argv[1], workers=1)
    task = asyncio.create_task(modules.run())
    for alias in ("no:such:alias", "usb:v0781p5581d0100dc00dsc00dp00ic08isc06ip50in00"):
        modules.want(alias)
    await modules.idle()
    task.cancel()

asyncio.run(main())
"""


@pytest.mark.parametrize("program", ["/sbin/modprobe", "/tmp/modprobe"])
async def test_drivers_are_loaded_by_kmod_and_by_busybox(shared_machine: Machine, program: str) -> None:
    loaded = "cut -d' ' -f1 /proc/modules"
    await shared_machine.shell("ln -sf /bin/busybox /tmp/modprobe; modprobe -r uas usb_storage || true")
    assert "usb_storage" not in await shared_machine.shell(loaded)
    await shared_machine.python(_LOAD, program)
    assert "usb_storage" in await shared_machine.shell(loaded)
