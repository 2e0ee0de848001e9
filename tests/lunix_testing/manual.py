"""The commands of the manual: found in its blocks, and typed into a shell as a reader would.

A block is fenced as ``console``. A line of it that begins with ``$ `` is a command, one with ``# `` is a command of
root's; the lines below are what it prints. What each page needs to be run, and which commands are not run and why, is
in ``tests/process/manual.toml``.
"""

import os
import re
import select
import signal
import subprocess
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lunix_cli.__main__ import INTERRUPTED
from lunix_testing.tree import ROOT, files

DEADLINE = 120.0
"""For one command, on a machine that has much else to do."""
LISTED = ROOT / "tests" / "process" / "manual.toml"
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?:console|\{code-block\} console)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
_COMMENT = re.compile(r"\s{2,}# .*")
REFUSED = re.compile(r"[\w./-]+(:\d+)?: ")
_GOES_ON = re.compile(r"lunix sub\b")
_HARMLESS = re.compile(
    r"""(?:[A-Z_]+=\S+\ )?(?:
    \.\ \.venv/bin/activate | eval\ "\$\(lunix\ env |
    (?:lunix-\w+|natsdev)\b.*\ --check\b | lunix\ install\ .*--dry-run |
    lunix\ request\ (?!init\.|power\.suspend|mount\.(?:un)?mount|wm\.exec) |
    lunix\ init\ (?:list|status|restart\ toast|logs|usage|check|graph)\b |
    lunix\ (?:sub|pub|subjects|env|access|token|script|status|doctor|completion|--version)\b
    )""",
    re.VERBOSE,
)
_COUNTS = re.compile(r" --count\b")
_FOLLOWS = re.compile(r"^(lunix \w+ logs) (?:-f|--follow)\b")
"""Asked for what there is, without going on: nothing tells when it follows."""


@dataclass(frozen=True)
class Command:
    """One command of a page."""

    page: str
    line: str
    """As it is typed, without the comment behind it."""
    root: bool
    printed: str
    """What the page says that it prints; empty where it says nothing."""
    block: int
    """The number of its block."""

    @property
    def goes_on(self) -> bool:
        """Whether it listens, until Ctrl-C or for as many messages as it was told."""
        return _GOES_ON.match(self.line) is not None

    @property
    def harmless(self) -> bool:
        """Whether it may be run though nobody has looked at it: it changes nothing but the bus of the test."""
        bare = re.sub(r"'[^']*'", "", self.line)
        return _HARMLESS.match(self.line) is not None and not set(bare) & set("|;&<>")

    @property
    def fails(self) -> bool:
        """Whether the page shows how it is refused: by a line that begins with who says so, and a colon."""
        return REFUSED.match(self.printed) is not None


def pages() -> list[str]:
    """Every page that a person reads, by its path from the checkout; decisions are history."""
    shown = (path.relative_to(ROOT) for path in files() if path.suffix == ".md")
    return [
        str(path)
        for path in shown
        if path.parts[0] in ("README.md", "CONTRIBUTING.md", "docs") and path.parts[1:2] != ("adr",)
    ]


def commands(page: str) -> list[Command]:
    """Those of one page, from top to bottom."""
    return list(in_text(page, (ROOT / page).read_text(encoding="utf-8")))


def in_text(page: str, text: str) -> Iterator[Command]:
    """The commands in the text of a page."""
    for number, block in enumerate(_BLOCK.finditer(text)):
        lines = [line.removeprefix(block["indent"]) for line in block["text"].splitlines()]
        for part in re.split(r"^(?=[$#] )", "\n".join(lines), flags=re.MULTILINE)[1:]:
            typed, _, printed = part.replace("\\\n", "").partition("\n")
            line = _COMMENT.sub("", typed[2:]).strip()
            yield Command(page, line, typed[0] == "#", printed.strip("\n"), number)


@dataclass(frozen=True)
class Plan:
    """How the commands of one page are run."""

    needs: tuple[str, ...] = ()
    """Of the machine, as of the mark ``requires``."""
    before: tuple[str, ...] = ()
    """Commands that set up what the page takes for granted."""
    after: tuple[str, ...] = ()
    """Commands that put away what it leaves."""
    also: tuple[str, ...] = ()
    """Commands that are run though they are more than words to ``lunix``."""
    stands_for: Mapping[str, str] = field(default_factory=dict[str, str])
    """Examples of names, and the shell's words for what they are here, worked out at the first use."""
    first: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a person does before a command, with an editor or by waiting, as a command."""
    typed: Mapping[str, str] = field(default_factory=dict[str, str])
    """Answers to what a command asks."""
    not_run: Mapping[str, str] = field(default_factory=dict[str, str])
    """Commands and why they are not run."""
    elsewhere: str = ""
    """The test that runs the whole page."""


def plans() -> dict[str, Plan]:
    """The committed list, by page."""
    listed = tomllib.loads(LISTED.read_text(encoding="utf-8"))
    return {page: _plan(table) for page, table in listed.items()}


def _plan(table: Mapping[str, Any]) -> Plan:
    strange = set(table) - {one.name for one in fields(Plan)}
    assert not strange, f"{LISTED}: {strange}"
    groups: list[dict[str, Any]] = table.get("not_run", [])
    return Plan(
        needs=tuple(table.get("needs", ())),
        before=tuple(table.get("before", ())),
        after=tuple(table.get("after", ())),
        also=tuple(table.get("also", ())),
        stands_for=table.get("stands_for", {}),
        first=table.get("first", {}),
        typed=table.get("typed", {}),
        not_run={command: str(group["why"]) for group in groups for command in group["commands"]},
        elsewhere=table.get("elsewhere", ""),
    )


class Terminal:
    """A shell on one page: what was exported stays for the next command, what goes on is ended with the page."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder = folder
        self._env = dict(env)
        self._exported = folder / ".exported"
        self._exported.touch()
        self._going_on: list[tuple[str, subprocess.Popen[bytes]]] = []

    def type(self, line: str, answer: str = "") -> tuple[int, str]:
        """Run a command to its end; return its exit code and what it printed on both streams."""
        line = _FOLLOWS.sub(r"\1", line)
        script = f'. "$1"; {{ {line}\n}} 2>&1; code=$?; export -p >"$1"; exit $code'
        process = self._asked(script, answer) if answer else self._start(script, subprocess.DEVNULL)
        try:
            printed = process.communicate(timeout=DEADLINE)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"{line}: did not end, and printed {process.communicate()[0]!r}") from None
        return process.returncode, printed.decode(errors="replace")

    def begin(self, line: str) -> None:
        """Start a command that goes on, and wait until it listens."""
        process = self._start(f'. "$1"; exec {line} 2>&1', subprocess.DEVNULL)
        self._going_on.append((line, process))
        said = until(process, b"listening")
        assert b"listening" in said, f"{line}: does not listen: {said!r}"

    def forget(self) -> None:
        """Be another terminal, in which nothing was exported."""
        self._exported.write_bytes(b"")

    def close(self) -> list[str]:
        """Press Ctrl-C for all that goes on, and wait for what ends by itself; return what did not end well."""
        wrong: list[str] = []
        for line, process in self._going_on:
            by_itself = _COUNTS.search(line) is not None
            if not by_itself:
                process.send_signal(signal.SIGINT)
            try:
                said = process.communicate(timeout=DEADLINE)[0]
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said = process.communicate()[0]
            if process.returncode != (0 if by_itself else INTERRUPTED):
                wrong.append(f"{line}: exit code {process.returncode}: {said.decode(errors='replace')}")
        self._going_on.clear()
        return wrong

    def _start(self, script: str, stdin: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ("bash", "--norc", "-c", script, "bash", self._exported),
            cwd=self._folder,
            env=self._env,
            stdin=stdin,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def _asked(self, script: str, answer: str) -> subprocess.Popen[bytes]:
        """Some ask only where a person sits."""
        keyboard, line = os.openpty()
        try:
            os.write(keyboard, f"{answer}\n".encode())
            process = self._start(script, line)
        finally:
            os.close(line)
        # Read from for as long as the process lives: closed here, its line would end before it has read.
        process.wait(DEADLINE)
        os.close(keyboard)
        return process


def until(process: subprocess.Popen[bytes], wanted: bytes) -> bytes:
    """What it prints until it has printed that, or ends."""
    assert process.stdout is not None
    end, said = time.monotonic() + DEADLINE, b""
    while wanted not in said:
        ready = select.select([process.stdout], [], [], max(end - time.monotonic(), 0))[0]
        chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
        if not chunk:
            break
        said += chunk
    return said


def differs(printed: str, shown: str) -> list[str]:
    """What the page shows and the command did not print, compared loosely.

    It is keys of JSON, first words of lines, or the last word of a refusal.
    """
    if REFUSED.match(shown):
        # Daemons say it in a line for people, or as JSON where nobody looks on.
        return [word for word in shown.split()[-1:] if word not in printed]
    if shown.startswith("{"):
        return [key for key in re.findall(r'"\w+":', shown) if key not in printed]
    words = printed.split()
    wanted = (line.split()[0] for line in shown.splitlines() if line.strip())
    return [word for word in wanted if "…" not in word and word not in words]
