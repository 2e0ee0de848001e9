"""A bus server as a process of its own, whichever it is."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from lunix_cli.server import Program, Started


@contextmanager
def serving(program: Program, configuration: Path) -> Generator[tuple[int, Started]]:
    """Its process (pid) and what its log says, from when it serves; raise ``RuntimeError`` where it does not."""
    words: tuple[str | Path, ...] = (*program.words, "-c", configuration)
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    started = Started()
    try:
        while not started.ready:
            if not (line := process.stderr.readline()):
                raise RuntimeError(f"{program.name} did not start: {started.complaints}")
            started.read(line.rstrip())
        yield process.pid, started
    finally:
        process.kill()
        process.communicate()
