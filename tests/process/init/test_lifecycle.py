"""Services start, become ready, fail, restart and stop."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from lunix_testing.init import NOTIFY, SLEEP, InitProgram, python, shell


def test_a_service_starts_and_what_needs_it_follows(init: InitProgram) -> None:
    init.unit("first", SLEEP)
    init.unit("second", SLEEP + 'needs = ["first"]\n')
    init.start()
    init.until_state("second", "up")
    order = [(x["kind"], x["service"]) for x in init.events() if x["kind"] == "service.ready"]
    assert order == [("service.ready", "first"), ("service.ready", "second")]
    assert init.kinds("first")[:3] == ["starting", "started", "ready"]


def test_a_need_that_is_missing_is_waited_for(init: InitProgram) -> None:
    init.unit("a", SLEEP + 'needs = ["late"]\n')
    init.start()
    assert init.get("a")["state"] == "waiting"
    assert init.get("a")["why"] == "needs late, which has no unit"
    init.unit("late", SLEEP)
    init.until_state("a", "up")


def test_a_program_that_is_not_there_is_told_with_its_errno(init: InitProgram) -> None:
    init.unit("a", 'exec = "/nonexistent/program"\n[backoff]\ngive_up = 2\n')
    init.start()
    told = init.until_state("a", "failed")
    assert told["last_exit"]["cause"] == "exec-failed"
    assert told["last_exit"]["message"] == ("exec /nonexistent/program: No such file or directory")
    assert init.kinds("a") == ["starting", "exited", "starting", "exited", "failed"]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ('cwd = "/nonexistent"', "cwd: No such file or directory"),
        ('user = "nobody-of-that-name"', "user: "),
        ("[limits]\nnofile = 999999999999", "limits: "),
    ],
)
def test_a_step_before_the_program_that_fails_is_told(init: InitProgram, text: str, step: str) -> None:
    init.unit("a", f'exec = "true"\nrestart = "never"\n{text}\n')
    init.start()
    told = init.until_state("a", "failed")
    assert told["last_exit"]["cause"] == "exec-failed"
    assert told["last_exit"]["message"].startswith(step)


def test_an_exit_is_told_in_one_message(init: InitProgram) -> None:
    script = "import time\nprint('one')\nprint('two', end='')\n"
    script += "t = time.process_time()\nwhile time.process_time() < t + 0.2: pass\nraise SystemExit(7)"
    init.unit("a", python(script) + 'restart = "never"\n')
    init.start()
    init.until_state("a", "failed")
    (told,) = [event for event in init.events() if event["kind"] == "service.exited"]
    assert (told["cause"], told["code"], told["signal"]) == ("exited", 7, None)
    assert told["lines"] == ["one", "two"]
    assert told["cpu_s"] >= 0.2
    assert told["runtime_s"] >= 0.2
    assert told["asked"] is False


def test_a_death_by_signal_is_told(init: InitProgram) -> None:
    init.unit("a", shell("kill -SEGV $$") + 'restart = "never"\n')
    init.start()
    told = init.until_state("a", "failed")["last_exit"]
    assert (told["cause"], told["code"], told["signal"]) == ("killed", None, "SIGSEGV")


def delays(program: InitProgram, name: str) -> list[timedelta]:
    """How long it was between each end of a service and its next start."""
    events = [event for event in program.events() if event.get("service") == name]
    return [
        datetime.fromisoformat(after["time"]) - datetime.fromisoformat(before["time"])
        for before, after in pairwise(events)
        if (before["kind"], after["kind"]) == ("service.exited", "service.starting")
    ]


def test_a_crash_is_followed_by_a_restart_within_20_ms(init: InitProgram) -> None:
    init.unit("a", shell("exit 1") + "[backoff]\nfactor = 1\ngive_up = 6\n")
    init.start()
    init.until_state("a", "failed")
    gaps = delays(init, "a")
    assert len(gaps) == 5
    # The best of five: the machine may be busy with something else in between.
    assert min(gaps) <= timedelta(milliseconds=20)


def test_the_delays_grow_and_then_it_gives_up(init: InitProgram) -> None:
    init.unit("a", shell("exit 1") + '[backoff]\nfirst = "20ms"\nfactor = 3\ngive_up = 4\n')
    init.start()
    assert init.until_state("a", "failed")["failures"] == 4
    # The clock of the events may be set a little slower meanwhile.
    least = [timedelta(milliseconds=each) for each in (19, 58, 175)]
    assert all(told >= wanted for told, wanted in zip(delays(init, "a"), least, strict=True)), delays(init, "a")
    # Nobody has to ask: it is an event, and a line that a person must act on.
    assert init.kinds("a")[-2:] == ["exited", "failed"]
    (line,) = [line for line in init.log.read_text().splitlines() if '"failed"' in line]
    assert '"level": "ERROR"' in line
    assert '"failures": 4' in line


def test_exit_code_100_is_not_restarted_and_111_is(init: InitProgram) -> None:
    init.unit("wrong", shell("exit 100"))
    init.unit("refused", shell("exit 111") + "[backoff]\ngive_up = 3\n")
    init.start()
    init.until_state("wrong", "failed")
    assert init.get("wrong")["starts"] == 1
    init.until_state("refused", "failed")
    assert init.get("refused")["starts"] == 3


def test_a_failing_oneshot_is_not_run_for_ever(init: InitProgram) -> None:
    init.unit("a", shell("exit 1") + 'kind = "oneshot"\n')
    init.unit("b", SLEEP + 'needs = ["a"]\n')
    init.start()
    init.until_state("a", "failed")
    assert init.get("a")["starts"] == 1
    assert init.get("b")["why"] == "needs a, which is failed"


def test_a_oneshot_that_ends_well_lets_its_dependents_start(init: InitProgram) -> None:
    init.unit("a", shell("echo mounted") + 'kind = "oneshot"\n')
    init.unit("b", SLEEP + 'needs = ["a"]\n')
    init.start()
    init.until_state("b", "up")
    assert init.state("a") == "done"


def test_readiness_by_notification_holds_the_dependents_back(init: InitProgram) -> None:
    go = init.folder / "go"
    script = (
        NOTIFY
        + f"""
say("STATUS=loading")
while not os.path.exists("{go}"): time.sleep(0.01)
say("READY=1\\nSTATUS=serving")
time.sleep(1000)"""
    )
    init.unit("a", python(script) + 'ready = "notify"\n')
    init.unit("b", SLEEP + 'needs = ["a"]\n')
    init.start()
    init.until(lambda: init.get("a")["status"] == "loading", "the status")
    assert (init.state("a"), init.state("b")) == ("starting", "waiting")
    go.touch()
    init.until_state("b", "up")
    assert init.get("a")["status"] == "serving"


def test_readiness_by_descriptor_and_by_path(init: InitProgram) -> None:
    path = init.folder / "deep" / "a.sock"
    init.unit("fd", shell("echo >&5; exec 5>&-; exec sleep 1000") + 'ready = "fd"\nready_fd = 5\n')
    script = f"sleep 0.1; mkdir -p {path.parent}; touch {path}; exec sleep 1000"
    init.unit("path", shell(script) + f'ready = "{path}"\nneeds = ["fd"]\n')
    init.start()
    init.until_state("path", "up")
    assert init.state("fd") == "up"


def test_a_start_that_takes_too_long_ends_in_a_restart(init: InitProgram) -> None:
    text = SLEEP + 'ready = "notify"\nstart_timeout = "100ms"\n[backoff]\ngive_up = 2\n'
    init.unit("a", text)
    init.start()
    told = init.until_state("a", "failed")["last_exit"]
    assert (told["cause"], told["signal"]) == ("start-timeout", "SIGTERM")
    assert told["message"] == "not ready within 0.1 s"


def test_a_starting_service_can_extend_its_time(init: InitProgram) -> None:
    script = (
        NOTIFY
        + """
say("EXTEND_TIMEOUT_USEC=20000000")
time.sleep(1.1)
say("READY=1")
time.sleep(1000)"""
    )
    # Without more time no start of it would ever come to its end.
    init.unit("a", python(script) + 'ready = "notify"\nstart_timeout = "1s"\n')
    init.start()
    init.until_state("a", "up")


def test_an_exit_before_it_is_ready_is_a_failure(init: InitProgram) -> None:
    init.unit("a", shell("exit 0") + 'ready = "notify"\nrestart = "always"\n[backoff]\ngive_up = 2\n')
    init.start()
    init.until_state("a", "failed")
    assert "ready" not in init.kinds("a")


def test_a_service_that_stops_petting_its_watchdog_is_killed(init: InitProgram) -> None:
    script = (
        NOTIFY
        + """
say("READY=1")
for _ in range(5):
    time.sleep(0.05)
    say("WATCHDOG=1")
print("hangs", flush=True)
time.sleep(1000)"""
    )
    init.unit("a", python(script) + 'ready = "notify"\nwatchdog = "800ms"\n')
    init.start()

    def ends() -> list[dict[str, Any]]:
        return [event for event in init.events() if event["kind"] == "service.exited"]

    # On a busy machine one that does not hang may pet it too late; it is started again.
    init.until(lambda: any(told["lines"] == ["hangs"] for told in ends()), "it ends as it hangs")
    assert {(told["cause"], told["signal"]) for told in ends()} == {("watchdog", "SIGKILL")}
    assert all(told["runtime_s"] > 0.8 for told in ends())
