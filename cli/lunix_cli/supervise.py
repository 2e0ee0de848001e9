"""The seam between ``lunix up`` and whoever keeps its daemons alive.

``lunix up`` says what should run; a ``Supervisor`` starts it in the order of its needs, restarts what dies, knows when
each is ready, and stops all of it, with everything that those processes have started.

    WAITING -> STARTING -> READY -> STOPPING -> STOPPED
       ^           |         |
       '- PAUSING <+---------'   it died; FAILED instead of PAUSING where another start would not help
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


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


class Supervisor(Protocol):
    """Keeps units alive."""

    async def start(self, units: Sequence[Unit]) -> None:
        """Begin to keep these units; does not wait for them."""
        ...

    async def drop(self, names: Sequence[str]) -> None:
        """Stop these units and forget them; does not wait for their end."""
        ...

    async def wait_ready(self, name: str) -> Status:
        """Return when the unit is ready, or when it never will be."""
        ...

    def status(self) -> Mapping[str, Status]:
        """Every unit, by name."""
        ...

    async def stop(self, *, at_once: bool = False) -> None:
        """Stop all units, those that others need last, and all that they started; ``at_once`` asks nobody first."""
        ...
