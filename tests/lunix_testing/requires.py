"""What a test needs of the machine, and the sentence it is skipped with where that is missing.

A test says so with a marker: ``@pytest.mark.requires("veth", "program:strace")``; ``root`` and ``vm`` are markers of
their own. A skip counts as a failure in ``.ci/run`` unless its sentence is in ``tests/repo/allowed_skips.toml``.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def _root() -> bool:
    return os.geteuid() == 0


def _quietly(*command: str) -> bool:
    """Whether this command can be run and succeeds."""
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 0


def _netns() -> bool:
    return _root() and _quietly("unshare", "--net", "true")


def _veth() -> bool:
    script = "ip link add lunix0 type veth peer name lunix1"
    return _root() and _quietly("unshare", "--net", "sh", "-c", script)


def _uevents() -> bool:
    """Whether a write to a ``uevent`` file is allowed: sysfs is read-only in most containers."""
    return _root() and os.access("/sys/class/net/lo/uevent", os.W_OK) and not _read_only("/sys")


def _read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _loop() -> bool:
    if not _root() or not Path("/dev/loop-control").exists() or shutil.which("losetup") is None:
        return False
    with tempfile.NamedTemporaryFile() as image:
        image.truncate(1 << 20)
        found = subprocess.run(("losetup", "--find", "--show", image.name), capture_output=True, text=True, check=False)
        return found.returncode == 0 and _quietly("losetup", "--detach", found.stdout.strip())


def _user_namespace() -> bool:
    return _quietly("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true")


def _cgroup2() -> bool:
    return any(Path(path).exists() for path in ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/unified/cgroup.procs"))


def _process_events() -> bool:
    return _quietly(sys.executable, "-c", "from lunix_ps.os_connector import Connector; Connector(4096).close()")


def _taskstats() -> bool:
    code = "import sys; from lunix_init.os_taskstats import Peaks; sys.exit(Peaks.open() is None)"
    return _root() and _quietly(sys.executable, "-c", code)


def _vm() -> bool:
    """The emulator, and what builds the guest's root."""
    return all(shutil.which(program) for program in ("qemu-system-x86_64", "mksquashfs", "apt-get", "dpkg-deb"))


_CHECKS: dict[str, tuple[str, Callable[[], bool]]] = {
    "browser": ("needs Chromium", lambda: any(shutil.which(name) for name in ("chromium", "google-chrome"))),
    "root": ("needs root", _root),
    "netns": ("needs network namespaces of its own", _netns),
    "veth": ("needs to make veth interfaces", _veth),
    "uevents": ("needs to write to uevent files in sysfs", _uevents),
    "loop": ("needs loop devices", _loop),
    "user-namespace": ("needs user and PID namespaces", _user_namespace),
    "cgroup2": ("needs a cgroup v2 hierarchy", _cgroup2),
    "process-events": ("needs the kernel's process connector", _process_events),
    "taskstats": ("needs the kernel's taskstats", _taskstats),
    "vm": ("needs qemu-system-x86_64, mksquashfs and apt-get", _vm),
}


@cache
def missing(name: str) -> str | None:
    """Why this requirement is not met here, ``None`` where it is; raise ``KeyError`` for an unknown one.

    ``program:NAME`` is a program on PATH, ``module:NAME`` an importable Python module, ``path:PATH`` a file.
    """
    kind, colon, value = name.partition(":")
    if not colon:
        sentence, check = _CHECKS[name]
        return None if check() else sentence
    checks: dict[str, Callable[[], bool]] = {
        "program": lambda: shutil.which(value) is not None,
        "module": lambda: find_spec(value) is not None,
        "path": lambda: Path(value).exists(),
    }
    return None if checks[kind]() else f"needs the {kind} {value}"
