"""The small parts around the system calls: what they read and write, without a running init."""

import errno
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_init import boot, log, os_cgroup, os_libc, os_pressure, os_spawn, os_tree, os_watch, reexec, unit_dir
from lunix_init.graph import Fault
from lunix_init.journal import Journal
from lunix_init.machine import State
from lunix_init.service import Service
from lunix_init.unit import Backoff, Kind, Log, Ready, Restart, Stop, Unit

HYBRID = """\
24 1 0:22 / /sys/fs/cgroup rw - tmpfs cgroup rw
25 24 0:23 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
34 24 0:32 / /sys/fs/cgroup/uni\\040fied rw,relatime shared:1 - cgroup2 cgroup2 rw
"""


def test_the_cgroup_mount_is_found_on_a_hybrid_host() -> None:
    assert os_cgroup.find_mount(HYBRID) == "/sys/fs/cgroup/uni fied"
    assert os_cgroup.find_mount(HYBRID.replace("cgroup2", "x")) == ""


def test_the_own_cgroup_is_that_of_version_2() -> None:
    assert os_cgroup.own_path("4:memory:/a\n0::/user/me\n") == "user/me"
    assert os_cgroup.own_path("4:memory:/a\n") == ""


def test_a_cgroup_is_read_as_the_kernel_writes_it(tmp_path: Path) -> None:
    group = os_cgroup.Group(str(tmp_path))
    (tmp_path / "cpu.stat").write_text("usage_usec 1500\nuser_usec 1\n")
    (tmp_path / "memory.peak").write_text("4096\n")
    (tmp_path / "memory.events").write_text("low 0\noom_kill 2\n")
    (tmp_path / "io.stat").write_text("8:0 rbytes=10 wbytes=1\n8:16 rbytes=5 wbytes=2\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "cgroup.procs").write_text("7\n")
    (tmp_path / "below" / "cgroup.procs").write_text("8\n9\n")
    assert group.measure() == {
        "cpu_us": 1500,
        "memory_bytes": None,
        "memory_peak_bytes": 4096,
        "oom_kills": 2,
        "pids": 3,
        "io_read_bytes": 15,
        "io_write_bytes": 3,
    }


def test_limits_are_written_and_those_that_cannot_be_are_named(tmp_path: Path) -> None:
    for name in ("memory.max", "cpu.max"):
        (tmp_path / name).touch()
    wanted = (("cpu_percent", 50), ("memory", -1), ("nofile", 3), ("pids", 10))
    assert os_cgroup.Group(str(tmp_path)).limit(wanted) == ["pids"]
    assert (tmp_path / "memory.max").read_text() == "max"
    assert (tmp_path / "cpu.max").read_text() == "50000 100000"


def test_pressure_and_memory_events_are_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("some avg10=1.50 avg60=0.25 avg300=0.00 total=7\nfull avg10=0.00\n")
    fd = os.open(path, os.O_RDONLY)
    assert os_pressure.figures(fd) == {"avg10": 1.5, "avg60": 0.25}
    path.write_text("low 0\nmax 3\n")
    assert os_pressure.figures(fd) == {"low": 0, "max": 3}
    os.close(fd)


def test_mount_points_are_read_in_order() -> None:
    assert boot.mount_points(HYBRID)[0] == "/sys/fs/cgroup"
    assert boot.mount_points("nonsense\n" + HYBRID)[2] == "/sys/fs/cgroup/uni fied"


def test_the_report_of_a_child_is_understood_on_the_other_side() -> None:
    read, write = os.pipe()
    os_spawn.tell(write, os_spawn.StepError("cwd", OSError(errno.ENOENT, "x")))
    assert os_spawn.parse_report(os.read(read, 1000)) == (errno.ENOENT, "cwd: No such file or directory")
    os_spawn.tell(write, RuntimeError("a bug"))
    assert os_spawn.parse_report(os.read(read, 1000)) == (errno.EINVAL, "spawn: a bug")
    assert os_spawn.parse_report(b"noise")[0] == errno.EINVAL
    os.close(read)
    os.close(write)


def test_the_own_process_is_seen() -> None:
    found = os_tree.process(os.getpid())
    assert found
    assert (found.pid, found.ppid, found.session, found.zombie) == (
        os.getpid(),
        os.getppid(),
        os.getsid(0),
        False,
    )
    assert os_tree.process(1 << 22) is None
    assert os.getpid() in os_tree.processes()


def test_a_pid_that_was_reused_is_not_mistaken() -> None:
    found = os_tree.process(os.getpid())
    assert found
    assert os_tree.open_pidfd(found._replace(started=found.started - 1)) is None
    assert os_tree.open_pidfd(found._replace(pid=1 << 22)) is None


def test_a_way_is_walked_through_links_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("./real/../real")
    (tmp_path / "loop").symlink_to("loop")
    steps, exists = os_watch.walk(str(tmp_path / "link"))
    assert exists
    assert [step for step, _ in steps[-4:]] == [
        str(tmp_path),
        str(tmp_path / "link"),
        str(tmp_path / "real"),
        str(tmp_path / "real"),
    ]
    assert os_watch.walk(str(tmp_path / "real" / "gone"))[0][-1] == (str(tmp_path / "real"), "gone")
    assert os_watch.walk(str(tmp_path / "loop"))[1] is False


@given(st.binary(max_size=200))
def test_inotify_events_are_cut_out_of_anything(data: bytes) -> None:
    assert len(list(os_libc.inotify_events(data))) <= len(data) // 16


def test_units_are_read_and_compared(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (first / "a.toml").write_text('exec = "a"')
    (second / "a.toml").write_text('exec = "hidden"')
    (second / "b.toml").write_text('exec = "b"\nneeds = ["a"]')
    (second / "broken.toml").write_text("exec")
    (second / "empty.toml").touch()
    (second / ".c.toml").write_text("exec")
    (second / "d.toml").mkdir()
    found = unit_dir.read([str(first), str(second), str(tmp_path / "none")])
    assert {name: unit.exec for name, unit in found.units.items()} == {"a": ("a",), "b": ("b",)}
    assert sorted(found.errors) == ["broken", "d"]
    old = {"a": Unit("a", exec=("old",)), "broken": Unit("broken"), "gone": Unit("gone")}
    assert unit_dir.compare(old, found) == (("b",), ("a",), ("gone",))
    errors, warnings = unit_dir.check([str(first), str(tmp_path / "none")])
    assert errors == [f"{tmp_path / 'none'}: there is no such directory"]
    assert warnings == []


def test_a_cycle_refuses_its_units_alone() -> None:
    units = {"a": Unit("a", needs=("b",)), "b": Unit("b", after=("a",)), "c": Unit("c", needs=("a",))}
    found = unit_dir.without_cycles(unit_dir.Found(units, {}))
    assert sorted(found.units) == ["c"]
    assert Fault.CYCLE.value in found.errors["a"]


def test_a_service_is_the_same_after_it_was_saved_and_loaded() -> None:
    unit = Unit(
        "a",
        exec=("x", "y"),
        kind=Kind.GETTY,
        ready=Ready.FD,
        restart=Restart.ON_FAILURE,
        needs=("b",),
        capabilities=("chown",),
        env=(("A", "1"),),
        limits=(("nofile", 3),),
        pressure=(("cpu", 3),),
        backoff=Backoff(first=1.0),
        stop=Stop(2, 3.0),
        log=Log(7),
    )
    service = Service(unit)
    service.next_unit = unit._replace(nice=3)
    service.state, service.pid, service.output, service.failures = State.UP, 7, 12, 3
    service.ring.feed(b"one\ntwo")
    moved = Service.load(json.loads(json.dumps(service.save())))
    assert moved.unit == unit
    assert moved.next_unit == unit._replace(nice=3)
    assert moved.save() == service.save()
    assert moved.descriptors() == [12]
    assert moved.describe()["state"] == "up"


def test_a_journal_goes_on_after_it_was_saved() -> None:
    journal, moved = Journal(), Journal()
    journal.tell("a", x=1)
    journal.tell("b")
    moved.load(json.loads(json.dumps(journal.save())))
    heard: list[int] = []
    moved.listeners.append(lambda seq, _: heard.append(seq))
    moved.tell("c")
    assert (heard, moved.boot) == ([3], journal.boot)
    first, kept = moved.since(1)
    assert first == 2
    assert [json.loads(line)["event"]["kind"] for _, line in kept] == ["b", "c"]
    assert moved.since(3) == (4, [])


def test_three_faults_within_a_minute_are_too_many() -> None:
    now = time.monotonic()
    assert reexec.too_often([now - 59, now - 1, now], now)
    assert not reexec.too_often([now - 61, now - 1, now], now)


@pytest.mark.parametrize("kernel", [True, False])
def test_a_line_of_the_log_is_for_programs_or_for_people(tmp_path: Path, *, kernel: bool) -> None:
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    said = log.Log(fd, kernel=kernel)
    said.say("DEBUG", "not heard")
    said.info("ready", service="a")
    os.close(fd)
    said.error("nobody hears this, and nothing breaks")
    line = path.read_text()
    if kernel:
        assert line == '<6>lunix-init: info: ready service="a"\n'
    else:
        found = json.loads(line)
        assert (found["level"], found["message"], found["service"]) == ("INFO", "ready", "a")


def test_a_state_of_an_older_version_lacks_what_came_since() -> None:
    saved = Service(Unit("a", exec=("true",))).save()
    del saved["peak_bytes"]
    taken = Service.load(saved)
    assert taken.peak_bytes is None
    assert taken.unit == Unit("a", exec=("true",))
