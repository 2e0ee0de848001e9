"""lunix-init as a real PID 1, in namespaces of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_testing.init import SLEEP, InitProgram

NAMESPACES = (
    *("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"),
    *("--mount", "--net", "--cgroup", "--uts"),
)
pytestmark = pytest.mark.requires("user-namespace")


def pid1(**env: str) -> InitProgram:
    return InitProgram(prefix=NAMESPACES, env=env)


@pytest.fixture
def machine() -> Iterator[InitProgram]:
    with pid1(LUNIX_CMDLINE="quiet lunix.hostname=testbox lunix.env.GREETING=hello lunix.oops") as made:
        yield made


def inner(program: InitProgram) -> int:
    """Return the pid of the init as this side sees it."""
    assert program.process
    path = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")
    return int(path.read_text().split()[0])


def processes(pid: int) -> list[str]:
    """Return the pids in the PID namespace of a process, but for itself."""
    space = Path(f"/proc/{pid}/ns/pid").readlink()
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "ns/pid").readlink() == space and path.name != str(pid):
                found.append(path.name)
        except OSError:
            continue
    return found


def test_it_is_pid_1_and_sets_the_machine_up(machine: InitProgram) -> None:
    script = "echo $PPID; hostname; echo $GREETING; cat /sys/class/net/lo/flags; grep ' /run ' /proc/mounts"
    machine.unit("a", f'exec = ["sh", "-c", "{script}"]\nkind = "oneshot"\n')
    machine.start()
    machine.until_state("a", "done")
    lines = machine.lines("a")
    assert lines[:3] == ["1", "testbox", "hello"]
    assert lines[3] in ("0x9", "0x49")  # up, loopback
    assert lines[4].startswith("tmpfs /run tmpfs rw,nosuid,nodev")
    assert machine.do("status")["pid"] == 1
    assert "lunix.oops" in machine.log.read_text()


def test_services_run_restart_and_are_reaped_under_it(machine: InitProgram) -> None:
    machine.unit("a", SLEEP)
    machine.unit("crashing", 'exec = ["sh", "-c", "(sleep 0.05 &); exit 1"]\n[backoff]\ngive_up = 5\n')
    machine.start()
    machine.until_state("a", "up")
    machine.until_state("crashing", "failed")
    machine.until(lambda: len(processes(inner(machine))) == 1, "only a is left")


def test_sigterm_stops_everything_and_gives_the_exit_code(machine: InitProgram) -> None:
    told = machine.folder / "told"
    script = f"trap 'echo stopped > {told}; exit 0' TERM; echo up; while :; do sleep 0.02; done"
    machine.unit("a", f'exec = ["sh", "-c", "{script}"]\n')
    machine.start()
    machine.until_line("a", "up")
    os.kill(inner(machine), signal.SIGTERM)
    assert machine.process
    assert machine.process.wait(20) == 0
    assert told.read_text() == "stopped\n"


def test_an_exit_code_can_be_asked_for(machine: InitProgram) -> None:
    machine.start()
    machine.do("exit", code=42)
    assert machine.process
    assert machine.process.wait(20) == 42


@pytest.mark.parametrize(("verb", "number"), [("reboot", signal.SIGHUP), ("poweroff", signal.SIGINT)])
def test_a_container_tells_its_creator_how_it_ended(verb: str, number: int) -> None:
    with pid1() as machine:
        machine.unit("a", SLEEP)
        machine.start()
        machine.until_state("a", "up")
        machine.do(verb)
        assert machine.process
        # unshare gives what its child died of: reboot(2) in a PID namespace.
        assert machine.process.wait(20) in (128 + number, -number)


def test_no_signal_that_is_not_meant_for_it_ends_it(machine: InitProgram) -> None:
    machine.unit("a", SLEEP)
    machine.start()
    machine.until_state("a", "up")
    pid = inner(machine)
    for number in signal.valid_signals():
        name = signal.Signals(number).name if number in {x.value for x in signal.Signals} else ""
        if name in ("SIGKILL", "SIGSTOP", "SIGTERM", "SIGINT", "SIGPWR") or number == signal.SIGRTMIN + 3:
            continue
        if name == "SIGSEGV" or number >= signal.SIGRTMIN:
            continue
        os.kill(pid, number)
    assert machine.do("status")["faults"] == 0
    assert machine.state("a") == "up"


def test_it_runs_again_in_place_as_pid_1(machine: InitProgram) -> None:
    machine.unit("a", SLEEP)
    machine.start()
    pid = machine.until_state("a", "up")["pid"]
    machine.do("reexec")
    machine.until(lambda: any(event["kind"] == "reexeced" for event in machine.events()), "it runs again")
    assert machine.do("status")["pid"] == 1
    assert machine.get("a")["pid"] == pid


def test_every_process_is_gone_before_it_ends(machine: InitProgram) -> None:
    script = "trap '' TERM; (trap '' TERM; setsid sleep 1000 &) ; echo up; while :; do sleep 0.1; done"
    machine.unit("a", f'exec = ["sh", "-c", "{script}"]\n[stop]\ntimeout = "200ms"\n')
    machine.start()
    machine.until_line("a", "up")
    left = processes(inner(machine))
    assert len(left) >= 2
    machine.do("exit", code=3)
    assert machine.process
    assert machine.process.wait(20) == 3
    assert not [pid for pid in left if Path(f"/proc/{pid}").exists()]


def test_what_goes_wrong_before_the_loop_leads_to_the_fallback() -> None:
    with pid1() as machine:
        fallback = machine.folder / "rescue"
        fallback.write_text(f"#!/bin/sh\necho $$ > {machine.folder}/fell\nexec sleep 1000\n")
        fallback.chmod(0o755)
        command = [*NAMESPACES, sys.executable, "-m", "lunix_init"]
        env = {
            **os.environ,
            "LUNIX_CMDLINE": f"lunix.run=/proc/nowhere lunix.fallback={fallback}",
        }
        process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE)
        try:
            fell = machine.folder / "fell"
            machine.log.touch()
            machine.until(lambda: fell.exists() and fell.read_text(), "the fallback runs")
            assert fell.read_text() == "1\n"
        finally:
            process.kill()
            process.communicate()


def test_it_boots_within_a_second(machine: InitProgram) -> None:
    began = time.monotonic()
    machine.unit("a", SLEEP)
    machine.start()
    machine.until_state("a", "up")
    assert time.monotonic() - began < 15  # a bound for busy machines; 0.2 s on a quiet one
