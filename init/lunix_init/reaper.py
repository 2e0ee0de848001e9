"""The end of a service: signalling all of it, waiting until none is left, and closing its books.

A service is *gone* when its main process is reaped and no process of its cgroup, session, descent
or mark is left. What is waited for is held by a pidfd, so nothing is polled and no pid is mistaken.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from lunix_init import os_tree
from lunix_init.journal import Journal
from lunix_init.log import Log
from lunix_init.loop import Loop
from lunix_init.machine import Event, State
from lunix_init.os_cgroup import Group
from lunix_init.os_taskstats import Peaks
from lunix_init.os_watch import Watches
from lunix_init.ring import Line
from lunix_init.service import Service

READ = 1 << 16
LAST_LINES = 10
GROUP_LIMITS = ("memory", "pids", "cpu_percent")
"""The limits that a cgroup enforces on the service as a whole."""


class Context(NamedTuple):
    """What the runner and the reaper work with."""

    loop: Loop
    log: Log
    journal: Journal
    services: dict[str, Service]
    watches: Watches
    send: Callable[[Service, Event], None]
    base: Group | None
    run: str
    key: str  # begins every mark of this init
    outer: str  # the mark that this init itself carries, with a slash, or nothing
    env: Mapping[str, str]
    files: int  # the soft limit of open files that children get back
    bears: bool = False  # whether children may be made in the groups of services
    peaks: Peaks | None = None  # where no cgroup tells of memory, and the kernel tells us otherwise


def _nobody(_service: Service) -> None:
    raise AssertionError("nobody was told to hear that a service is gone")


class Reaper:
    """Ends processes, and reads what they wrote to the end."""

    def __init__(self, context: Context) -> None:
        self.c = context
        self.lines: list[Callable[[Service, list[Line]], None]] = []
        self.gone: Callable[[Service], None] = _nobody

    def signal_main(self, service: Service, number: int) -> None:
        """Signal the main process, if there is one."""
        if service.pidfd >= 0:
            os_tree.send(service.pidfd, number)

    def members(self, service: Service) -> list[os_tree.Proc]:
        """Find every living process of a service."""
        if service.group:
            found = (os_tree.process(pid) for pid in service.group.pids())
            return [proc for proc in found if proc and not proc.zombie]
        others = {os.getpid()}
        others.update(x.pid for x in self.c.services.values() if x is not service and x.pid)
        roots = {service.pid} - {0}
        mark = f"{self.c.key}:{service.name}"
        return os_tree.members(mark, service.session, roots, others)

    def kill(self, service: Service) -> None:
        """Send SIGKILL to every process of a service; `look` tells when they are gone."""
        # One by one first, which holds each by its pidfd; then what was made meanwhile.
        self.sweep(service, signal.SIGKILL)
        for pidfd in service.dying:
            os_tree.send(pidfd, signal.SIGKILL)
        if service.group:
            service.group.kill()
        self.signal_main(service, signal.SIGKILL)

    def sweep(self, service: Service, number: int) -> None:
        """Signal every process of a service, and wait until each of them has ended."""
        waited = set(service.dying.values())
        for proc in self.members(service):
            if proc.pid in waited or proc.pid == service.pid:
                continue
            pidfd = os_tree.open_pidfd(proc)
            if pidfd is None:
                continue
            if os_tree.send(pidfd, number):
                service.left += 1
                service.dying[pidfd] = proc.pid
                self.c.loop.add(pidfd, partial(self._on_death, service, pidfd))
            else:
                os.close(pidfd)

    def _on_death(self, service: Service, pidfd: int) -> None:
        self.c.loop.remove(pidfd)
        os.close(pidfd)
        del service.dying[pidfd]
        if service.state in (State.STOPPING, State.KILLING) and self.look(service):
            self.gone(service)

    def look(self, service: Service) -> bool:
        """Look whether a service that ends is gone; sweep again what appeared meanwhile."""
        if service.pid or service.dying or service.birth >= 0:
            return False
        number = signal.SIGKILL if service.state is State.KILLING else service.unit.stop.signal
        self.sweep(service, number)
        return not service.dying

    def finish(self, service: Service) -> dict[str, object]:
        """Close the books of a run: returns its exit in one record."""
        self.on_output(service, all_of_it=True)
        self._told(service, service.ring.flush())
        measured = service.group.measure() if service.group else {}
        oom = measured.get("oom_kills")
        code, number = None, None
        if service.wait_status is not None:
            value = os.waitstatus_to_exitcode(service.wait_status)
            code, number = (value, None) if value >= 0 else (None, -value)
        cause = service.cause or ("killed" if number else "exited")
        if oom and cause == "killed":
            cause = "oom"
        cpu_us = measured.get("cpu_us")
        peak, of = measured.get("memory_peak_bytes"), "service"
        if peak is None:
            peak, of = service.peak_bytes, "main"
        record: dict[str, object] = {
            "cause": cause.partition(":")[0],
            "message": cause.partition(": ")[2],
            "code": code,
            "signal": signal_name(number),
            "asked": service.asked,
            "runtime_s": round(time.monotonic() - service.started_at, 3),
            "cpu_s": round(cpu_us / 1e6 if cpu_us is not None else service.cpu_s, 6),
            "memory_peak_bytes": peak,
            "memory_peak_of": None if peak is None else of,
            "oom": None if oom is None else bool(oom),
            "left_processes": service.left,
            "status": service.status,
            "lines": [x.text for x in service.ring.since(service.first_line - 1, LAST_LINES)[1]],
        }
        service.last_exit = record
        service.session = 0
        for fd in service.pressure:
            self.c.loop.remove(fd)
            os.close(fd)
        service.pressure.clear()
        if service.group:
            service.group.remove()
        return record

    def on_output(self, service: Service, *, all_of_it: bool = False) -> None:
        """Read what the service wrote; all that there is, or one piece (to stay fair)."""
        while True:
            try:
                data = os.read(service.output, READ)
            except BlockingIOError:
                return
            self._told(service, service.ring.feed(data))
            if not all_of_it:
                return

    def _told(self, service: Service, lines: list[Line]) -> None:
        if lines:
            for listener in self.lines:
                listener(service, lines)

    def shut(self, service: Service, name: str) -> None:
        """Close one of a service's descriptors, if it is open."""
        fd: int = getattr(service, name)
        if fd >= 0:
            self.c.loop.remove(fd)
            os.close(fd)
            setattr(service, name, -1)


def signal_name(number: int | None) -> str | None:
    """Return "SIGTERM" and the like; None for no signal."""
    if number is None:
        return None
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal between the first and the last
        return f"SIG{number}"
