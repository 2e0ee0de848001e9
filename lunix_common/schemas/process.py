"""Payloads of ``process.*``: what runs on this machine, begins and ends."""

from typing import Annotated, Literal

from pydantic import Field

from lunix_common.schemas.common import Model, Page, PageRequest, Time

State = Literal["running", "sleeping", "disk-sleep", "idle", "stopped", "traced", "parked", "zombie", "dead", "unknown"]
"""The kernel's words, proc(5). ``disk-sleep`` cannot be interrupted; ``idle`` is a kernel thread that waits."""


class Executed(Model):
    """A process began a program."""

    pid: int
    name: str
    """What ``ps`` calls it; the base name of its first argument where the kernel cut that. Empty where it was gone
    before its name could be read. Bytes that are no UTF-8 are written as ``\\xNN``."""
    ppid: int | None = None
    uid: int | None = None
    """The effective user's number."""


class Exited(Executed):
    """A process ended. All but ``pid``, ``ppid`` and the outcome is as it was when the program began."""

    exit_code: int | None = None
    """Absent where a signal ended it."""
    signal: str | None = None
    """``SIGKILL`` and the like: what ended it."""
    core_dumped: bool = False
    runtime_s: float | None = None
    """Since it began this program or, if that was before lunix-ps began to listen, since it was started."""


class ListRequest(PageRequest):
    """Filters for ``process.list``; a process has to pass all of them."""

    name: str | None = Field(default=None, max_length=4096)
    """As in ``ps.<name>``."""
    user: Annotated[str, Field(max_length=256)] | int | None = None
    """The effective user's name or number."""
    pid: int | None = Field(default=None, ge=1)
    cgroup: str | None = Field(default=None, max_length=4096)
    """This control group, or one below it."""


class Process(Model):
    """A process at the moment of the request."""

    pid: int
    ppid: int
    """0: the kernel started it."""
    name: str
    user: str | None = None
    """Absent where the number has no name here."""
    uid: int
    state: State
    cpu_s: float
    """Processor time that it used so far, in user and in kernel mode."""
    memory_bytes: int
    """Resident memory, that which it shares included."""
    started_at: Time
    cgroup: str | None = None
    command: list[str] | None = None
    """The arguments, of their first 4096 bytes; for the role admin alone. Kernel threads have none."""


class ProcessList(Page):
    """The answer to ``process.list``, in the order of the numbers."""

    items: list[Process]
