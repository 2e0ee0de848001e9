"""Control groups, version 2: the folder of a service, where the kernel lets us have one.

They hold every process of a service, kill them all at once, measure them and limit them. All of it
is optional: without a writable cgroup2 mount, a service has none; on a hybrid host (cgroup2 at
/sys/fs/cgroup/unified) they hold and kill, but measure little and limit nothing. What the kernel
does not offer is told as None, never as 0.
"""

import os
from pathlib import Path

from lunix_init.os_libc import clone3
from lunix_init.os_tree import read

_FILES = {"memory": "memory.max", "pids": "pids.max", "cpu_percent": "cpu.max"}
_PERIOD_US = 100_000


def find_mount(mountinfo: str) -> str:
    """Return where cgroup2 is mounted; empty when it is nowhere (proc_pid_mountinfo(5))."""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            return before.split(" ")[4].replace("\\040", " ")
    return ""


def own_path(cgroup: str) -> str:
    """Return the path of this process in the version 2 tree (`/proc/self/cgroup`)."""
    for line in cgroup.splitlines():
        if line.startswith("0::"):
            return line[3:].removeprefix("/")
    return ""


class Group:
    """The cgroup of one service."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fresh = False

    def make(self) -> None:
        """Make the folder, anew where nobody is in it; `fresh` says whether it is new."""
        self.remove()
        try:
            Path(self.path).mkdir()
            self.fresh = True
        except FileExistsError:
            self.fresh = False

    def bears(self) -> bool:
        """Whether a process may be made in a new group below this one and lives: tried once.

        Kernels since 6.14 compare how often the group of the *parent* was told to kill with how often the new one was,
        and kill a child where that differs. So no child is made in a group that is not new, either.
        """
        probe = Group(f"{self.path}/probe")
        try:
            probe.make()
            folder = os.open(probe.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                pid, pidfd = clone3(folder)
                if not pid:
                    os._exit(0)
            finally:
                os.close(folder)
        except OSError:
            return False
        os.close(pidfd)
        lived = os.waitpid(pid, 0)[1] == 0
        probe.remove()
        return lived

    def limit(self, limits: tuple[tuple[str, int], ...]) -> list[str]:
        """Set what can be limited; returns the names of the limits that are not enforced."""
        missing: list[str] = []
        for name, value in limits:
            if name in _FILES and not self._write(_FILES[name], _setting(name, value)):
                missing.append(name)
        return missing

    def pids(self) -> list[int]:
        """Return the living processes, in groups below too."""
        found: list[int] = []
        for folder, _, _ in os.walk(self.path):
            found += [int(pid) for pid in read(f"{folder}/cgroup.procs", 1 << 20).split()]
        return [pid for pid in found if pid]

    def kill(self) -> bool:
        """Kill every process at once; false where the kernel (before 5.14) cannot."""
        return self._write("cgroup.kill", "1")

    def tells_peaks(self) -> bool:
        """Whether groups below this one tell how much memory they held at most (kernel 5.19)."""
        probe = Group(f"{self.path}/probe")
        try:
            probe.make()
        except OSError:
            return False
        found = os.access(f"{probe.path}/memory.peak", os.R_OK)
        probe.remove()
        return found

    def measure(self) -> dict[str, int | None]:
        """Return what was used since the group was made."""
        cpu = _field(self._read("cpu.stat"), "usage_usec")
        io = self._read("io.stat")
        return {
            "cpu_us": cpu,
            "memory_bytes": _number(self._read("memory.current")),
            "memory_peak_bytes": _number(self._read("memory.peak")),
            "oom_kills": _field(self._read("memory.events"), "oom_kill"),
            "pids": len(self.pids()),
            "io_read_bytes": _total(io, b"rbytes="),
            "io_write_bytes": _total(io, b"wbytes="),
        }

    def remove(self) -> bool:
        """Remove the folder and those below; false while a process is in one."""
        try:
            for folder, _, _ in os.walk(self.path, topdown=False):
                Path(folder).rmdir()
        except OSError:
            return False
        return True

    def _read(self, name: str) -> bytes:
        return read(f"{self.path}/{name}")

    def _write(self, name: str, value: str) -> bool:
        return write(f"{self.path}/{name}", value)


def base_of(key: str) -> Group | None:
    """Make the group that holds the groups of all services; None where that cannot be.

    `key` tells this init from others. What an init of the same key left behind is killed.
    """
    mounted = find_mount(read("/proc/self/mountinfo", 1 << 20).decode(errors="replace"))
    if not mounted:
        return None
    own = Path(mounted) / own_path(read("/proc/self/cgroup").decode(errors="replace"))
    base = Group(str(own / f"lunix-{key}"))
    try:
        base.make()
        # A folder is no proof: in a namespace it can be made where no process may be moved.
        probe = Group(f"{base.path}/probe")
        probe.make()
        probe.remove()
    except OSError:
        return None
    if not os.access(f"{base.path}/cgroup.procs", os.W_OK):
        return None
    base.kill()
    # Below the root, a group that hands controllers on must hold no process itself (cgroups(7)):
    # so where init is alone in its group, it moves into a leaf of its own.
    if read(f"{own}/cgroup.procs", 1 << 20).split() == [str(os.getpid()).encode()]:
        leaf = Group(f"{own}/lunix-{key}.init")
        leaf.make()
        write(f"{leaf.path}/cgroup.procs", "0")
    for folder in (str(own), base.path):
        for controller in ("memory", "pids", "cpu", "io"):
            # Refused where it does not exist, or where processes stand in the parent.
            write(f"{folder}/cgroup.subtree_control", f"+{controller}")
    return base


def write(path: str, value: str) -> bool:
    """Write a small file of a pseudo file system; false when it is refused."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, value.encode())
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _setting(name: str, value: int) -> str:
    if name == "cpu_percent":
        return f"{'max' if value < 0 else value * _PERIOD_US // 100} {_PERIOD_US}"
    return "max" if value < 0 else str(value)


def _number(data: bytes) -> int | None:
    return int(data) if data.strip().isdigit() else None


def _field(data: bytes, name: str) -> int | None:
    for line in data.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return None


def _total(data: bytes, mark: bytes) -> int | None:
    found = [int(word.removeprefix(mark)) for word in data.split() if word.startswith(mark)]
    return sum(found) if found else None
