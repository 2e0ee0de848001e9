"""A room: a network and mount namespace of its own, with its own ``lo``, ``/sys``, ``/run`` and ``/dev``.

The kernel tells uevents of network interfaces in their own network namespace alone, and udevd keeps its data base and
sockets in ``/run``. So several device managers run on one machine, none hears the events of another's room, and
nothing of the machine itself is changed. It needs root.
"""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

DEADLINE_S = 20.0
STOP_S = 5.0
LO = "/devices/virtual/net/lo"

_FURNISH = """
set -e
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /dev
mknod -m 666 /dev/null c 1 3
mknod -m 666 /dev/zero c 1 5
mknod -m 666 /dev/urandom c 1 9
ip link set lo up
if test -n "$ETC"; then mount --bind "$ETC" /etc; fi
echo ready
exec cat
"""

_FOREIGN = ("DBUS_", "DISPLAY", "LUNIX_", "NATS_", "NOTIFY_", "WATCHDOG_", "XDG_")


class NoRoom(Exception):
    """This user or this kernel makes no rooms."""


class Process:
    """A process of the benchmark's own; ``close`` ends it by its pid."""

    def __init__(self, command: Sequence[str], *, pass_fds: Sequence[int] = (), log: IO[str] | None = None) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        self.command = list(command)
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=pass_fds,
            env=clean,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def close(self) -> None:
        """Ask it to end, and insist after a while; idempotent."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Room:
    """A context in which programs run by themselves. ``Room(None)`` is the machine itself, for what needs no events."""

    def __init__(self, name: str | None, folder: Path, *, etc: Mapping[str, str] | None = None) -> None:
        """``etc``: the files of an ``/etc`` of its own, for programs whose configuration has a fixed place."""
        self.name = name or "machine"
        self.folder = folder / self.name
        self.folder.mkdir(parents=True)
        self._processes: list[Process] = []
        self._descriptors: list[int] = []
        self._into: list[str] = []
        self._root = ""
        if name is not None:
            self._enclose(etc or {})

    def _enclose(self, etc: Mapping[str, str]) -> None:
        if os.geteuid() != 0:
            raise NoRoom("this benchmark makes uevents and namespaces, and so needs root")
        folder = self.folder / "etc"
        folder.mkdir()
        for name, text in etc.items():
            (folder / name).write_text(text, encoding="utf-8")
        setting = f"ETC={folder if etc else ''}"
        command = ["env", setting, "unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", _FURNISH]
        holder = self._keep(Process(command))
        if holder.stdout.readline() != b"ready\n":
            raise NoRoom("the kernel refuses namespaces, or mounts inside of them")
        self._into = ["nsenter", "-t", str(holder.pid), "--net", "--mount", "--"]
        self._root = f"/proc/{holder.pid}/root"

    def start(self, *command: str | Path, pass_fds: Sequence[int] = ()) -> Process:
        """Start a program in the room; its stderr goes to a file of the room's folder."""
        number = len(self._processes)
        with (self.folder / f"{number}.log").open("w") as log:
            return self._keep(Process([*self._into, *map(str, command)], pass_fds=pass_fds, log=log))

    def start_ready(self, *command: str | Path) -> Process:
        """Start a daemon that takes ``--ready-fd``, and return when it is ready."""
        ours, theirs = os.pipe()
        try:
            daemon = self.start(*command, "--ready-fd", str(theirs), pass_fds=(theirs,))
        finally:
            os.close(theirs)
        try:
            readable, _, _ = select.select([ours], [], [], DEADLINE_S)
            if not readable or os.read(ours, 64) != b"\n":
                raise RuntimeError(f"{daemon.command} did not become ready:\n{self.logs()}")
        finally:
            os.close(ours)
        return daemon

    def python(self, module: str, *arguments: str | Path) -> Process:
        """Start a module of ours in the room."""
        return self.start(sys.executable, "-m", module, *arguments)

    def trigger(self, devpath: str = LO) -> int:
        """The open ``uevent`` file of a device as it is in the room: each write to it makes an event there."""
        descriptor = os.open(f"{self._root}/sys{devpath}/uevent", os.O_WRONLY | os.O_CLOEXEC)
        self._descriptors.append(descriptor)
        return descriptor

    def run(self, *command: str) -> str:
        """Run a program in the room to its end and return what it said."""
        return subprocess.run([*self._into, *command], check=True, capture_output=True, text=True).stdout

    def exists(self, path: str) -> bool:
        """Whether there is such a file in the room."""
        return Path(f"{self._root}{path}").exists()

    def logs(self) -> str:
        """All that was logged in the room."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def _keep(self, process: Process) -> Process:
        self._processes.append(process)
        return process

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        for process in reversed(self._processes):
            process.close()
