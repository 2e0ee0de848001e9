"""One service as init knows it: its unit, where it stands, and what it holds.

A `Service` is a record without behaviour; `supervisor` moves it along the table and `runner` does
the process side. All of it that must outlive a re-exec is in `save` and `load`: descriptors are
saved as numbers, because they stay open, and times as CLOCK_MONOTONIC, which goes on.
"""

import time
from collections.abc import Mapping
from typing import Any

from lunix_init.loop import Timer
from lunix_init.machine import State
from lunix_init.os_cgroup import Group
from lunix_init.ring import Ring
from lunix_init.unit import Backoff, Kind, Log, Ready, Restart, Stop, Unit

_SAVED = (
    "manual",
    "pinned",
    "asked",
    "forget",
    "cause",
    "failures",
    "delay",
    "starts",
    "pid",
    "session",
    "pidfd",
    "report",
    "birth",
    "ready_fd",
    "output",
    "input",
    "notify",
    "status",
    "reloading",
    "started_at",
    "ready_at",
    "since",
    "deadline",
    "watchdog",
    "watchdog_at",
    "last_exit",
    "wait_status",
    "cpu_s",
    "peak_bytes",
    "unenforced",
    "left",
    "first_line",
)


class Service:
    """One service."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.next_unit: Unit | None = None  # takes over when the running one is gone
        self.state = State.DOWN
        self.manual: bool | None = None  # wanted or not, said by hand
        self.pinned = False
        self.forget = False  # its file is gone
        self.asked = False  # init asked it to stop
        self.cause = ""  # why it ends, when init knows better than the exit status
        self.failures = 0
        self.delay: float = 0.0  # the next backoff
        self.starts = 0
        self.pid = 0  # the main process, 0 when there is none or it is reaped
        self.session = 0
        self.pidfd = -1
        self.report = -1  # how its exec went
        self.birth = -1  # where the pid comes of what the zygote forks
        self.ready_fd = -1  # where it tells that it is ready (s6)
        self.output = -1  # the end of its log pipe that init reads
        self.input = -1  # the end that it writes; held too, so that the pipe outlives it
        self.notify = -1  # its notification socket
        self.status = ""
        self.reloading = False
        self.started_at = 0.0
        self.ready_at = 0.0
        self.since = time.monotonic()
        self.deadline = 0.0  # of the state; 0 is none
        self.watchdog = 0.0  # the period; 0 is none
        self.watchdog_at = 0.0
        self.last_exit: dict[str, Any] | None = None
        self.wait_status: int | None = None
        self.cpu_s = 0.0
        self.peak_bytes: int | None = None  # of the main process, where no cgroup tells that of all
        self.unenforced: list[str] = []  # limits that the kernel cannot enforce here
        self.left = 0  # processes that outlived the main one
        self.first_line = 1  # of this run
        self.ring = Ring(unit.log.lines)
        # What is made anew after a re-exec:
        self.seen: tuple[object, ...] = ()  # where it stood when it was last told
        self.group: Group | None = None
        self.timer: Timer | None = None
        self.watchdog_timer: Timer | None = None
        self.pressure: dict[int, str] = {}  # descriptor -> resource
        self.dying: dict[int, int] = {}  # pidfd -> pid of what must end before it is gone

    @property
    def name(self) -> str:
        """The name of its unit."""
        return self.unit.name

    def save(self) -> dict[str, Any]:
        """Return all that outlives a re-exec, as JSON can hold it."""
        found: dict[str, Any] = {name: getattr(self, name) for name in _SAVED}
        found["state"] = self.state.value
        found["unit"] = self.unit._asdict()
        found["next_unit"] = self.next_unit and self.next_unit._asdict()
        found["ring"] = self.ring.save()
        return found

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> "Service":
        """Rebuild what `save` returned."""
        service = cls(load_unit(saved["unit"]))
        for name in _SAVED:
            if name in saved:  # else what saved it was an older version, which had no such thing
                setattr(service, name, saved[name])
        service.state = State(saved["state"])
        if saved["next_unit"]:
            service.next_unit = load_unit(saved["next_unit"])
        service.ring = Ring.load(saved["ring"], service.unit.log.lines)
        return service

    def descriptors(self) -> list[int]:
        """Return the descriptors that a re-exec hands on."""
        own = (self.pidfd, self.report, self.birth, self.ready_fd, self.output, self.input, self.notify)
        return [fd for fd in own if fd >= 0]

    def describe(self) -> dict[str, Any]:
        """Return what is told about it."""
        now = time.monotonic()
        return {
            "name": self.name,
            "description": self.unit.description,
            "kind": self.unit.kind.value,
            "state": self.state.value,
            "pid": self.pid or None,
            "since_s": round(now - self.since, 3),
            "uptime_s": round(now - self.started_at, 3) if self.pid else None,
            "starts": self.starts,
            "failures": self.failures,
            "next_start_s": max(0.0, round(self.deadline - now, 3)) if self.state is State.BACKOFF else None,
            "manual": self.manual,
            "pinned": self.pinned,
            "status": self.status,
            "reloading": self.reloading,
            "needs": list(self.unit.needs),
            "after": list(self.unit.after),
            "unenforced_limits": self.unenforced,
            "last_exit": self.last_exit,
        }


def load_unit(saved: Mapping[str, Any]) -> Unit:
    """Rebuild a unit from its fields, as JSON has kept them."""
    found: dict[str, Any] = dict(saved)
    for name in ("exec", "args", "needs", "after", "final_codes"):
        found[name] = tuple(found[name])
    for name in ("env", "limits", "pressure"):
        found[name] = tuple((key, value) for key, value in found[name])
    if found["capabilities"] is not None:
        found["capabilities"] = tuple(found["capabilities"])
    found["kind"] = Kind(found["kind"])
    found["ready"] = Ready(found["ready"])
    found["restart"] = Restart(found["restart"])
    found["backoff"] = Backoff(*found["backoff"])
    found["stop"] = Stop(*found["stop"])
    found["log"] = Log(*found["log"])
    return Unit(**found)
