"""Virtual machines for tests: a real Debian kernel in QEMU, without KVM, network or root.

A test in ten lines (``machine`` and ``vm_image`` are fixtures of ``tests/vm/conftest.py``)::

    pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

    async def test_a_stick_is_seen(machine: Boot, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        disk.write_bytes(bytes(8 << 20))
        async with machine(dev="tmpfs") as vm:  # boots in about 3 s; see Machine for all options
            await vm.shell("modprobe -a xhci_pci usb_storage sd_mod")  # nothing is loaded but what the boot needs
            async with vm.start("natsdev", "--manage", "--ready-fd", "1") as natsdev:
                await natsdev.line()  # the next line of its output, with a deadline
                await vm.plug_stick(disk, serial="0001")  # QEMU's monitor is at vm.qmp
                ...
                assert (await vm.run("cat", "/sys/block/sda/size")).stdout == "16384\\n"

Sharing. A boot costs seconds, each program that a guest starts tenths of one. So what leaves nothing behind runs in the
one machine of the whole run (``AGENT_INIT``, 384 MB, devtmpfs, no unit and no daemon), in the loop of the run::

    @pytest.mark.asyncio(loop_scope="session")  # or in the module's pytestmark
    async def test_a_link_of_a_bridge_is_told(shared_machine: Machine) -> None:
        async with shared_machine.start("unshare", "--net", "--mount", "sh", "-c", ...) as ...

Take what you make away again: interfaces, mounts, sticks (``unplug``), loaded test modules; ``unshare`` and the ends of
``start`` contexts do most of it. Daemons and their bus run only while a test does, each on a port of its own. A machine
that a test has ended (``ended``) is booted anew for the next. Whatever needs another init, memory, device or kernel
word takes ``machine``; several facts about one such boot belong into one test, or into a machine of the module: a
fixture ``scope="module", loop_scope="module"`` that yields it, and ``asyncio(loop_scope="module")`` on its tests.

The guest. ``/opt/lunix`` is a virtual environment with this interpreter, the project's run-time dependencies
(nats-server too) and the tree's packages and programs as they are now; ``/usr/share/lunix/units`` is
``init/units``. Beside it: busybox, kmod, blkid, mkfs and fsck for ext4 and vfat, usb.ids and pci.ids. ``uid`` 1000
is ``user``. What is written is lost at the end. Modules beyond the boot's: ``IMAGE_MODULES`` in ``modules.py``,
which is where a missing one is added.

Init. ``AGENT_INIT`` mounts proc, sys, dev, run, tmp and cgroup2, brings ``lo`` up, reaps, and leaves devices and
modules alone. Any other ``init=`` is started on a bare root, as after an initramfs: no mount but ``/``. The agent
behind ``run`` and ``start`` then runs already as a child of PID 1, and works whatever that init does; what the init
itself writes is on the console: ``await vm.console.wait_for("lunix-init: ready")``. Units and configuration come
with ``files={"/etc/lunix/units/a.toml": text}``; ``lunix_testing.vm.init`` asks lunix-init and waits for its services.

Waiting. Everything that waits takes ``within`` (seconds) and says on failure what was there instead. What each program
said last, and the console's end, are notes of whatever exception leaves their ``async with``; what the programs of a
fixture said is a section of the report. The whole console is in ``console.log`` of the test's ``tmp_path``.
``vm.uevents()`` watches the kernel; ``vm.qmp.event("WATCHDOG")`` waits for QEMU. A reboot, a panic or
``poweroff`` ends QEMU: ``vm.wait_end()``.

The cache. ``.cache/vm`` (or ``$LUNIX_CACHE/vm``) holds Debian's packages, downloaded by apt and unpacked there, and
the image in layers keyed by content, so that a changed line of the project costs less than a second.

The host needs: qemu-system-x86, squashfs-tools, kmod, util-linux, dosfstools, e2fsprogs, and apt with a source of
Debian's.
"""

from lunix_testing.vm.channel import CommandError, Completed, GuestError, MachineEndedError, Process
from lunix_testing.vm.image import Image, build_image
from lunix_testing.vm.machine import AGENT_INIT, Boot, GuestFile, Machine
from lunix_testing.vm.qmp import QmpError

__all__ = [
    "AGENT_INIT",
    "Boot",
    "CommandError",
    "Completed",
    "GuestError",
    "GuestFile",
    "Image",
    "Machine",
    "MachineEndedError",
    "Process",
    "QmpError",
    "build_image",
]
