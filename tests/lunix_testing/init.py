"""A real lunix-init for tests: its own run directory, its own units, and waits with a deadline."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lunix_init.control import Control

WAIT_S = 30.0

SLEEP = 'exec = ["sleep", "1000"]\n'
"""A unit that does nothing."""

NOTIFY = """
import os, socket, time
def say(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
"""
"""The beginning of a script that tells how it is with ``say("READY=1")``."""


def shell(script: str, more: str = "") -> str:
    """A unit that runs a script, with more of its settings."""
    return f"exec = {json.dumps(['sh', '-c', script])}\n{more}"


def python(script: str) -> str:
    """A unit that runs a script of Python."""
    return f"exec = {json.dumps([sys.executable, '-c', script])}\n"


class InitProgram:
    """A lunix-init that runs as a child of the test, and everything that it started."""

    def __init__(
        self,
        *arguments: str,
        prefix: Sequence[str] = (),
        program: Sequence[str] = (sys.executable, "-m", "lunix_init"),
        env: dict[str, str] | None = None,
    ) -> None:
        # Short: a socket's path holds 107 bytes. World readable: some services run as nobody.
        self.folder = Path(tempfile.mkdtemp(prefix="li", dir="/tmp"))
        self.folder.chmod(0o755)
        self.units = self.folder / "units"
        self.units.mkdir()
        self.run = self.folder / "run"
        self.log = self.folder / "init.log"
        self.command = [*prefix, *program, "--units", str(self.units), "--run", str(self.run)]
        self.command += arguments
        self._env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self._control: Control | None = None

    def unit(self, name: str, text: str) -> None:
        """Write a unit file in one step."""
        draft = self.units / f".{name}.draft"
        draft.write_text(textwrap.dedent(text))
        draft.rename(self.units / f"{name}.toml")

    def environment(self, name: str, value: str) -> None:
        """Set a variable for init, before it starts."""
        self._env[name] = value

    def start(self) -> Self:
        """Start the program and wait until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._env
            )
        self.until(self._answers, "init answers")
        return self

    def _answers(self) -> bool:
        if self.process and self.process.poll() is not None:
            raise AssertionError(f"init ended: {self.log.read_text()[-2000:]}")
        try:
            with Control.connect(self.run) as control:
                control.do("status")
        except (OSError, ValueError):
            return False
        return True

    def until(self, true: Callable[[], object], what: str, wait_s: float = WAIT_S) -> None:
        """Wait until something is true; fails with the log of init when it does not come."""
        deadline = time.monotonic() + wait_s
        while not self._quietly(true):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {wait_s} s: {what}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.005)

    def _quietly(self, true: Callable[[], object]) -> bool:
        """Ask, where init may run itself again meanwhile and so close the connection."""
        try:
            return bool(true())
        except ConnectionError:
            return False

    def do(self, verb: str, **args: object) -> Any:
        """Ask one thing on a connection of its own."""
        with Control.connect(self.run) as control:
            return control.do(verb, **args)

    def get(self, name: str) -> dict[str, Any]:
        """Return what is told about a service."""
        found: dict[str, Any] = self.do("get", name=name)
        return found

    def state(self, name: str) -> str:
        """Return the state of a service, "absent" when there is none."""
        found = {item["name"]: item["state"] for item in self.do("list")["items"]}
        return str(found.get(name, "absent"))

    def until_state(self, name: str, *states: str, wait_s: float = WAIT_S) -> dict[str, Any]:
        """Wait until a service is in one of the states; returns what is told about it."""
        self.until(lambda: self.state(name) in states, f"{name} is {' or '.join(states)}", wait_s)
        return {} if "absent" in states else self.get(name)

    def lines(self, name: str) -> list[str]:
        """Return the lines that a service wrote."""
        return [line["text"] for line in self.do("logs", name=name, most=10_000)["lines"]]

    def until_line(self, name: str, text: str) -> None:
        """Wait until a service has written a line."""
        self.until(lambda: text in self.lines(name), f"{name} says {text!r}")

    def events(self) -> list[dict[str, Any]]:
        """Return all events that are kept."""
        found: list[dict[str, Any]] = []
        with Control.connect(self.run) as control:
            last = control.do("events", since=0)["seq"]
            messages = control.messages()
            while last and (not found or found[-1]["seq"] < last):
                found += [message["event"] for message in (next(messages),) if "event" in message]
        return found

    def kinds(self, name: str) -> list[str]:
        """Return the kinds of a service's events, in order."""
        found = [event for event in self.events() if event.get("service") == name]
        return [str(event["kind"]).removeprefix("service.") for event in found]

    def stop(self, wait_s: float = WAIT_S) -> int:
        """Ask it to end and wait; returns its exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(wait_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process and self.process.poll() is None:
            # A PID 1 is ended with its namespace, by what made it.
            (self.process.kill if "--pid" in self.command else self.process.terminate)()
            try:
                self.process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.log.exists():
            sys.stderr.write(self.log.read_text()[-3000:])  # shown when the test failed
        shutil.rmtree(self.folder, ignore_errors=True)


def alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
