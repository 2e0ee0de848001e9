"""``lunix up``: nothing that dies stays dead, and nothing stays when it ends."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lunix_cli import init_units
from lunix_testing.command import DEADLINE, SCRIPT, LunixUp, environ, gone, lunix, wait_until
from lunix_testing.command import lunix_up as lunix_up

Start = Callable[..., LunixUp]


def processes(up: LunixUp) -> dict[str, int]:
    """The process of the bus and of each daemon."""
    record = up.record
    return {"bus": record["bus"]["pid"]} | {name: unit["pid"] for name, unit in record["units"].items()}


def answers(up: LunixUp) -> bool:
    return up("request", "hardware.list", '{"subsystem":"net"}').code == 0 and up("request", "toast.list").code == 0


def test_a_server_that_is_killed_comes_back_on_its_port_with_everything(lunix_up: Start) -> None:
    up = lunix_up()
    url, before = up.url, processes(up)
    os.kill(before["bus"], signal.SIGKILL)
    wait_until(
        lambda: (up.state / "bus.json").exists() and processes(up)["bus"] not in (None, before["bus"]), "a new server"
    )
    wait_until(lambda: answers(up), "an answer of each daemon")
    assert up.url == url
    assert {name: pid for name, pid in processes(up).items() if name != "bus"} == {
        name: pid for name, pid in before.items() if name != "bus"
    }


def test_a_daemon_that_is_killed_is_started_again(lunix_up: Start) -> None:
    up = lunix_up()
    before = processes(up)
    os.kill(before["toast"], signal.SIGKILL)

    def back() -> bool:
        toast = up.record["units"]["toast"]
        return bool(toast["phase"] == "ready") and toast["pid"] != before["toast"]

    wait_until(back, "a new toast daemon")
    assert up.record["units"]["toast"]["restarts"] == 1
    assert "was ended by SIGKILL; starting it again" in up.log.read_text()
    assert processes(up)["natsdev"] == before["natsdev"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_with_exit_code_0(lunix_up: Start, number: int) -> None:
    up = lunix_up()
    pids = list(processes(up).values())
    assert up.stop(number) == 0
    assert gone(pids)
    assert not (up.state / "bus.json").exists()
    assert [path.name for path in (up.state / "run").iterdir()] == []
    # The server went last: no daemon had to look for it.
    assert "the bus is away" not in up.log.read_text()


def test_a_daemon_that_hangs_is_killed_after_three_seconds(lunix_up: Start) -> None:
    up = lunix_up()
    pids = processes(up)
    os.kill(pids["natsdev"], signal.SIGSTOP)
    begin = time.monotonic()
    assert up.stop() == 0
    assert time.monotonic() - begin > 2.5
    assert gone(list(pids.values()))


def test_a_second_signal_waits_for_nobody(lunix_up: Start) -> None:
    up = lunix_up()
    before = processes(up)["natsdev"]
    # Where the first one counted alone it would have longer than anybody waits here.
    unit = Path(up.record["init"]["run"]) / "units" / "natsdev.toml"
    text = unit.read_text()
    patient = text.replace(f"timeout = {init_units.GRACE_S}\n", "timeout = 600\n")
    assert patient != text
    unit.write_text(patient)
    wait_until(lambda: processes(up)["natsdev"] not in (None, before), "a natsdev with more time")
    wait_until(lambda: answers(up), "its answer")
    hung = processes(up)["natsdev"]
    os.kill(hung, signal.SIGSTOP)
    up.process.send_signal(signal.SIGINT)
    wait_until(lambda: "stopping" in up.log.read_text(), "the first signal's effect")
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(DEADLINE) == 0
    assert gone([hung])


def test_an_up_that_is_killed_takes_everything_with_it(lunix_up: Start) -> None:
    up = lunix_up()
    left = [*processes(up).values(), up.record["init"]["pid"]]
    up.process.kill()
    wait_until(lambda: gone(left), "the end of everything")


def test_an_up_that_follows_a_killed_one_at_once_waits_for_the_end_of_its_processes(lunix_up: Start) -> None:
    first = lunix_up()
    left = list(processes(first).values())
    os.kill(processes(first)["natsdev"], signal.SIGSTOP)  # it takes three seconds to end
    first.process.kill()
    first.process.wait()
    second = lunix_up()
    assert gone(left)
    assert answers(second)


def test_what_a_killed_up_left_behind_is_ended_by_the_next_one(lunix_up: Start) -> None:
    first = lunix_up()
    left = list(processes(first).values())
    run = Path(first.record["init"]["run"])
    for pid in (first.process.pid, first.record["init"]["pid"]):
        os.kill(pid, signal.SIGSTOP)  # neither sees the other die
    for pid in (first.record["init"]["pid"], first.process.pid):
        os.kill(pid, signal.SIGKILL)
    first.process.wait()
    assert not gone(left)
    second = lunix_up()
    assert gone(left)
    assert "ended what an earlier run left behind: " in second.log.read_text()
    assert not run.exists()
    assert answers(second)


def test_a_lunix_init_that_is_killed_is_started_again_with_everything(lunix_up: Start) -> None:
    up = lunix_up()
    url, before, keeper = up.url, processes(up), up.record["init"]["pid"]
    os.kill(keeper, signal.SIGKILL)

    def back() -> bool:
        now = processes(up)
        changed = all(now[name] not in (None, before[name]) for name in before)
        return changed and all(unit["phase"] == "ready" for unit in up.record["units"].values())

    wait_until(back, "new processes")
    wait_until(lambda: answers(up), "an answer of each daemon")
    assert gone(list(before.values()))
    assert up.url == url


def test_a_lunix_init_that_runs_its_program_again_goes_on_with_everything(lunix_up: Start) -> None:
    up = lunix_up()
    before, keeper = processes(up), up.record["init"]["pid"]
    assert up("init", "reexec").code == 0
    os.kill(before["toast"], signal.SIGKILL)
    wait_until(lambda: processes(up)["toast"] not in (None, before["toast"]), "a new toast daemon")
    wait_until(lambda: answers(up), "an answer of each daemon")
    assert up.record["init"]["pid"] == keeper
    assert processes(up) | {"toast": 0} == before | {"toast": 0}
    assert "lunix-init is gone" not in up.log.read_text()
    assert up.stop() == 0
    assert gone([*before.values(), keeper])


def kill_and_wait(up: LunixUp, name: str) -> None:
    before = processes(up)[name]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: processes(up)[name] not in (None, before), f"a new {name}")


def test_every_process_that_is_killed_comes_back(lunix_up: Start) -> None:
    up = lunix_up()
    for name in processes(up):
        kill_and_wait(up, name)

    def whole() -> bool:
        return all(unit["phase"] == "ready" for unit in up.record["units"].values()) and answers(up)

    wait_until(whole, "the same running state")


def test_a_daemon_that_forks_twice_into_a_session_of_its_own_does_not_outlive_it(
    lunix_up: Start, tmp_path: Path
) -> None:
    package = tmp_path / "path" / "sitecustomize.py"
    package.parent.mkdir()
    mark = tmp_path / "escaped"
    package.write_text(
        f"""
import os, sys, time
if os.environ.get("LUNIX_UNIT") == "toast" and not os.fork():
    os.setsid()
    if not os.fork():
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open({str(mark)!r}, "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
"""
    )
    up = lunix_up("--port", "0", "--only", "natsdev")
    # A stand-in for a daemon that escapes: any program may be a unit of the same lunix-init.
    units = Path(up.record["init"]["run"]) / "units"
    (units / "toast.toml").write_text(
        f'exec = ["python3", "-c", "import time; time.sleep(600)"]\n[env]\nPYTHONPATH = "{package.parent}"\n'
        "[stop]\ntimeout = 1\n"
    )
    wait_until(lambda: mark.exists() and bool(mark.read_text()), "the escape")
    escaped = int(mark.read_text())
    assert not gone([escaped])
    assert up.stop() == 0
    assert gone([escaped])


def test_a_second_up_on_the_same_state_says_so(lunix_up: Start) -> None:
    up = lunix_up()
    second = lunix("up", "--state", str(up.state), "--port", "0")
    assert second.code == 100
    assert f"`lunix up` (pid {up.process.pid}) runs on {up.state} already" in second.err
    assert answers(up)


def test_two_with_states_of_their_own_run_side_by_side(lunix_up: Start, tmp_path: Path) -> None:
    one = lunix_up()
    other = LunixUp(tmp_path / "other")
    try:
        other.wait_ready()
        assert one.url != other.url
        assert answers(one)
        assert answers(other)
        assert other.stop() == 0
    finally:
        other.close()


def test_the_keys_are_made_once(lunix_up: Start) -> None:
    first = lunix_up()
    seeds = {path.name: path.read_bytes() for path in (first.state / "keys").glob("*.nk")}
    assert {"admin.nk", "user.nk", "observer.nk", "natsdev.nk", "toast.nk"} <= seeds.keys()
    assert first.stop() == 0
    second = lunix_up()
    assert {path.name: path.read_bytes() for path in (second.state / "keys").glob("*.nk")} == seeds


def test_a_state_directory_of_any_length_will_do(tmp_path: Path) -> None:
    """A socket's path has room for 108 bytes."""
    up = LunixUp(tmp_path / ("long" * 30) / "state")
    try:
        up.wait_ready()
        assert up.stop() == 0
    finally:
        up.close()


def test_what_was_started_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    state = tmp_path / "state"
    command = ("nohup", str(SCRIPT), "up", "--state", str(state), "--port", "0", "--only", "toast", "--no-tail")
    process = subprocess.Popen(
        command, env=environ(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        assert lunix("request", "--state", str(state), "toast.list").code == 0
        assert process.poll() is None
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_script_that_started_it_in_the_background_can_interrupt_it(tmp_path: Path) -> None:
    """A shell without job control starts such programs with SIGINT ignored."""
    script = """
        lunix up --state "$DIR" --port 0 --only toast --no-tail > "$DIR.out" & up=$!
        while ! grep -q ready "$DIR.out"; do sleep 0.1; done
        kill -INT $up; wait $up
    """
    environment = environ({"DIR": str(tmp_path / "state")})
    done = subprocess.run(("sh", "-c", script), env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
