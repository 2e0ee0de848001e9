"""The commands on a page of the documentation, run as a reader would type them, and what the page says they print.

A block of commands is a ``{code-block} console`` whose caption says where they are typed. A line that begins with
``$ `` is a command, the lines below it are what it prints, on both streams; ``…`` stands for anything.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lunix_testing.command import DEADLINE, environ

_BLOCK = re.compile(r"```\{code-block\} console\n:caption: (?P<where>.*)\n(?P<text>(?:.*\n)*?)```")


@dataclass(frozen=True)
class Command:
    """One command of a page."""

    where: str
    """The caption of its block."""
    line: str
    printed: str


def commands(page: Path) -> Iterator[Command]:
    """Those of a page, from top to bottom."""
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
            line, _, printed = part.partition("\n")
            yield Command(block["where"], line, printed.strip("\n"))


def type_in(folder: Path, line: str, shell: str, state: Path) -> str:
    """Type a command into a shell that keeps what was exported, ``shell`` by name; return what it prints."""
    exported = folder / f".{shell}.env"
    exported.touch()
    script = f'. "$1"; {{ {line}\n}} 2>&1; export -p > "$1"'
    done = subprocess.run(
        ("bash", "--norc", "-c", script, shell, exported),
        cwd=folder,
        env=environ({"LUNIX_STATE": str(state)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout


def is_as_shown(printed: str, shown: str) -> bool:
    """Whether a command printed what the page shows."""
    pattern = ".*".join(map(re.escape, shown.split("…")))
    return re.fullmatch(pattern, printed.strip("\n"), re.DOTALL) is not None
