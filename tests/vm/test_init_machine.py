"""lunix-init as ``init=`` of a real kernel."""

import contextlib

import pytest

from lunix_testing.vm import Boot, MachineEndedError
from lunix_testing.vm.init import INIT, PYTHON, ask, until

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]
GREEDY = f"""
exec = ["{PYTHON}", "-c", "x = []; print('eats', flush=True)\\nwhile True: x.append(bytearray(1 << 20))"]
restart = "never"
[limits]
memory = "40M"
"""
UNITS = {
    "/etc/lunix/units/look.toml": """
exec = ["sh", "-c", "hostname; cat /sys/class/net/lo/flags; grep -c cgroup2 /proc/mounts; echo $PPID"]
kind = "oneshot"
""",
    "/etc/lunix/units/steady.toml": 'exec = ["sleep", "100000"]\nneeds = ["look"]\n',
    "/etc/lunix/units/greedy.toml": GREEDY,
}


async def test_a_machine_boots_limits_memory_tells_an_oom_kill_and_powers_off(machine: Boot) -> None:
    async with machine(init=INIT, append="lunix.hostname=vmbox", files=UNITS) as vm:
        await vm.console.wait_for("ready")
        await until(vm, "steady", "up")
        lines = [line["text"] for line in (await ask(vm, "logs", name="look"))["lines"]]
        assert lines[0] == "vmbox"
        assert lines[1] in ("0x9", "0x49")
        assert lines[2:] == ["1", "1"]
        told = (await until(vm, "greedy", "failed"))["last_exit"]
        assert (told["cause"], told["signal"], told["oom"]) == ("oom", "SIGKILL", True)
        assert 30 << 20 < told["memory_peak_bytes"] <= 41 << 20
        usage = await ask(vm, "usage", name="steady")
        assert usage["memory_bytes"] > 0
        assert (await ask(vm, "status"))["pid"] == 1
        await ask(vm, "reexec")
        assert (await until(vm, "steady", "up"))["starts"] == 1
        # The answer may come before the machine ends, or not any more.
        with contextlib.suppress(MachineEndedError):
            await ask(vm, "poweroff")
        await vm.wait_end()
        await vm.console.wait_for("reboot: Power down")


async def test_a_hardware_watchdog_is_fed_over_a_reexec_and_resets_a_machine_whose_init_hangs(machine: Boot) -> None:
    units = {
        "/etc/lunix/units/module.toml": 'exec = ["modprobe", "i6300esb"]\nkind = "oneshot"\n',
        "/etc/lunix/units/steady.toml": 'exec = ["sleep", "100000"]\nneeds = ["module"]\n',
    }
    # The guest's time is what its processor has done: however slow the machine, the period holds a reexec.
    device = ("-icount", "shift=1", "-device", "i6300esb", "-action", "watchdog=reset")
    async with machine(init=INIT, append="lunix.watchdog_s=8", files=units, devices=device) as vm:
        await vm.console.wait_for("hardware watchdog")
        await ask(vm, "reexec")
        await until(vm, "steady", "up")
        # Longer than its period: an unfed one would have ended the machine.
        await vm.run("sleep", "10")
        assert (await until(vm, "steady", "up"))["starts"] == 1
        # PID 1 heeds no SIGSTOP. The freezer of a cgroup holds it all the same, wherever it is in its loop.
        await vm.shell("mkdir /sys/fs/cgroup/ice; echo 1 > /sys/fs/cgroup/ice/cgroup.freeze")
        # The machine may be gone before the agent could say that the program runs.
        with contextlib.suppress(MachineEndedError):
            async with vm.start("sh", "-c", "echo 1 > /sys/fs/cgroup/ice/cgroup.procs; exec sleep 1000"):
                await vm.wait_end()
        assert (await vm.qmp.event("WATCHDOG"))["action"] == "reset"
        assert (await vm.qmp.event("SHUTDOWN"))["reason"] == "guest-reset"


async def test_the_kernels_command_line_can_ask_for_a_shell_instead_of_the_units(machine: Boot) -> None:
    async with machine(init=INIT, append="lunix.shell", files=UNITS) as vm:
        await vm.console.wait_for('ready service="emergency-shell"')
        items = (await ask(vm, "list"))["items"]
        assert [(item["name"], item["state"]) for item in items] == [("emergency-shell", "up")]
        terminal = await vm.run("readlink", f"/proc/{items[0]['pid']}/fd/0")
        assert terminal.stdout == "/dev/console\n"
