"""What people ask of init: stop, start, restart, pin, reload, logs, usage, and the end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lunix_init.control import Control, Refused
from lunix_testing.init import SLEEP, InitProgram, alive, python, shell


def test_a_stop_asks_and_then_kills(init: InitProgram) -> None:
    stubborn = "trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done"
    init.unit("a", shell(stubborn) + '[stop]\ntimeout = "300ms"\n')
    init.start()
    is_killed(init, 1)
    # A busy machine may not give it its turn between the two: then once more.
    while "asked" not in init.lines("a"):
        init.do("start", name="a")
        is_killed(init, init.get("a")["starts"])


def is_killed(program: InitProgram, run: int) -> None:
    program.until(lambda: program.lines("a").count("up") == run, "it is up")
    began = time.monotonic()
    told = program.do("stop", name="a", wait=True)
    assert told["state"] == "down"
    assert time.monotonic() - began > 0.25
    assert told["last_exit"]["signal"] == "SIGKILL"


def test_a_stop_uses_the_signal_that_was_asked_for(init: InitProgram) -> None:
    script = "trap 'echo int; exit 0' INT; echo up; while :; do sleep 0.05; done"
    init.unit("a", shell(script) + '[stop]\nsignal = "INT"\n')
    init.start()
    init.until_line("a", "up")
    assert init.do("stop", name="a", wait=True)["last_exit"]["code"] == 0
    assert "int" in init.lines("a")


def test_stopping_a_need_stops_its_dependents_first_and_a_start_brings_them_back(
    init: InitProgram,
) -> None:
    init.unit("base", SLEEP)
    init.unit("middle", SLEEP + 'needs = ["base"]\n')
    init.unit("top", SLEEP + 'needs = ["middle"]\n')
    init.start()
    init.until_state("top", "up")
    init.do("stop", name="base", wait=True)
    exits = [event["service"] for event in init.events() if event["kind"] == "service.exited"]
    assert exits == ["top", "middle", "base"]
    assert init.get("middle")["why"] == "needs base, which is down"
    init.do("start", name="base")
    init.until_state("top", "up")


def test_a_restart_in_place_leaves_the_dependents_alone(init: InitProgram) -> None:
    init.unit("base", SLEEP)
    init.unit("top", SLEEP + 'needs = ["base"]\n')
    init.start()
    pid = init.until_state("top", "up")["pid"]
    old = init.get("base")["pid"]
    told = init.do("restart", name="base", wait=True)
    assert told["state"] == "up"
    assert told["pid"] != old
    assert init.get("top")["pid"] == pid


def test_a_need_that_crashes_does_not_restart_its_dependents(init: InitProgram) -> None:
    init.unit("base", SLEEP)
    init.unit("top", SLEEP + 'needs = ["base"]\n')
    init.start()
    pid = init.until_state("top", "up")["pid"]
    os.kill(init.get("base")["pid"], signal.SIGKILL)
    init.until(lambda: init.get("base")["starts"] == 2, "base is restarted")
    init.until_state("base", "up")
    assert init.get("top")["pid"] == pid
    assert init.get("top")["starts"] == 1


def test_a_service_may_restart_itself(init: InitProgram) -> None:
    script = f"""
import sys
from lunix_init.control import Control
import os, time
if not os.path.exists("{init.folder}/again"):
    open("{init.folder}/again", "w").close()
    with Control.connect("{init.run}") as c:
        c.do("restart", name="a")
print("waits", flush=True)
time.sleep(1000)"""
    init.unit("a", python(script))
    init.start()
    init.until(lambda: init.get("a")["starts"] == 2, "it is started again")
    init.until_state("a", "up")


def test_a_stop_during_a_start_and_during_a_backoff_and_twice(init: InitProgram) -> None:
    init.unit("slow", SLEEP + 'ready = "notify"\n')
    init.unit("crashing", shell("exit 1") + '[backoff]\nfirst = "60s"\n')
    init.start()
    init.until_state("slow", "starting")
    assert init.do("stop", name="slow", wait=True)["state"] == "down"
    assert init.do("stop", name="slow", wait=True)["state"] == "down"
    assert init.until_state("crashing", "backoff")["next_start_s"] > 50
    assert init.do("stop", name="crashing", wait=True)["state"] == "down"


def test_a_start_during_a_stop_starts_it_again(init: InitProgram) -> None:
    go = init.folder / "go"
    script = f"trap '' TERM; echo up; while [ ! -e {go} ]; do sleep 0.02; done; exit 0"
    init.unit("a", shell(script))
    init.start()
    init.until_line("a", "up")
    with Control.connect(init.run) as control:
        control.do("stop", name="a")
        assert control.do("get", name="a")["state"] == "stopping"
        control.do("start", name="a")
        assert control.do("get", name="a")["state"] == "stopping"
    go.touch()
    init.until(lambda: init.get("a")["starts"] == 2, "it is started again")


def test_a_start_ends_a_backoff_and_a_failure(init: InitProgram) -> None:
    init.unit("a", shell("exit 100"))
    init.start()
    init.until_state("a", "failed")
    init.do("start", name="a")
    init.until(lambda: init.get("a")["starts"] == 2, "it is tried again")


def test_a_unit_without_autostart_waits_for_a_hand_or_a_need(init: InitProgram) -> None:
    init.unit("a", SLEEP + "autostart = false\n")
    init.unit("b", SLEEP + "autostart = false\n")
    init.unit("user", SLEEP + 'needs = ["b"]\n')
    init.start()
    init.until_state("user", "up")
    assert (init.state("a"), init.state("b")) == ("down", "up")
    assert init.do("start", name="a", wait=True)["state"] == "up"


def test_a_pinned_service_stays_as_it_is(init: InitProgram) -> None:
    init.unit("base", SLEEP)
    init.unit("a", SLEEP + 'needs = ["base"]\n')
    init.start()
    pid = init.until_state("a", "up")["pid"]
    init.do("pin", name="a")
    with pytest.raises(Refused, match="'a' is pinned"):
        init.do("stop", name="a")
    init.do("stop", name="base", wait=True)
    init.unit("a", SLEEP + "nice = 1\n")
    init.do("reload")
    assert init.get("a")["pid"] == pid
    init.do("unpin", name="a")
    init.until(lambda: init.get("a")["starts"] == 2, "the new unit is used")


def test_a_reload_of_a_service_sends_its_signal(init: InitProgram) -> None:
    script = "trap 'echo again' HUP; echo up; while :; do sleep 0.05; done"
    init.unit("a", shell(script))
    init.start()
    init.until_line("a", "up")
    init.do("reload", name="a")
    init.until_line("a", "again")


def test_the_log_is_followed_as_it_grows(init: InitProgram) -> None:
    init.unit("a", shell("i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"))
    init.start()
    with Control.connect(init.run) as control:
        control.do("logs", name="a", follow=True)
        numbers: list[int] = []
        for message in control.messages():
            numbers.append(message["log"]["number"])
            if len(numbers) == 5:
                break
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_usage_is_told_for_each_service_and_in_total(bare_init: InitProgram) -> None:
    bare_init.unit("a", SLEEP)
    bare_init.start()
    bare_init.until_state("a", "up")
    told = bare_init.do("usage")
    (item,) = told["items"]
    assert item["pids"] == 1
    assert item["memory_bytes"] > 100_000
    assert told["total"]["memory_bytes"] == item["memory_bytes"]
    assert item["memory_peak_bytes"] is None


def test_a_second_init_on_the_same_run_directory_is_refused(init: InitProgram) -> None:
    init.start()
    command = [sys.executable, "-m", "lunix_init", "--units", str(init.units), "--run", str(init.run)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert second.returncode == 100
    assert "another lunix-init runs on" in second.stderr


def test_everything_stops_in_reverse_order_at_the_end(init: InitProgram) -> None:
    told = init.folder / "told"
    for name, needs in (("a", ""), ("b", 'needs = ["a"]'), ("c", 'after = ["b"]')):
        script = f"trap 'echo {name} >> {told}; exit 0' TERM; echo up; while :; do sleep 0.02; done"
        init.unit(name, shell(script) + needs + "\n")
    init.start()
    for name in "abc":
        init.until_line(name, "up")
    pids = [init.get(name)["pid"] for name in "abc"]
    assert init.stop() == 0
    assert told.read_text().split() == ["c", "b", "a"]
    assert not any(alive(pid) for pid in pids)


@pytest.mark.root
@pytest.mark.requires("cgroup2")
def test_no_cgroup_is_left_behind(init: InitProgram) -> None:
    init.unit("a", SLEEP)
    init.start()
    init.until_state("a", "up")
    base = Path(init.do("status")["cgroup"])
    assert (base / "a.unit").is_dir()
    init.stop()
    assert not base.exists()


def test_init_can_be_told_its_exit_code(init: InitProgram) -> None:
    init.unit("a", SLEEP)
    init.start()
    init.do("exit", code=7)
    assert init.process
    assert init.process.wait(20) == 7


def test_the_check_refuses_cycles_missing_names_and_bad_files(init: InitProgram) -> None:
    init.unit("a", SLEEP + 'needs = ["b"]\n')
    init.unit("b", SLEEP + 'needs = ["a"]\n')
    init.unit("c", SLEEP + 'needs = ["nobody"]\nafter = ["nothing"]\n')
    init.unit("d", 'exce = "x"\n')
    command = [sys.executable, "-m", "lunix_init", "--check", "--units", str(init.units)]
    found = subprocess.run([*command, "--run", str(init.run)], capture_output=True, text=True, timeout=20, check=False)
    assert found.returncode == 100
    assert "a.toml: is part of a cycle: a -> b -> a" in found.stderr
    assert "c.toml: needs 'nobody', which has no unit" in found.stderr
    assert f"{init.units}/d.toml:1: unknown key 'exce': did you mean 'exec'?" in found.stderr
    assert "warning: c.toml: is after 'nothing', which has no unit" in found.stderr
    for path in init.units.iterdir():
        path.unlink()
    init.unit("a", SLEEP)
    subprocess.run([*command, "--run", str(init.run)], check=True, timeout=20, capture_output=True)
    assert not Path(init.run).exists()


@pytest.mark.root
def test_a_person_without_a_session_may_check_units() -> None:
    program = (
        "import os; from lunix_init.__main__ import arguments; words = ['--check', '--units', '/nowhere']; "
        "arguments(words); os.seteuid(65534); os.environ.pop('XDG_RUNTIME_DIR', None); "
        "check = arguments(words)[1]; os.seteuid(0); print(check)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
