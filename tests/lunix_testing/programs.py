"""Programs that run for as long as a test wants, under a name of the test's."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def named(path: str | Path) -> str:
    """Make a program of this path, which goes on until its input ends: a copy of cat(1)."""
    shutil.copy("/bin/cat", path)
    return str(path)


def running(path: str) -> subprocess.Popen[bytes]:
    """Such a program that has its name: Popen itself returns a moment before that."""
    process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"a line\n")
    process.stdin.flush()
    process.stdout.readline()
    return process


@contextmanager
def holding(path: str | Path) -> Generator[subprocess.Popen[bytes]]:
    """A new program of this path runs, and is known by its name, for as long as the block does."""
    with running(named(path)) as process:
        yield process
        process.kill()


@contextmanager
def sole(name: str) -> Generator[None]:
    """For as long as the block lasts no other test that asks for it runs a program of this name: lunix-ps sees all
    processes of the machine, and so those of the tests' other parts.
    """
    with (Path(tempfile.gettempdir()) / f"lunix-tests-{os.geteuid()}-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
