"""The logger writes what services said to disk, over its own death and that of files."""

import os
import signal
import sys
from pathlib import Path

from lunix_testing.init import InitProgram


def logger(program: InitProgram, *more: str) -> Path:
    folder = program.folder / "logs"
    words = [sys.executable, "-m", "lunix_init.logger", "--run", str(program.run), "--dir", str(folder), *more]
    program.unit("logger", f'exec = {words!r}\nready = "notify"\n[backoff]\nfirst = "200ms"\n')
    return folder


def texts(*paths: Path) -> list[str]:
    found = "".join(path.read_text() for path in paths if path.exists())
    return [line.partition(" ")[2] for line in found.splitlines()]


def test_every_line_is_written_once_though_the_logger_is_killed(init: InitProgram) -> None:
    folder = logger(init)
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.1; done; sleep 1000"
    init.unit("a", f'exec = ["sh", "-c", "{script}"]\n')
    init.start()
    pid = init.until_state("logger", "up")["pid"]
    init.until(lambda: "3" in texts(folder / "a.log"), "it writes")
    os.kill(pid, signal.SIGKILL)
    init.until(lambda: "9" in texts(folder / "a.log"), "it goes on")
    assert texts(folder / "a.log") == list("123456789")


def test_a_service_that_comes_later_is_logged_too(init: InitProgram) -> None:
    folder = logger(init)
    init.start()
    init.until_state("logger", "up")
    init.unit("late", 'exec = ["sh", "-c", "echo here; sleep 1000"]\n')
    init.until(lambda: texts(folder / "late.log") == ["here"], "its line is written")


def test_a_full_file_is_rotated_and_only_so_many_are_kept(init: InitProgram) -> None:
    folder = logger(init, "--size", "2000", "--keep", "2")
    script = "for i in $(seq 1000 1500); do echo $i; done; sleep 1000"
    init.unit("a", f'exec = ["sh", "-c", "{script}"]\n[log]\nlines = 1000\n')
    init.start()
    paths = [folder / name for name in ("a.log.2", "a.log.1", "a.log")]
    init.until(lambda: "1500" in texts(*paths), "all is written")
    assert texts(*paths)[-1] == "1500"
    assert len(list(folder.glob("a.log*"))) <= 3
