"""Stopping a service leaves nothing behind, and nothing is inherited that should not be."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from lunix_testing.init import InitProgram, alive

ESCAPE = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def tell(name):
    with open("{folder}/" + name + ".draft", "w") as f: f.write(str(os.getpid()))
    os.rename("{folder}/" + name + ".draft", "{folder}/" + name + ".pid")
if os.fork() == 0:
    os.setsid()
    if os.fork(): os._exit(0)
    tell("double")
    os.execvp("sh", ["sh", "-c", "trap : TERM; while :; do sleep 1; done"])
if os.fork() == 0:
    tell("child")
    while True: time.sleep(100)
tell("main")
while True: time.sleep(100)
"""


def pids(folder: Path) -> dict[str, int]:
    return {path.stem: int(path.read_text()) for path in folder.glob("*.pid")}


@pytest.fixture(params=["cgroups", "bare"])
def either(request: pytest.FixtureRequest) -> InitProgram:
    name = "init" if request.param == "cgroups" else "bare_init"
    found: InitProgram = request.getfixturevalue(name)
    return found


def escaping(program: InitProgram) -> dict[str, int]:
    script = ESCAPE.format(folder=program.folder)
    (program.folder / "escape.py").write_text(script)
    program.unit("a", f'exec = ["{sys.executable}", "{program.folder}/escape.py"]\nstop = {{ timeout = "200ms" }}\n')
    program.start()
    program.until(lambda: len(pids(program.folder)) == 3, "all three run")
    return pids(program.folder)


def test_a_stop_ends_children_and_double_forks_that_ignore_it(either: InitProgram) -> None:
    found = escaping(either)
    told = either.do("stop", name="a", wait=True)
    assert told["state"] == "down"
    assert not [name for name, pid in found.items() if alive(pid)]
    assert told["last_exit"]["left_processes"] >= 1


def test_a_crash_of_the_main_process_ends_the_others_before_the_restart(
    either: InitProgram,
) -> None:
    found = escaping(either)
    os.kill(found["main"], signal.SIGKILL)
    either.until(lambda: either.get("a")["starts"] == 2, "it is started again")
    assert not [name for name, pid in found.items() if alive(pid)]


def test_the_end_of_init_leaves_nothing_behind(either: InitProgram) -> None:
    found = escaping(either)
    assert either.stop() == 0
    assert not [name for name, pid in found.items() if alive(pid)]


def test_what_a_killed_init_left_behind_is_ended_by_the_next_one(either: InitProgram) -> None:
    found = escaping(either)
    assert either.process
    either.process.kill()
    either.process.wait()
    assert alive(found["double"])
    either.start()
    either.until(lambda: not any(alive(pid) for pid in found.values()), "the old ones are gone")
    either.until_state("a", "up")


def test_an_orphan_without_a_mark_is_ended_with_init(bare_init: InitProgram) -> None:
    script = (
        "import os, time\nif os.fork() == 0:\n os.setsid()\n if os.fork(): os._exit(0)\n"
        f' open("{bare_init.folder}/wiped.pid", "w").write(str(os.getpid()))\n'
        ' os.execve("/bin/sleep", ["sleep", "1000"], {})\ntime.sleep(1000)'
    )
    (bare_init.folder / "wipe.py").write_text(script)
    bare_init.unit("a", f'exec = ["{sys.executable}", "{bare_init.folder}/wipe.py"]\n')
    bare_init.start()
    path = bare_init.folder / "wiped.pid"
    bare_init.until(lambda: path.exists() and path.read_text(), "the orphan runs")
    assert bare_init.stop() == 0
    assert not alive(int(path.read_text()))


def test_every_orphan_is_reaped(init: InitProgram) -> None:
    script = "for i in $(seq 500); do (sh -c 'sleep 0.3 &' &) ; done; sleep 1000"
    init.unit("a", f'exec = ["sh", "-c", "{script}"]\n')
    init.start()
    init.until(lambda: init.do("status")["orphans_reaped"] >= 500, "500 orphans are reaped", 60)
    init.until(lambda: not zombies(init), "no zombie is left")


def zombies(program: InitProgram) -> list[str]:
    """Return the children of init that are dead and not reaped."""
    assert program.process
    pid = program.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in children if not alive(int(child))]


FORKS = """
import os, socket, time
while not os.path.exists("{go}"): time.sleep(0.01)
read, write = os.pipe()
if os.fork():
    os.close(write)
    os.read(read, 1)
    os._exit(0)
os.close(read)
os.setsid()
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
    s.sendto(f"MAINPID={{os.getpid()}}\\nREADY=1".encode(), os.environ["NOTIFY_SOCKET"])
os.close(write)
time.sleep(1000)
"""
"""Its parent ends when it has said who it is."""


def forking(program: InitProgram) -> Path:
    """Start a unit that forks as soon as there is the file that is returned."""
    go = program.folder / "go"
    (program.folder / "fork.py").write_text(FORKS.format(go=go))
    program.unit("a", f'exec = ["{sys.executable}", "{program.folder}/fork.py"]\nready = "notify"\n')
    program.start()
    return go


def test_a_daemon_that_named_its_main_process_goes_on_though_init_hears_of_both_at_once(init: InitProgram) -> None:
    go = forking(init)
    parent = init.until_state("a", "starting")["pid"]
    assert init.process
    init.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, init.process.pid, os.WSTOPPED)
    go.touch()
    init.until(lambda: not alive(parent), "its parent has ended")
    init.process.send_signal(signal.SIGCONT)
    told = init.until_state("a", "up")
    assert told["pid"] != parent
    assert (told["starts"], alive(told["pid"])) == (1, True)


def test_a_forking_daemon_is_followed_to_its_main_process(init: InitProgram) -> None:
    forking(init).touch()
    told = init.until_state("a", "up")
    init.until(lambda: init.do("status")["orphans_reaped"] == 1, "its parent has ended, which must change nothing")
    assert init.get("a")["state"] == "up"
    pid = init.get("a")["pid"]
    assert pid == told["pid"]
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    init.until(lambda: init.get("a")["starts"] == 2, "its death is seen")
    assert init.get("a")["last_exit"]["signal"] == "SIGKILL"


def test_a_child_inherits_no_descriptor_no_mask_and_no_ignored_signal(init: InitProgram) -> None:
    script = (
        "import os\nprint(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])\n"
        "for line in open('/proc/self/status'):\n"
        "    if line.startswith(('SigBlk', 'SigIgn')): print(line.split()[1])\n"
        "print(os.getsid(0) == os.getpid(), os.readlink('/proc/self/fd/0'))"
    )
    (init.folder / "look.py").write_text(script)
    # -I -S: nothing but what is inherited; Python itself ignores SIGPIPE and SIGXFSZ.
    init.unit("a", f'exec = ["{sys.executable}", "-IS", "{init.folder}/look.py"]\nkind = "oneshot"\n')
    init.unit("b", 'exec = ["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"]\nkind = "oneshot"\n')
    read, write = os.pipe()
    os.set_inheritable(write, True)
    init.start()
    os.close(read)
    os.close(write)
    init.until_state("a", "done")
    init.until_state("b", "done")
    # 3 is the directory that is being listed.
    assert init.lines("a")[0] in ("[0, 1, 2]", "[0, 1, 2, 3]")
    assert init.lines("a")[-1] == "True /dev/null"
    # Whoever was started by glibc's posix_spawn, as make does it, ignores 32 and 33: they are the C library's own.
    assert [int(line.split()[1], 16) & ~(3 << 31) for line in init.lines("b")] == [0, 0]


def test_a_child_gets_what_its_unit_says(init: InitProgram) -> None:
    script = "id -un; id -gn; umask; pwd; nice; ulimit -n; echo $HOME $GREETING; cat /proc/self/oom_score_adj"
    init.unit(
        "a",
        f'exec = ["sh", "-c", "{script}"]\nkind = "oneshot"\ncwd = "/usr"\numask = "027"\nnice = 7\n'
        + ('user = "nobody"\n' if os.geteuid() == 0 else "")
        + '[limits]\nnofile = 77\n[env]\nGREETING = "hello"\n',
    )
    init.start()
    init.until_state("a", "done")
    lines = init.lines("a")
    if os.geteuid() == 0:
        assert lines[:2] == ["nobody", "nogroup"]
        assert lines[6] == "/nonexistent hello"
    assert lines[2:6] == ["0027", "/usr", str(os.nice(0) + 7), "77"]


@pytest.mark.root
def test_capabilities_are_limited_to_those_that_are_named(init: InitProgram) -> None:
    init.unit(
        "a",
        'exec = ["grep", "Cap", "/proc/self/status"]\nkind = "oneshot"\nuser = "nobody"\n'
        'capabilities = ["net_bind_service"]\n',
    )
    init.start()
    init.until_state("a", "done")
    found = dict(line.split() for line in init.lines("a"))
    assert {int(value, 16) for value in found.values()} == {1 << 10}


@pytest.mark.root
def test_a_limit_that_the_kernel_cannot_enforce_is_shown(bare_init: InitProgram) -> None:
    bare_init.unit("a", 'exec = ["sleep", "1000"]\n[limits]\nmemory = "64M"\nnofile = 100\n')
    bare_init.start()
    assert bare_init.until_state("a", "up")["unenforced_limits"] == ["memory"]


def test_a_status_from_a_script_arrives_though_its_sender_has_ended(init: InitProgram) -> None:
    script = (
        f"{sys.executable} -c 'import os, socket; "
        "socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto("
        'b\\"READY=1\\", os.environ[\\"NOTIFY_SOCKET\\"])\'; sleep 1000'
    )
    init.unit("a", f'exec = ["sh", "-c", "{script}"]\nready = "notify"\n')
    init.start()
    init.until_state("a", "up")


@pytest.mark.root
def test_a_stranger_cannot_speak_for_a_service(init: InitProgram) -> None:
    init.unit("a", 'exec = ["sleep", "1000"]\nready = "notify"\n')
    init.start()
    init.until_state("a", "starting")
    say(f"{init.run}/n/a", b"READY=1\nSTATUS=forged", uid=65534)
    say(f"{init.run}/n/a", b"STATUS=heard", uid=0)
    init.until(lambda: init.get("a")["status"] == "heard", "root's word is heard")
    assert init.state("a") == "starting"


def say(path: str, data: bytes, uid: int) -> None:
    """Send a datagram as another user."""
    pid = os.fork()
    if not pid:
        os.setuid(uid)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(data, path)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_getty_owns_its_terminal_and_is_started_again(init: InitProgram) -> None:
    master, slave = os.openpty()
    script = "tty; echo hello > /dev/tty; read line; echo got $line"
    tty = os.ttyname(slave)
    init.unit("a", f'exec = ["sh", "-c", "{script}"]\nkind = "getty"\ntty = "{tty}"\n')
    init.start()
    init.until_state("a", "up")
    told = b""
    while b"hello" not in told:
        told += os.read(master, 1000)
    assert told.split() == [tty.encode(), b"hello"]
    os.write(master, b"a word\n")
    init.until(lambda: init.get("a")["starts"] >= 2, "it is started again")
    while b"got a word" not in told:
        told += os.read(master, 1000)
    init.do("stop", name="a", wait=True)
    os.close(master)
    os.close(slave)


def test_init_ends_with_what_started_it_when_asked_to(init: InitProgram) -> None:
    init.unit("a", 'exec = ["sleep", "1000"]\n')
    code = "import subprocess, sys, time\nsubprocess.Popen(sys.argv[1:]); time.sleep(1000)"
    init.command = [sys.executable, "-c", code, *init.command, "--with-parent"]
    init.start()
    pid = init.until_state("a", "up")["pid"]
    assert init.process
    init.process.kill()
    init.until(lambda: not alive(pid), "all is stopped")


@pytest.mark.root
def test_an_ordinary_user_can_run_it(init: InitProgram) -> None:
    """The interpreter may not be his to read: so it loads all that it needs, and then becomes him."""
    script = (
        "import argparse, difflib, grp, locale, os, pwd, shutil, sys\nimport lunix_init.__main__ as program\n"
        "from encodings import latin_1, ascii, idna\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\nsys.exit(program.main())"
    )
    init.folder.chmod(0o777)
    init.command[:3] = [sys.executable, "-c", script]
    init.unit(
        "a",
        'exec = ["sh", "-c", "id -u; trap \'\' TERM; setsid sleep 1000 & exec sleep 1000"]\nstop = { timeout = 1 }\n',
    )
    init.start()
    pid = init.until_state("a", "up")["pid"]
    assert init.do("status")["cgroup"] is None
    init.until_line("a", "65534")
    assert init.stop() == 0
    assert not alive(pid)
    assert not [x for x in Path("/proc").glob("[0-9]*") if marked(x, str(init.run))]


def marked(process: Path, run: str) -> bool:
    """Whether a process still runs that has something of this test in its environment."""
    try:
        return run.encode() in (process / "environ").read_bytes()
    except OSError:
        return False


@pytest.mark.requires("cgroup2")
@pytest.mark.root
def test_a_threshold_of_use_is_an_event(init: InitProgram) -> None:
    busy = "import os\nfor _ in range(3 * os.cpu_count()): os.fork()\nwhile True: pass"
    (init.folder / "busy.py").write_text(busy)
    init.unit("a", f'exec = ["{sys.executable}", "{init.folder}/busy.py"]\n[pressure]\ncpu = 10\n')
    init.start()
    init.until(lambda: high(init), "the kernel tells")
    init.do("stop", name="a", wait=True)
    assert high(init)[0]["service"] == "a"
    assert high(init)[0]["resource"] == "cpu"


def high(program: InitProgram) -> list[dict[str, object]]:
    return [event for event in program.events() if event["kind"] == "usage.high"]
