"""What is kept over boots: the seed of the random numbers, and the floor of the clock."""

import os
import subprocess
import sys
import time

from lunix_testing.init import InitProgram


def keep(program: InitProgram) -> None:
    words = [sys.executable, "-m", "lunix_init.keep", "--no-credit", "--dir", str(program.folder / "kept")]
    program.unit("keep", f'exec = {words!r}\nready = "notify"\n')


def test_a_seed_is_used_once_and_a_new_one_is_there_at_once_and_at_the_end(
    init: InitProgram,
) -> None:
    seed = init.folder / "kept" / "random.seed"
    keep(init)
    init.start()
    init.until_state("keep", "up")
    first = seed.read_bytes()
    assert len(first) == 512
    assert seed.stat().st_mode & 0o777 == 0o600
    init.do("stop", name="keep", wait=True)
    second = seed.read_bytes()
    init.do("start", name="keep", wait=True)
    third = seed.read_bytes()
    assert len({first, second, third}) == 3
    assert init.lines("keep")[0].startswith("seed absent")
    assert init.lines("keep")[1].startswith("seed loaded")


def test_a_folder_that_cannot_be_written_is_told_with_111() -> None:
    command = [sys.executable, "-m", "lunix_init.keep", "--dir", "/proc/nowhere"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert found.returncode == 111
    assert "/proc/nowhere" in found.stderr


def test_the_floor_of_the_clock_is_when_the_last_run_ended(init: InitProgram) -> None:
    stamp = init.folder / "kept" / "clock"
    keep(init)
    init.start()
    init.until_state("keep", "up")
    os.utime(stamp, (0, 0))
    init.do("stop", name="keep", wait=True)
    assert abs(stamp.stat().st_mtime - time.time()) < 60
