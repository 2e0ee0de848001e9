"""The fixture ``dbus_daemon``: a real message bus of the test's own, at a socket below ``tmp_path``.

dbus_daemon.address                     what a daemon is given, as in DBUS_SYSTEM_BUS_ADDRESS
dbus_daemon.kill(); dbus_daemon.start() an outage
dbus_daemon.mock("logind")              python-dbusmock's template, as a process of Debian's Python
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


@dataclass
class DbusDaemon:
    """A message bus. Made by the fixture."""

    folder: Path
    mocks: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

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

    def mock(self, template: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start python-dbusmock with one of its templates and wait until it owns its name."""
        command = ("/usr/bin/python3", "-m", "dbusmock", "--system", "--template", template, *arguments)
        process = subprocess.Popen(command, env={"PATH": "/usr/bin:/bin", **self.environ}, stdout=subprocess.DEVNULL)
        self.mocks.append(process)
        name = {"logind": "org.freedesktop.login1", "bluez5": "org.bluez"}[template]
        end = time.monotonic() + DEADLINE
        while name not in self.names():
            assert process.poll() is None, "dbusmock ended"
            assert time.monotonic() < end, f"{name} did not appear"
        return process

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

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End a mock, which so gives up its name."""
        process.kill()
        process.wait()

    def close(self) -> None:
        for process in self.mocks:
            self.end(process)
        self.kill()


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
