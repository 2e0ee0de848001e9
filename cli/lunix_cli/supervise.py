"""What ``lunix up`` wants to run, and how each of it is doing, whoever keeps it alive: ``init_runner``, or systemd.

A unit is started when those that it needs are ready, and again when it dies:

    WAITING -> STARTING -> READY -> STOPPING -> STOPPED
       ^           |         |
       '- PAUSING <+---------'   it died; FAILED instead of PAUSING where another start would not help
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """Where a unit is in its life."""

    WAITING = "waiting"
    """For the units that it needs."""
    STARTING = "starting"
    READY = "ready"
    PAUSING = "restarting"
    """It died, and is started again in a moment."""
    FAILED = "failed"
    """It said that it is used or configured wrongly: it is not started again."""
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Unit:
    """A program to keep running."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    """Its whole environment but for ``NOTIFY_SOCKET``."""
    needs: tuple[str, ...] = field(default=())
    """Names of units that have to be ready before it is started."""
    module: str = ""
    """Instead of a program: the Python daemon whose arguments ``argv`` are."""
    notifies: bool = True
    """It tells its readiness by sd_notify; otherwise it is ready when it runs."""
    pause_s: float = 0.2
    """Before it is started again for the first time; each further pause is longer, up to ten seconds."""
    restart: str = "always"
    """When it is started again: ``always``, ``on-failure`` or ``never``."""
    cwd: str = "/"
    """Its working directory."""


@dataclass(frozen=True)
class Status:
    """A unit at this moment."""

    phase: Phase
    since: float
    """When the phase began, in seconds since 1970."""
    pid: int | None = None
    detail: str = ""
    """What it says of itself, or why it does not run."""
    restarts: int = 0

    @property
    def settled(self) -> bool:
        """Whether waiting for its readiness is over."""
        return self.phase in (Phase.READY, Phase.FAILED, Phase.STOPPED)
