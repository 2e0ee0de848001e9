"""Daemons that are forked from the zygote look and behave like those that are exec'd."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_testing.init import InitProgram, alive

DAEMON = """
import os, signal, socket, sys, time, json, threading

IMPORTED_IN = os.getpid()

def main():
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "exit":
        return int(sys.argv[2])
    if what == "raise":
        raise ValueError("a bug")
    if what == "leave":
        sys.exit("a reason")
    print(json.dumps({
        "argv": sys.argv, "pid": os.getpid(), "ppid": os.getppid(), "uid": os.getuid(),
        "session": os.getsid(0), "cwd": os.getcwd(), "mark": os.environ.get("LUNIX_UNIT"),
        "state": "LUNIX_INIT_STATE" in os.environ, "greeting": os.environ.get("GREETING"),
        "fds": sorted(int(x) for x in os.listdir("/proc/self/fd"))[:-1],
        "comm": open("/proc/self/comm").read().strip(),
        "cmdline": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"),
        "int": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "blocked": [line.split()[1] for line in open("/proc/self/status") if line.startswith("SigBlk")],
        "oom": os.access("/proc/self/oom_score_adj", os.W_OK), "threads": threading.active_count(),
        "asyncio": "asyncio" in sys.modules, "imported_in": IMPORTED_IN,
    }), flush=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        if os.environ.get("NOTIFY_SOCKET"):
            s.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    time.sleep(1000)
"""


@pytest.fixture
def init() -> Iterator[InitProgram]:
    with InitProgram() as made:
        package = made.folder / "lib" / "forked_daemon"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(DAEMON)
        made.environment("PYTHONPATH", str(package.parent))
        yield made


def told(program: InitProgram, name: str) -> dict[str, object]:
    import json

    program.until(lambda: program.lines(name), f"{name} tells about itself")
    found: dict[str, object] = json.loads(program.lines(name)[0])
    return found


def test_pid_1_and_the_zygote_settle_where_their_interpreter_can(init: InitProgram) -> None:
    folder = init.folder / "lib"
    for name, function in (("lunix_settle", "settle"), ("lunix_warm_up", "warm_up")):
        (folder / f"{name}.py").write_text(
            f"import os, sys\ndef {function}():\n"
            f"    sys.told = [*getattr(sys, 'told', ()), ({function!r}, os.getpid())]\n"
        )
    (folder / "forked_daemon" / "__main__.py").write_text(
        "import os, sys\nIMPORTED_IN = os.getpid()\n"
        "def main():\n"
        "    zygote, first = IMPORTED_IN, sys.told[0][1]\n"
        "    told = [('settle', first), *((name, zygote) for name in ('warm_up', 'settle'))]\n"
        "    print(sys.told == told and first != zygote != os.getpid(), flush=True)\n"
    )
    init.unit("a", 'python = "forked_daemon"\nkind = "oneshot"\n')
    init.start()
    init.until_line("a", "True")


def test_a_forked_daemon_looks_like_one_that_is_execed(init: InitProgram) -> None:
    user = 'user = "nobody"\n' if os.geteuid() == 0 else ""
    text = f'ready = "notify"\ncwd = "/usr"\n{user}[env]\nGREETING = "hello"\n'
    init.unit("a", f'python = "forked_daemon"\nargs = ["-v", "x y"]\n{text}')
    init.start()
    pid = init.until_state("a", "up")["pid"]
    found = told(init, "a")
    assert init.process
    assert found["argv"] == found["cmdline"] == ["forked_daemon", "-v", "x y"]
    assert (found["pid"], found["ppid"], found["session"]) == (pid, init.process.pid, pid)
    assert (found["cwd"], found["mark"], found["greeting"]) == ("/usr", "a", "hello")
    assert found["comm"] == "forked_daemon"
    assert found["fds"] == [0, 1, 2]
    assert found["int"] is True
    assert found["blocked"] == ["0" * 16]
    assert found["threads"] == 1
    assert found["state"] is False
    assert found["asyncio"] is True
    if user:
        assert found["uid"] == 65534
        assert found["oom"] is True  # dumpable again: its files in /proc are its own


def test_its_exits_are_told_like_any_others(init: InitProgram) -> None:
    for name, args in (("code", '"exit", "7"'), ("bug", '"raise"'), ("reason", '"leave"')):
        init.unit(name, f'python = "forked_daemon"\nargs = [{args}]\nrestart = "never"\n')
    init.unit("absent", 'python = "no_such_module"\nrestart = "never"\n')
    init.start()
    exits = {name: init.until_state(name, "failed")["last_exit"] for name in ("code", "bug", "reason", "absent")}
    assert (exits["code"]["code"], exits["code"]["cause"]) == (7, "exited")
    assert exits["bug"]["code"] == 1
    assert exits["bug"]["lines"][-1] == "ValueError: a bug"
    assert exits["reason"]["lines"] == ["a reason"]
    assert exits["absent"]["cause"] == "exec-failed"
    assert "No module named 'no_such_module'" in exits["absent"]["message"]


def zygote(program: InitProgram) -> int:
    assert program.process
    pid = program.process.pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if Path(f"/proc/{child}/comm").read_text() == "lunix-zygote\n":
            return int(child)
    return 0


def test_what_units_run_is_imported_once_and_a_module_that_cannot_be_harms_no_other(init: InitProgram) -> None:
    broken = init.folder / "lib" / "broken_daemon"
    broken.mkdir()
    (broken / "__init__.py").touch()
    (broken / "__main__.py").write_text("raise RuntimeError('at its import')\n")
    init.unit("a", 'python = "forked_daemon"\nready = "notify"\n')
    init.unit("broken", 'python = "broken_daemon"\nrestart = "never"\n')
    init.start()
    init.until_state("a", "up")
    assert told(init, "a")["imported_in"] == zygote(init)
    assert init.until_state("broken", "failed")["last_exit"]["message"].endswith("at its import")


def test_the_death_of_the_zygote_harms_nobody_and_it_is_made_again(init: InitProgram) -> None:
    init.unit("a", 'python = "forked_daemon"\nready = "notify"\n')
    init.start()
    pid = init.until_state("a", "up")["pid"]
    first = zygote(init)
    assert first
    os.kill(first, signal.SIGKILL)
    init.until(lambda: not alive(first), "it is dead")
    assert init.get("a")["pid"] == pid
    init.do("restart", name="a", wait=True)
    init.until_state("a", "up")
    assert zygote(init) not in (0, first)


def test_a_reexec_keeps_forked_daemons_and_makes_a_new_zygote(init: InitProgram) -> None:
    init.unit("a", 'python = "forked_daemon"\nready = "notify"\n')
    init.unit("late", 'python = "forked_daemon"\nready = "notify"\nautostart = false\n')
    init.start()
    pid = init.until_state("a", "up")["pid"]
    first = zygote(init)
    # Also one that is being forked at that moment.
    init.do("start", name="late")
    init.do("reexec")
    init.until(lambda: not alive(first), "the old zygote ends")
    init.until_state("late", "up")
    assert init.get("a")["pid"] == pid
    init.do("restart", name="a", wait=True)
    init.until_state("a", "up")
    assert zygote(init) != first


def test_a_stop_while_it_is_being_forked_leaves_nothing(init: InitProgram) -> None:
    init.unit("a", 'python = "forked_daemon"\nready = "notify"\n')
    init.start()  # the zygote still imports
    assert init.do("stop", name="a", wait=True)["state"] == "down"
    init.unit("b", 'python = "forked_daemon"\nready = "notify"\n')
    init.until_state("b", "up")
    assert init.process
    pid = init.process.pid
    init.until(
        lambda: len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()) == 2,
        "only the zygote and b are left",
    )


def test_init_answers_while_the_zygote_imports(init: InitProgram) -> None:
    gate = init.folder / "gate"
    os.mkfifo(gate)
    package = init.folder / "lib" / "slow_daemon"
    package.mkdir()
    (package / "__init__.py").write_text(f"open({str(gate)!r}).read()\n")
    (package / "__main__.py").write_text(DAEMON)
    init.unit("slow", 'python = "slow_daemon"\nready = "notify"\n')
    init.unit("quick", 'exec = ["sleep", "1000"]\n')
    init.start()
    with gate.open("w"):  # which returns when the import has begun; it ends with this block
        init.until_state("quick", "up")
        assert init.state("slow") != "up"
    init.until_state("slow", "up")
