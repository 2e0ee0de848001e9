"""Payloads of ``init.*``: the services that lunix-init supervises, what they use, and what may be asked of it."""

from typing import Literal

from pydantic import Field

from lunix_common.schemas.common import Model, Page, PageRequest, Time

ServiceState = Literal["down", "waiting", "starting", "up", "stopping", "killing", "backoff", "done", "failed"]


class Exit(Model):
    """How the last run of a service ended."""

    cause: str
    """``exited`` ``killed`` ``oom`` ``watchdog`` ``start-timeout`` ``exec-failed`` ``spawn-failed``."""
    message: str = ""
    code: int | None = None
    signal: str | None = None
    runtime_s: float | None = None
    cpu_s: float | None = None
    memory_peak_bytes: int | None = None
    """``None`` where neither a cgroup nor the kernel's taskstats tells it."""
    memory_peak_of: Literal["service", "main"] | None = None
    """Of all its processes together, or of its main process alone: its highest resident set (taskstats)."""
    oom: bool | None = None
    """Whether the kernel killed it for memory; ``None`` where nobody can tell."""
    asked: bool = False
    """It was told to stop."""
    left_processes: int = 0
    """Processes that outlived the main one, and were ended."""
    lines: list[str] | None = None
    """The last lines that it wrote, in answers to ``init.get`` for the role admin alone; see ``init.log.*.last``."""


class Service(Model):
    """One service."""

    id: str
    """The name of its unit."""
    description: str = ""
    kind: Literal["daemon", "oneshot", "getty"]
    state: ServiceState
    wanted: bool
    why: str = ""
    """What it waits for."""
    pid: int | None = None
    starts: int = 0
    failures: int = 0
    manual: bool | None = None
    """Started (true) or stopped (false) by hand, against its unit."""
    pinned: bool = False
    status: str = ""
    """What it says of itself."""
    needs: list[str] = Field(default_factory=list[str])
    after: list[str] = Field(default_factory=list[str])
    unenforced_limits: list[str] = Field(default_factory=list[str])
    """Limits of its unit that this kernel cannot enforce."""
    last_exit: Exit | None = None


class ServiceEvent(Service):
    """A service after something happened to it."""

    happened_at: Time
    exit: Exit | None = None
    """With ``exited`` and ``failed``: how this run ended."""


class LastLines(Model):
    """What a service wrote last, when it has ended."""

    service: str
    happened_at: Time
    lines: list[str]


class ServiceLine(Model):
    """One line that a service wrote, as it was written."""

    service: str
    number: int
    """Counts from 1 over the life of the service: a gap is a line that was not told."""
    at: float
    """When it was read: seconds since 1970."""
    text: str


class UsageHigh(Model):
    """A service crossed a threshold of its unit."""

    service: str
    resource: str
    """``cpu`` ``memory`` ``io``, or ``memory`` for a limit that was met."""
    happened_at: Time
    figures: dict[str, float] = Field(default_factory=dict[str, float])
    """What the kernel told with it."""


class Shutdown(Model):
    """Everything is being stopped."""

    ending: Literal["poweroff", "reboot", "halt", "exit"]


class ListRequest(PageRequest):
    """Filters for ``init.list``; a service has to pass all of them."""

    id: str | None = None
    state: ServiceState | None = None


class ServiceList(Page):
    """The answer to ``init.list``."""

    items: list[Service]
    errors: dict[str, str] = Field(default_factory=dict[str, str])
    """Unit files that were refused, and why."""


class NameRequest(Model):
    """Which service."""

    name: str = Field(min_length=1, max_length=64)


class ReloadRequest(Model):
    """Which service; without a name the unit files are read again."""

    name: str | None = Field(default=None, min_length=1, max_length=64)


class Reloaded(Model):
    """What a reading of the unit files changed, or the service that was told to reload."""

    added: list[str] = Field(default_factory=list[str])
    changed: list[str] = Field(default_factory=list[str])
    removed: list[str] = Field(default_factory=list[str])
    errors: dict[str, str] = Field(default_factory=dict[str, str])
    service: Service | None = None


class ActRequest(NameRequest):
    """Which service, and whether the answer waits until it has come to rest."""

    wait: bool = False


class LogsRequest(NameRequest):
    """Which lines."""

    since: int = Field(default=0, ge=0)
    """The number of the first line wanted; ``next`` of the answer before."""
    most: int = Field(default=1000, ge=1, le=10_000)


class Line(Model):
    """One line that a service wrote."""

    number: int
    """Counts from 1 over the life of the service."""
    at: float
    """When it was read: seconds since 1970."""
    text: str


class Logs(Model):
    """The answer to ``init.logs``."""

    name: str
    lines: list[Line]
    next: int
    lost: int = 0
    """How many lines after ``since`` are not kept any more."""


class UsageRequest(Model):
    """Of which service; without a name of all."""

    name: str | None = Field(default=None, min_length=1, max_length=64)


class Usage(Model):
    """What a service uses; a number that nobody can tell is absent."""

    name: str | None = None
    cpu_us: int | None = None
    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    pids: int | None = None
    io_read_bytes: int | None = None
    io_write_bytes: int | None = None
    oom_kills: int | None = None


class UsageList(Model):
    """The answer to ``init.usage``."""

    items: list[Usage]
    total: Usage


class Begun(Model):
    """What is under way now; it goes on after the answer."""

    doing: Literal["reexec", "poweroff", "reboot"]


class EndRequest(Model):
    """How to end; ``code`` is the exit code in a container."""

    code: int = Field(default=0, ge=0, le=255)
