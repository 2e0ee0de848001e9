"""What the machine's lunix-init says of its services: the same record that a running ``lunix up`` writes."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lunix_cli import daemons
from lunix_cli.init import why
from lunix_cli.init_units import PHASES
from lunix_cli.record import Record, kept
from lunix_cli.supervise import Phase
from lunix_init.control import Control, Refused

_WAIT_S = 10.0


def record(run: Path) -> Record | None:
    """What is kept by the lunix-init with this run directory; ``None`` where none answers us."""
    try:
        with Control.connect(run, _WAIT_S) as control:
            return described(control.do("list")["items"])
    except (OSError, Refused):
        return None


def described(services: Iterable[Mapping[str, Any]]) -> Record:
    """The record: its daemons that run or should, and why the others do not. Pure."""
    units: Record = {}
    off: dict[str, str] = {}
    known = {*daemons.names(), "bus"}
    for one in services:
        name, phase = one["name"], PHASES[one["state"]]
        if name not in known:
            continue
        if phase is Phase.STOPPED:
            off[name] = why(one) or f"is not started: lunix init start {name}"
        else:
            units[name] = {
                "phase": phase.value,
                "pid": one["pid"] or None,
                "detail": why(one),
                "restarts": max(one["starts"] - 1, 0),
            }
    return kept("lunix-init", units, off)
