"""A room of one's own on this kernel: the thread, and what it starts, have a network, mounts and ``/dev`` of their own.

Devices of the network come and go there without anybody outside hearing it, and a daemon such as udevd can be the only
one of its kind. Disks and all other devices are the machine's.
"""

import contextlib
import ctypes
import os
import shutil
import stat
import subprocess
from collections.abc import Generator, Sequence
from pathlib import Path

from lunix_testing.daemon import NotifySocket

_CLONE_NEWNS, _CLONE_NEWNET = 0x0002_0000, 0x4000_0000
_CLONE_FS = 0x200
_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: int) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


@contextlib.contextmanager
def room(temporary: Path) -> Generator[None]:
    """Go into a new room and, at the end, back."""
    kinds = {"net": _CLONE_NEWNET, "mnt": _CLONE_NEWNS}
    folder = Path.cwd()
    ways_back = {kind: os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds}
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWNET)
    try:
        _furnish(temporary)
        yield
    finally:
        # Threads that were started in here share our working directory, and setns(2) refuses as long as one does.
        _call("unshare", _CLONE_FS)
        for kind, descriptor in ways_back.items():
            _call("setns", descriptor, kinds[kind])
            os.close(descriptor)
        os.chdir(folder)


@contextlib.contextmanager
def daemon_of_systemd(temporary: Path, command: Sequence[str], path: str) -> Generator[subprocess.Popen[bytes]]:
    """A daemon of systemd's that has said that it is ready."""
    supervisor = NotifySocket(temporary / "notify")
    environ = {"NOTIFY_SOCKET": str(supervisor.path), "PATH": path}
    process = subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL)
    try:
        supervisor.wait_for("READY=1")
        yield process
    finally:
        process.terminate()
        process.wait(30)
        supervisor.close()


def _furnish(temporary: Path) -> None:
    _run("mount", "--make-rprivate", "/")
    _run("ip", "link", "set", "lo", "up")
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "-t", "tmpfs", "tmpfs", "/run")
    nodes = temporary / "dev"
    nodes.mkdir()
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(nodes))
    for path in Path("/dev").iterdir():
        _copy(path, nodes / path.name)
    _run("mount", "--move", str(nodes), "/dev")


def _copy(path: Path, copy: Path) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        copy.symlink_to(path.readlink())
    elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
        os.mknod(copy, status.st_mode, status.st_rdev)
        copy.chmod(stat.S_IMODE(status.st_mode))
    elif path.name in ("pts", "shm"):
        copy.mkdir()
        _run("mount", "--rbind", str(path), str(copy))


def _run(*command: str) -> None:
    program = shutil.which(command[0])
    assert program is not None, f"{command[0]} is not installed"
    subprocess.run((program, *command[1:]), check=True, capture_output=True, timeout=60)
