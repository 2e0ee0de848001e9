"""The fixture ``daemon_process``: a daemon as a process of its own, as a supervisor starts it.

    daemon = daemon_process("lunix_toast", config='[toast]\\nrenderer = "none"')
    assert daemon.stop() == 0

It waits for readiness by ``--ready-fd``, keeps the log, and at the end of the test asks each daemon that still runs to
stop: one that does not exit with 0, takes longer than the contract allows, or whose log holds a traceback fails the
test. All waits block; a test that has to go on meanwhile puts them into ``asyncio.to_thread``.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.server import BusServer

DEADLINE = 30.0
# The last is said by a daemon that takes longer than the contract allows, and ends itself.
_DEFECTS = ("Traceback", "was never awaited", "did not stop in time")
_FOREIGN = ("DBUS_", "DISPLAY", "LUNIX_", "NATS_", "NOTIFY_", "WATCHDOG_", "WAYLAND_", "XAUTHORITY", "XDG_")


@dataclass
class Daemon:
    """A daemon's process, its readiness and its log. Made by ``daemon_process``."""

    command: list[str]
    environ: dict[str, str]
    log: list[str] = field(default_factory=list[str])
    """The lines that it wrote to stderr so far."""
    may_fail: bool = False
    """The test looks at the exit code and the log by itself."""
    stderr: int = subprocess.PIPE
    """A descriptor that it is given instead; there is no log then."""

    def __post_init__(self) -> None:
        self._news = threading.Condition()
        self._ready, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [*self.command, "--ready-fd", str(theirs)],
                env=self.environ,
                pass_fds=(theirs,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self.stderr,
                text=True,
                errors="replace",
            )
        finally:
            os.close(theirs)
        self._reader = threading.Thread(target=self._read, name="daemon.log", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def wait_ready(self, seconds: float = DEADLINE) -> None:
        """Return when it has said that it is ready, once."""
        readable, _, _ = select.select([self._ready], [], [], seconds)
        if not readable or os.read(self._ready, 64) != b"\n":
            raise AssertionError(f"{self.command} did not become ready:\n" + "\n".join(self.log))

    def is_ready(self) -> bool:
        """Whether it has said that it is ready, for one whose ``wait_ready`` nobody called yet."""
        readable = bool(select.select([self._ready], [], [], 0)[0])
        return readable and os.read(self._ready, 64) == b"\n"

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log as objects; lines that are no JSON are left out."""
        return [json.loads(line) for line in self.log if line.startswith("{")]

    def wait_for_log(self, text: str, since: int = 0, seconds: float = DEADLINE) -> str:
        """Wait for a line of the log that contains ``text``; return the line."""
        with self._news:
            self._news.wait_for(lambda: any(text in line for line in self.log[since:]) or not self.running, seconds)
        for line in self.log[since:]:
            if text in line:
                return line
        raise AssertionError(f"{self.command} did not log {text!r}:\n" + "\n".join(self.log[since:]))

    def wait_for_logs(self, text: str, count: int, seconds: float = 2 * DEADLINE) -> None:
        """Wait until so many lines of the log contain ``text``."""
        with self._news:
            seen = self._news.wait_for(lambda: sum(text in line for line in self.log) >= count, seconds)
        assert seen, f"{self.command} did not log {text!r} {count} times"

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def configure(self, text: str) -> None:
        """Give it another configuration file and have it read that."""
        Path(self.command[self.command.index("--config") + 1]).write_text(text, encoding="utf-8")
        self.signal(signal.SIGHUP)

    def wait(self, seconds: float = DEADLINE) -> int:
        """Wait for its end; return its exit code."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} still runs:\n" + "\n".join(self.log)) from None
        self._reader.join(DEADLINE)
        return code

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        if self.running:
            self.signal(signal.SIGTERM)
        return self.wait()

    def output(self) -> str:
        """What it wrote to stdout, once it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.read()

    def close(self) -> None:
        """End it, whatever it does, and give its descriptors back."""
        if self.running:
            self._process.kill()
        self._process.wait()
        self._reader.join(DEADLINE)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        os.close(self._ready)

    def tracebacks(self) -> list[str]:
        """The lines of the log that tell of a defect."""
        return [line for line in self.log if any(sign in line for sign in _DEFECTS)]

    def _read(self) -> None:
        for line in self._process.stderr or ():
            with self._news:
                self.log.append(line.rstrip("\n"))
                self._news.notify_all()
        self._process.wait()
        with self._news:
            self._news.notify_all()


@dataclass
class DaemonStarter:
    """What the fixture ``daemon_process`` is: call it to start a daemon."""

    folder: Path
    state: Path
    started: list[Daemon] = field(default_factory=list[Daemon])

    def __call__(
        self,
        package: str | Path,
        *arguments: str,
        config: str = "",
        env: Mapping[str, str] | None = None,
        wait: bool = True,
        may_fail: bool = False,
        state: Path | None = None,
        stderr: int = subprocess.PIPE,
    ) -> Daemon:
        """Start ``python -m package`` (or the script at a path) on the test's bus and wait until it is ready.

        ``config`` is the text of its configuration file, the only one that it reads. With ``wait=False`` readiness is
        not waited for; with ``may_fail`` neither its exit code nor its log are checked at the end.
        """
        file = self.folder / f"daemon-{len(self.started)}.toml"
        file.write_text(config, encoding="utf-8")
        what = ["-m", package] if isinstance(package, str) else [str(package)]
        command = [sys.executable, *what, "--state", str(state or self.state), "--config", str(file), *arguments]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        daemon = Daemon(command, clean | dict(env or {}), may_fail=may_fail, stderr=stderr)
        self.started.append(daemon)
        if wait:
            daemon.wait_ready()
        return daemon

    def close(self) -> None:
        """Stop all that runs, the last first, and fail for one that does not keep to the contract."""
        wrong: list[str] = []
        for daemon in reversed(self.started):
            try:
                code = daemon.stop()
                if not daemon.may_fail and (code != 0 or daemon.tracebacks()):
                    wrong.append(f"{daemon.command} exited with {code}:\n" + "\n".join(daemon.log))
            except AssertionError as error:
                wrong.append(str(error))
            finally:
                daemon.close()
        assert not wrong, "\n".join(wrong)


class NotifySocket:
    """The supervisor's end of the sd_notify protocol."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told: list[str] = []
        """Every line that was received."""
        self._read = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def wait_for(self, wanted: Callable[[str], bool] | str, seconds: float = DEADLINE) -> str:
        """The first line after the one that was waited for last that is ``wanted``, or for which it is true."""
        match = wanted if callable(wanted) else wanted.__eq__
        end = time.monotonic() + seconds
        while True:
            for index, line in enumerate(self.told[self._read :], self._read + 1):
                if match(line):
                    self._read = index
                    return line
            self._socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                self.told += self._socket.recv(65536).decode().splitlines()
            except TimeoutError:
                raise AssertionError(f"not told within {seconds:g} s; told was {self.told}") from None

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def daemon_process(bus_server: BusServer, tmp_path: Path) -> Iterator[DaemonStarter]:
    """Starts daemons on the test's bus; stops them, checked, at the end."""
    folder = tmp_path / "daemons"
    folder.mkdir()
    with closing(DaemonStarter(folder, bus_server.state)) as starter:
        yield starter


@pytest.fixture
def without_bus(tmp_path: Path) -> Iterator[DaemonStarter]:
    """Starts daemons where no bus ever was; stops them, checked, at the end."""
    with closing(DaemonStarter(tmp_path, tmp_path / "state")) as starter:
        yield starter


@pytest.fixture
def notify_socket(tmp_path: Path) -> Iterator[NotifySocket]:
    """A supervisor's socket: give a daemon ``env={"NOTIFY_SOCKET": str(notify_socket.path)}``."""
    found = NotifySocket(tmp_path / "notify")
    try:
        yield found
    finally:
        found.close()
