"""The logger writes what services said to disk, over its own death and that of files."""

import os
import signal
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lunix_init.logger import File
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


@contextmanager
def opened(folder: Path, most_bytes: int = 1000) -> Generator[File]:
    with closing(File(folder, "a", most_bytes, 3)) as file:
        yield file


def put(file: File, *numbers: int) -> None:
    for number in numbers:
        file.write("boot", [{"number": number, "at": 0, "text": str(number)}], 0)


@pytest.mark.parametrize("written", range(len("1970-01-01T00:00:00Z 2\n") + 1))
def test_a_logger_that_is_killed_in_the_midst_of_a_line_knows_where_it_was(tmp_path: Path, written: int) -> None:
    """Whatever of the second line came to the file, and though nothing was noted afterwards."""
    path = tmp_path / "a.log"
    with opened(tmp_path) as file:
        put(file, 1)
        size = path.stat().st_size
        put(file, 2)
    os.truncate(path, size + written)
    with opened(tmp_path) as file:
        assert file.last("another boot") == 0
        put(file, *range(file.last("boot") + 1, 4))
    assert texts(path) == ["1", "2", "3"]


def test_a_logger_that_is_killed_as_it_rotates_knows_where_it_was(tmp_path: Path) -> None:
    path, older = tmp_path / "a.log", tmp_path / "a.log.1"
    with opened(tmp_path, 10) as file:
        put(file, 1)
    path.rename(older)
    with opened(tmp_path, 10) as file:
        assert file.last("boot") == 1
        put(file, 2)
    assert (texts(older), texts(path)) == (["1"], ["2"])
    with opened(tmp_path, 10) as file:
        assert file.last("boot") == 2


@pytest.mark.parametrize("note", ["", "{", "[]", '{"boot": 1}', '{"boot": "boot", "number": 3}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, note: str) -> None:
    (tmp_path / ".a.last").write_text(note)
    with opened(tmp_path) as file:
        assert file.last("boot") == 0
