"""What PID 1 does beyond supervising: the first steps of a machine, and its last ones.

Each step may be refused (a container, a user namespace, a kernel without it): it is told and left,
for a machine that lacks something is still better than one that does not boot. In a PID namespace
of its own ("a container") init ends by exiting; on a machine it ends by reboot(2).
"""

import os
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from lunix_init import os_libc as libc
from lunix_init.log import Log
from lunix_init.os_machine import loopback_up

_SAFE = libc.MS_NOSUID | libc.MS_NODEV
_FIRST_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, the same on every machine


class Mount(NamedTuple):
    """One of the mounts that everything else stands on."""

    source: str
    target: str
    kind: str
    flags: int = _SAFE
    data: str = ""


MOUNTS = (
    Mount("proc", "/proc", "proc", _SAFE | libc.MS_NOEXEC),
    Mount("sysfs", "/sys", "sysfs", _SAFE | libc.MS_NOEXEC),
    Mount("devtmpfs", "/dev", "devtmpfs", libc.MS_NOSUID, "mode=0755"),
    Mount("tmpfs", "/run", "tmpfs", _SAFE, "mode=0755"),
    Mount("devpts", "/dev/pts", "devpts", libc.MS_NOSUID | libc.MS_NOEXEC, "mode=0620,ptmxmode=0666"),
    Mount("tmpfs", "/dev/shm", "tmpfs", _SAFE, "mode=1777"),  # noqa: S108
    Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", _SAFE | libc.MS_NOEXEC),
)
MACHINE_SIGNALS: Mapping[int, str] = {
    # As busybox and finit have them; ctrl-alt-del comes as SIGINT, a failing UPS as SIGPWR.
    signal.SIGTERM: "reboot",
    signal.SIGINT: "reboot",
    signal.SIGUSR1: "halt",
    signal.SIGUSR2: "poweroff",
    signal.SIGPWR: "poweroff",
}
CONTAINER_SIGNALS: Mapping[int, str] = {
    signal.SIGTERM: "exit",
    signal.SIGINT: "exit",
    signal.SIGPWR: "exit",
    signal.SIGRTMIN + 3: "exit",
}
_REBOOTS = {
    "poweroff": libc.RB_POWER_OFF,
    "reboot": libc.RB_AUTOBOOT,
    "halt": libc.RB_HALT_SYSTEM,
}


def in_container() -> bool:
    """Whether this PID 1 is that of a PID namespace below the machine's."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino != _FIRST_PID_NAMESPACE  # noqa: PTH116
    except OSError:
        return False


def mount_points(mountinfo: str) -> list[str]:
    """Return where something is mounted, in the order of mounting (proc_pid_mountinfo(5))."""
    found = [line.split(" ")[4] for line in mountinfo.splitlines() if line.count(" ") > 8]
    return [path.replace("\\040", " ").replace("\\011", "\t") for path in found]


def mount_all(log: Log) -> list[str]:
    """Mount what is not there yet; returns the targets that were refused."""
    refused: list[str] = []
    for mount in MOUNTS:
        if mount.target in _mounted():
            continue
        try:
            Path(mount.target).mkdir(parents=True, exist_ok=True)
            libc.mount(*mount)
        except OSError as error:
            refused.append(mount.target)
            log.warning("not mounted", target=mount.target, error=os.strerror(error.errno or 0))
    return refused


def _mounted() -> list[str]:
    try:
        return mount_points(Path("/proc/self/mountinfo").read_text(errors="replace"))
    except OSError:  # before proc is mounted
        return []


def begin(log: Log, hostname: str, *, container: bool) -> None:
    """Do the first steps, after the mounts."""
    steps: list[tuple[str, Callable[[], None]]] = [
        ("loopback", loopback_up),
        ("hostname", lambda: set_hostname(hostname)),
    ]
    if not container:
        # From here on ctrl-alt-del is a SIGINT to init, and not a reset.
        steps.append(("ctrl-alt-del", lambda: libc.reboot(libc.RB_DISABLE_CAD)))
    for name, step in steps:
        try:
            step()
        except OSError as error:
            log.warning("refused", step=name, error=str(error))


def set_hostname(hostname: str) -> None:
    """Set the name of the machine: what was asked for, else what /etc/hostname says."""
    if not hostname:
        try:
            hostname = Path("/etc/hostname").read_text(errors="replace").split("#")[0].strip()
        except OSError:
            return
    if hostname:
        socket.sethostname(hostname)


def unmount_all(log: Log) -> None:
    """Unmount what is mounted, last first, and make the root read-only."""
    os.sync()
    kept = ("/", "/proc", "/sys", "/dev", "/run")
    unmounted: list[str] = []
    for path in reversed(_mounted()):
        if path in kept or path.startswith(("/proc/", "/sys/", "/dev/")):
            continue
        try:
            libc.umount2(path)
        except OSError as error:
            log.warning("not unmounted", path=path, error=str(error))
            try:
                libc.umount2(path, libc.MNT_DETACH)
            except OSError:
                continue
        else:
            unmounted.append(path)
    log.info("unmounted", paths=unmounted)
    try:
        libc.mount("", "/", "", libc.MS_REMOUNT | libc.MS_RDONLY)
    except OSError as error:
        log.warning("the root stays writable", error=str(error))
    os.sync()


def end(log: Log, kind: str, *, container: bool) -> None:
    """End the machine; returns where it is to end by exiting."""
    if kind not in _REBOOTS:
        return
    if not container:
        unmount_all(log)
    try:
        # In a PID namespace this tells its creator which of them was meant (reboot(2)).
        libc.reboot(_REBOOTS[kind])
    except OSError as error:
        log.error("cannot end the machine", ending=kind, error=str(error))
