"""The fixture ``dbus_daemon``: a real message bus of the test's own, at a socket below ``tmp_path``.

dbus_daemon.address                     what a daemon is given, as in DBUS_SYSTEM_BUS_ADDRESS
dbus_daemon.kill(); dbus_daemon.start() an outage
dbus_daemon.mock("logind")              python-dbusmock's template, as a process of Debian's Python (``needs_mock``)
"""

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <deny own="org.example.Denied"/>
  </policy>
</busconfig>
"""
DEADLINE = 30.0
_NAMES = {"logind": "org.freedesktop.login1", "bluez5": "org.bluez"}

needs_mock = pytest.mark.requires(
    "program:dbus-daemon", "path:/usr/lib/python3/dist-packages/dbusmock", "program:gdbus"
)


@dataclass
class DbusDaemon:
    """A message bus. Made by the fixture."""

    folder: Path
    mocks: list["Mock"] = field(default_factory=list["Mock"])

    def __post_init__(self) -> None:
        self.path = self.folder / "dbus.socket"
        self.config = self.folder / "dbus.conf"
        self.config.write_text(CONFIG.format(path=self.path))
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"unix:path={self.path}"

    @property
    def environ(self) -> dict[str, str]:
        """What has a program take it for the system's bus and the session's."""
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.address, "DBUS_SESSION_BUS_ADDRESS": self.address}

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = ("dbus-daemon", "--nofork", "--nopidfile", "--print-address", f"--config-file={self.config}")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline(), "dbus-daemon did not start"

    def kill(self) -> None:
        """End it at once, as a crash would; its socket stays behind. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def run(self, *command: str) -> str:
        """The output of a program that takes this bus for the system's, such as ``busctl`` or ``dbus-send``."""
        done = subprocess.run(
            command, env={"PATH": "/usr/bin:/bin", **self.environ}, capture_output=True, text=True, timeout=DEADLINE,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mock(self, template: str, *arguments: str) -> "Mock":
        """Start python-dbusmock with one of its templates and wait until it owns its name."""
        self.mocks.append(Mock(self, template, *arguments))
        return self.mocks[-1]

    def names(self) -> str:
        """Who is on the bus, as dbus-send prints it."""
        return self.run(
            "dbus-send",
            "--system",
            "--print-reply",
            "--dest=org.freedesktop.DBus",
            "/",
            "org.freedesktop.DBus.ListNames",
        )

    def close(self) -> None:
        for mock in self.mocks:
            mock.end()
        self.kill()


class Mock:
    """A template of python-dbusmock, and what it is told to do. Everything blocks."""

    def __init__(self, daemon: DbusDaemon, template: str, *arguments: str) -> None:
        self._daemon, self._name = daemon, _NAMES[template]
        command = ("/usr/bin/python3", "-m", "dbusmock", "--system", "--template", template, *arguments)
        env = {"PATH": "/usr/bin:/bin", **daemon.environ}
        self._process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        end = time.monotonic() + DEADLINE
        while self._name not in daemon.names():
            assert self.running, "dbusmock ended"
            assert time.monotonic() < end, f"{self._name} did not appear"

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def call(self, path: str, method: str, *arguments: str) -> str:
        """Call a method of an object, with arguments as GVariants' texts; return the answer as one."""
        where = ("--dest", self._name, "--object-path", path, "--method", method)
        return self._daemon.run("gdbus", "call", "--system", *where, "--", *arguments)

    def emit(self, path: str, interface: str, signal: str, signature: str, values: str) -> None:
        """Have it send a signal."""
        self.call(path, "org.freedesktop.DBus.Mock.EmitSignal", interface, signal, signature, values)

    def end(self) -> None:
        """End it, which so gives up its name. Idempotent."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def dbus_daemon(tmp_path: Path) -> Iterator[DbusDaemon]:
    """A message bus that runs."""
    folder = tmp_path / "dbus"
    folder.mkdir()
    daemon = DbusDaemon(folder)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.close()
