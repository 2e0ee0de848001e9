"""The ``lunix`` command as a person runs it: a process with an environment of its own, and ``lunix up`` as a fixture.

``lunix`` runs one command to its end. ``LunixUp`` is a ``lunix up --no-tail`` that was waited for; the fixture
``lunix_up`` starts them and ends them. All waits block.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_cli import proc
from lunix_testing.client import Nats, connect

DEADLINE = 30.0
SCRIPT = Path(sys.executable).parent / "lunix"
_FOREIGN = ("DBUS_", "DISPLAY", "LUNIX_", "NATS_", "NOTIFY_", "WATCHDOG_", "WAYLAND_", "XAUTHORITY", "XDG_", "NO_COLOR")


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a person who has just logged in, with ``lunix`` on PATH."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    clean["PATH"] = f"{SCRIPT.parent}:{clean['PATH']}"
    return clean | dict(more or {})


@dataclass(frozen=True)
class Result:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


def lunix(*arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None) -> Result:
    """Run one ``lunix`` command to its end."""
    done = subprocess.run(
        [str(SCRIPT), *arguments],
        env=environ(env),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def hear_signals() -> None:
    """Between fork and exec: ignore no signal that ends a program."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@dataclass
class Running:
    """A command that goes on: its lines, as they come, and its end."""

    arguments: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    stderr: int = subprocess.PIPE

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            [str(SCRIPT), *self.arguments],
            env=environ(self.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            start_new_session=True,
            # A shell without job control, as scripts have it, starts what is in the background with Ctrl-C ignored.
            preexec_fn=hear_signals,
        )
        assert self.process.stdout is not None
        self._streams = {"out": self.process.stdout, "err": self.process.stderr or self.process.stdout}
        self._rest = {"out": b"", "err": b""}
        self.lines: dict[str, list[str]] = {"out": [], "err": []}

    def line(self, wanted: str = "", stream: str = "out", seconds: float = DEADLINE) -> str:
        """The next line, from where the last call stopped, that contains this text."""
        end = time.monotonic() + seconds
        while True:
            while b"\n" in self._rest[stream]:
                raw, _, self._rest[stream] = self._rest[stream].partition(b"\n")
                line = raw.decode(errors="replace")
                self.lines[stream].append(line)
                if wanted in line:
                    return line
            source = self._streams[stream]
            ready = select.select([source], [], [], max(end - time.monotonic(), 0))[0]
            chunk = os.read(source.fileno(), 65536) if ready else b""
            if not chunk:
                raise AssertionError(f"{self.arguments}: no line with {wanted!r} among {self.lines!r}")
            self._rest[stream] += chunk

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.arguments} did not stop") from None

    def close(self) -> None:
        """End it, whatever it does, and give its descriptors back."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in {*self._streams.values()}:
            stream.close()


class LunixUp(Running):
    """``lunix up --no-tail`` with a state directory of its own."""

    def __init__(self, state: Path, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.state = state
        self.log = state.with_name(f"{state.name}.log")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            more = ("--state", str(state), "--no-tail", *(arguments or ("--port", "0")))
            super().__init__(("up", *more), env or {}, log.fileno())

    @property
    def url(self) -> str:
        return str(json.loads((self.state / "bus.json").read_bytes())["url"])

    @property
    def record(self) -> dict[str, Any]:
        """What it says of its processes: ``units.json``."""
        found: dict[str, Any] = json.loads((self.state / "run" / "units.json").read_bytes())
        return found

    def wait_ready(self, seconds: float = DEADLINE) -> None:
        try:
            assert self.line(seconds=seconds) == "ready"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()}") from None

    def close(self) -> None:
        super().close()
        # What the next one on the same state would clear away, of one that a test has killed.
        with suppress(OSError, ValueError, KeyError):
            shutil.rmtree(self.record["init"]["run"])

    async def connect(self, role: str) -> Nats:
        """A plain nats-py client with the key of a role."""
        return await connect(self.url, nkeys_seed=str(self.state / "keys" / f"{role}.nk"))

    def __call__(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command on this bus."""
        name, *rest = arguments
        return lunix(name, "--state", str(self.state), *rest, stdin=stdin)


def wait_until(met: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Look again and again, for what nothing tells an event of."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.02)


def gone(pids: Iterable[int]) -> bool:
    """Whether none of these processes runs any more."""
    return all(proc.started(pid) is None for pid in pids)


@pytest.fixture
def lunix_up(tmp_path: Path) -> Iterator[Callable[..., LunixUp]]:
    """Start ``lunix up``; each one that still runs at the end is stopped, and has to exit with 0."""
    started: list[LunixUp] = []

    def start(*arguments: str, env: Mapping[str, str] | None = None, wait: bool = True) -> LunixUp:
        up = LunixUp(tmp_path / "state", *arguments, env=env)
        started.append(up)
        if wait:
            up.wait_ready()
        return up

    try:
        yield start
        for up in started:
            if up.process.poll() is None:
                assert up.stop() == 0
    finally:
        for up in started:
            up.close()


@pytest.fixture(scope="module")
def shared_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LunixUp]:
    """One ``lunix up`` for all tests of a module, which leave it as it is."""
    up = LunixUp(tmp_path_factory.mktemp("up") / "state")
    try:
        up.wait_ready()
        yield up
        assert up.stop() == 0
    finally:
        up.close()
