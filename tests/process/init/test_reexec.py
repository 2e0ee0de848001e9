"""Running again in place keeps every process, pipe and line; no fault and no signal ends init."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lunix_init.control import Control
from lunix_testing.init import InitProgram, alive

COUNT = "i=0; while :; do i=$((i+1)); echo $i; [ $((i % 50)) = 0 ] && sleep 0.01; done"


def test_a_reexec_under_load_keeps_every_pid_and_loses_no_line(init: InitProgram) -> None:
    for name in "abc":
        init.unit(name, f'exec = ["sh", "-c", "{COUNT}"]\n[log]\nlines = 10000\n')
    init.unit("crashing", 'exec = "false"\n[backoff]\nfirst = "1ms"\nfactor = 1\n')
    init.start()
    before = {name: init.until_state(name, "up")["pid"] for name in "abc"}
    boot = init.do("status")["boot"]
    for _ in range(3):
        goes_on_after_a_reexec(init, "crashing")
        assert {name: init.get(name)["pid"] for name in "abc"} == before
    assert init.do("status")["boot"] == boot
    for name in "abc":
        init.do("stop", name=name, wait=True)
        found = init.do("logs", name=name, most=10_000)["lines"]
        numbers = [int(line["text"]) for line in found]
        assert len(numbers) > 100
        # The last may be cut: it was written while the service was killed.
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert [line["number"] for line in found] == numbers


def goes_on_after_a_reexec(program: InitProgram, crashing: str) -> None:
    starts, before = program.get(crashing)["starts"], runs_again(program)
    program.do("reexec")
    program.until(lambda: runs_again(program) > before, "it runs again")
    program.until(lambda: program.get(crashing)["starts"] > starts, "it goes on")


def runs_again(program: InitProgram) -> int:
    return sum(1 for event in program.events() if event["kind"] == "reexeced")


def test_events_and_history_outlive_a_reexec(init: InitProgram) -> None:
    init.unit("a", 'exec = ["sh", "-c", "echo once; exit 3"]\nrestart = "never"\n')
    init.start()
    exit_ = init.until_state("a", "failed")["last_exit"]
    seq = init.do("status")["seq"]
    init.do("reexec")
    init.until(lambda: runs_again(init) == 1, "it runs again")
    assert init.get("a")["last_exit"] == exit_
    assert init.lines("a") == ["once"]
    assert [event["seq"] for event in init.events()] == list(range(1, seq + 2))


def test_timers_outlive_a_reexec(init: InitProgram) -> None:
    init.unit("waits", 'exec = "false"\n[backoff]\nfirst = "6s"\n')
    init.unit("late", 'exec = ["sleep", "100"]\nready = "notify"\nstart_timeout = "6s"\nrestart = "never"\n')
    init.start()
    init.until_state("waits", "backoff")
    init.do("reexec")
    init.until(lambda: runs_again(init) == 1, "it runs again")
    assert (init.state("waits"), init.state("late")) == ("backoff", "starting")
    init.until(lambda: init.get("waits")["starts"] == 2, "the backoff ends")
    assert init.until_state("late", "failed")["last_exit"]["cause"] == "start-timeout"


def test_what_dies_during_a_reexec_is_noticed(init: InitProgram) -> None:
    init.unit("a", 'exec = ["sleep", "1000"]\n')
    init.start()
    pid = init.until_state("a", "up")["pid"]
    init.do("reexec")
    os.kill(pid, signal.SIGKILL)
    init.until(lambda: init.get("a")["starts"] == 2, "it is started again")
    assert init.get("a")["last_exit"]["signal"] == "SIGKILL"


def test_a_stop_goes_on_over_a_reexec(init: InitProgram) -> None:
    script = "trap 'sleep 0.5; echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    init.unit("a", f'exec = ["sh", "-c", "{script}"]\n')
    init.start()
    init.until_line("a", "up")
    init.do("stop", name="a")
    init.do("reexec")
    init.until_state("a", "down")
    assert init.lines("a") == ["up", "bye"]


@pytest.mark.parametrize("wait_ms", [0, 3, 8, 15, 25, 40, 60, 90])
def test_a_sigterm_at_any_moment_of_a_reexec_ends_it_in_order(init: InitProgram, wait_ms: int) -> None:
    told = init.folder / "told"
    script = f"trap 'echo asked > {told}; exit 0' TERM; echo up; while :; do sleep 0.02; done"
    init.unit("a", f'exec = ["sh", "-c", "{script}"]\n')
    init.start()
    init.until_line("a", "up")
    assert init.process
    init.do("reexec")
    time.sleep(wait_ms / 1000)  # not luck: these are the moments that are tried
    init.process.send_signal(signal.SIGTERM)
    assert init.process.wait(20) == 0
    assert told.read_text() == "asked\n"


FAULTY = """
import os, sys
import lunix_init.{module} as module
original = module.{owner}.{name}
def broken(*args, **kwargs):
    if os.path.exists("{armed}"):
        os.rename("{armed}", "{armed}.done")
        raise {error}
    return original(*args, **kwargs)
module.{owner}.{name} = broken
from lunix_init.__main__ import main
sys.exit(main())
"""
POINTS = [
    ("loop", "Loop", "run_once", "RuntimeError('injected')"),
    ("loop", "Loop", "at", "MemoryError"),
    ("supervisor", "Supervisor", "settle", "ValueError('injected')"),
    ("supervisor", "Supervisor", "_step", "KeyError('injected')"),
    ("supervisor", "Supervisor", "views", "RecursionError"),
    ("supervisor", "Supervisor", "gone", "OSError(28, 'injected')"),
    ("supervisor", "Supervisor", "load", "OSError(24, 'injected')"),
    ("runner", "Runner", "reap", "RuntimeError('injected')"),
    ("runner", "Runner", "_ended", "RuntimeError('injected')"),
    ("runner", "Runner", "spawn", "RuntimeError('injected')"),
    ("runner", "Runner", "adopt", "RuntimeError('injected')"),
    ("runner", "Runner", "on_report", "RuntimeError('injected')"),
    ("reaper", "Reaper", "look", "RuntimeError('injected')"),
    ("reaper", "Reaper", "finish", "RuntimeError('injected')"),
    ("reaper", "Reaper", "on_output", "UnicodeError('injected')"),
    ("commands", "Commands", "do", "RuntimeError('injected')"),
    ("os_cgroup", "Group", "remove", "ValueError('injected')"),
    ("server", "Connection", "on_ready", "RuntimeError('injected')"),
    ("server", "Server", "_on_event", "RuntimeError('injected')"),
    ("journal", "Journal", "tell", "RuntimeError('injected')"),
    ("os_watch", "Watches", "read", "RuntimeError('injected')"),
]


def faulty(point: tuple[str, str, str, str]) -> tuple[InitProgram, Path]:
    program = InitProgram()
    armed = program.folder / "armed"
    module, owner, name, error = point
    text = FAULTY.format(module=module, owner=owner, name=name, error=error, armed=armed)
    script = program.folder / "faulty.py"
    script.write_text(text)
    program.command[:3] = [sys.executable, str(script)]
    return program, armed


@pytest.mark.parametrize("point", POINTS, ids=lambda point: ".".join(point[1:3]))
def test_an_exception_anywhere_in_the_loop_keeps_every_service(
    point: tuple[str, str, str, str],
) -> None:
    program, armed = faulty(point)
    with program:
        program.unit("steady", f'exec = ["sh", "-c", "{COUNT}"]\n')
        text = 'exec = ["sleep", "1000"]\n[backoff]\nfirst = "1ms"\n'
        program.unit("victim", text)
        program.start()
        steady = program.until_state("steady", "up")["pid"]
        victim = program.until_state("victim", "up")["pid"]
        armed.touch()
        os.kill(victim, signal.SIGKILL)
        program.unit("added", text)
        done = armed.with_suffix(".done")
        program.until(lambda: program.do("status") and done.exists(), "the fault happens")
        program.until(lambda: program.get("victim")["pid"] not in (None, victim), "it is restarted")
        program.until_state("victim", "up")
        program.until_state("added", "up")
        assert program.get("steady")["pid"] == steady
        assert program.do("status")["faults"] == 1
        assert program.do("stop", name="victim", wait=True)["state"] == "down"
        assert program.stop() == 0
        assert not alive(steady)


def broken(program: InitProgram, statement: str) -> None:
    """Let init run with a fault of its own."""
    script = program.folder / "broken.py"
    script.write_text(
        "import os, sys\nfrom lunix_init import runner, world\n"
        "def broken(*args, **kwargs): raise RuntimeError('always')\n"
        f"{statement}\nfrom lunix_init.__main__ import main\nsys.exit(main())\n"
    )
    program.command[:3] = [sys.executable, str(script)]
    program.unit("steady", 'exec = ["sleep", "1000"]\n')


def failing(program: InitProgram) -> None:
    """Let a service of init end again and again."""
    program.unit("a", 'exec = "false"\n[backoff]\nfirst = "300ms"\nfactor = 1\n')


def test_the_third_fault_within_a_minute_runs_the_fallback(init: InitProgram) -> None:
    broken(init, "runner.Runner._ended = broken")
    fallback = init.folder / "fallback"
    fallback.write_text(f"#!/bin/sh\necho $$ > {init.folder}/fell\nexec sleep 1000\n")
    fallback.chmod(0o755)
    init.command += ["--fallback", str(fallback)]
    init.start()
    failing(init)  # only now: each of the faults that follow closes the connections to init
    fell = init.folder / "fell"
    init.until(lambda: fell.exists() and fell.read_text().strip(), "the fallback runs")
    assert init.process
    assert int(fell.read_text()) == init.process.pid
    pid = init.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert [child for child in children if alive(int(child))], "the services run on"
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    init.process.kill()


def test_without_a_fallback_the_third_fault_ends_everything_with_111(init: InitProgram) -> None:
    broken(init, "runner.Runner._ended = broken")
    init.start()
    steady = init.until_state("steady", "up")["pid"]
    failing(init)
    assert init.process
    assert init.process.wait(20) == 111
    assert not alive(steady)


def test_a_state_that_cannot_be_taken_over_is_left_and_all_begins_anew(init: InitProgram) -> None:
    broken(init, "if 'LUNIX_INIT_STATE' in os.environ: world.World._take_over = broken")
    init.start()
    first = init.until_state("steady", "up")["pid"]
    init.do("reexec")
    init.until(lambda: not alive(first), "the old one is ended")
    assert init.until_state("steady", "up")["pid"] != first
    assert init.do("status")["faults"] == 1
    assert init.stop() == 0


def test_init_reexecs_into_a_new_version_of_itself(init: InitProgram) -> None:
    init.unit("a", 'exec = ["sleep", "1000"]\n')
    init.start()
    pid = init.until_state("a", "up")["pid"]
    assert init.process
    with Control.connect(init.run) as control:
        control.do("reexec")
        assert list(control.messages()) == []  # the old image closes its connections
    init.until(lambda: runs_again(init) == 1, "it runs again")
    assert init.get("a")["pid"] == pid
    comm = Path(f"/proc/{init.process.pid}/stat").read_text()
    assert comm.split()[0] == str(init.process.pid)
    assert subprocess.run(["kill", "-0", str(pid)], check=False).returncode == 0
