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

The guest. ``/opt/lunix`` is a virtual environment with this interpreter, the project's run-time dependencies
(nats-server too) and the tree's packages and programs as they are now; ``/usr/share/lunix/units`` is
``init/units``. Beside it: busybox, kmod, blkid, mkfs and fsck for ext4 and vfat, usb.ids and pci.ids. ``uid`` 1000
is ``user``. What is written is lost at the end. Modules beyond the boot's: ``IMAGE_MODULES`` in ``modules.py``,
which is where a missing one is added.

Init. ``AGENT_INIT`` mounts proc, sys, dev, run, tmp and cgroup2, brings ``lo`` up, reaps, and leaves devices and
modules alone. Any other ``init=`` is started on a bare root, as after an initramfs: no mount but ``/``. The agent
behind ``run`` and ``start`` then runs already as a child of PID 1, and works whatever that init does; what the init
itself writes is on the console: ``await vm.console.wait_for("lunix-init: ready")``. Units and configuration come
with ``files={"/etc/lunix/units/a.toml": text}``.

Waiting. Everything that waits takes ``within`` (seconds) and says on failure what was there instead; the console's
end is a note of whatever exception leaves the ``async with``. The whole console is in ``console.log`` of the test's
``tmp_path``. ``vm.uevents()`` watches the kernel; ``vm.qmp.event("WATCHDOG")`` waits for QEMU. A reboot, a panic or
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
