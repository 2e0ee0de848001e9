"""How a child comes into its cgroup: made there, or moved there where the kernel cannot."""

import subprocess
import sys
from pathlib import Path

import pytest

from lunix_init.os_libc import clone3
from lunix_testing.init import InitProgram

pytestmark = [pytest.mark.root, pytest.mark.requires("cgroup2")]
NO_CLONE3 = """
import sys
from lunix_init import os_libc
from lunix_init.__main__ import main
os_libc._CLONE3 = 100_000  # no system call: the kernel answers as one does that is too old
sys.exit(main())
"""


def is_in_its_group(init: InitProgram) -> None:
    init.unit("a", 'exec = ["sh", "-c", "grep ^0:: /proc/self/cgroup; exec sleep 1000"]\n')
    if init.process is None:
        init.start()
    if not init.do("status")["cgroup"]:
        pytest.skip("needs a cgroup v2 hierarchy")
    told = init.until_state("a", "up")
    init.until(lambda: init.lines("a"), "it has looked")
    assert init.lines("a")[0].endswith("/a.unit")
    assert told["pid"] > 0
    stopped = init.do("stop", name="a", wait=True)
    assert stopped["last_exit"]["signal"] == "SIGTERM"


def test_a_service_is_in_its_cgroup_before_its_program_runs(init: InitProgram) -> None:
    is_in_its_group(init)


def test_a_kernel_without_clone3_moves_it_there(init: InitProgram) -> None:
    script = init.folder / "old.py"
    script.write_text(NO_CLONE3)
    init.command[:3] = [sys.executable, str(script)]
    is_in_its_group(init)


def test_a_group_that_is_left_over_and_was_told_to_kill_kills_no_newcomer(init: InitProgram) -> None:
    """Kernels since 6.14 would kill what is born there."""
    init.start()
    base = init.do("status")["cgroup"]
    if not base:
        pytest.skip("needs a cgroup v2 hierarchy")
    old = Path(base) / "a.unit"
    old.mkdir()
    (old / "cgroup.kill").write_text("1")
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        (old / "cgroup.procs").write_text(str(stranger.pid))  # so that the folder cannot be made anew
        is_in_its_group(init)
        stranger.kill()
    assert [event["kind"] for event in init.events()].count("service.exited") == 1


def test_what_is_no_cgroup_is_refused_with_errno() -> None:
    with pytest.raises(OSError, match="clone3: "), open("/dev/null") as file:  # noqa: PTH123
        clone3(file.fileno())
