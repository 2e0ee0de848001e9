"""What ``lunix up`` wants, as unit files of lunix-init, and what lunix-init tells of them, as statuses. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from lunix_cli.show import last_said
from lunix_cli.supervise import Phase, Status, Unit

GRACE_S = 3.0
"""Between SIGTERM and SIGKILL."""
MOST_PAUSE_S, STEADY_S = 10.0, 30.0
"""The longest pause before a daemon that died is started again; one that was up for ``STEADY_S`` begins anew."""
LINES = 1000

Service = Mapping[str, Any]
NOTHING: Service = {}

PHASES = {
    "down": Phase.STOPPED,
    "waiting": Phase.WAITING,
    "starting": Phase.STARTING,
    "up": Phase.READY,
    "stopping": Phase.STOPPING,
    "killing": Phase.STOPPING,
    "backoff": Phase.PAUSING,
    "done": Phase.STOPPED,
    "failed": Phase.FAILED,
}
"""What a state of lunix-init is to a person."""


def text(unit: Unit, base: Mapping[str, str], start_s: float) -> str:
    """The unit file; ``base`` is the environment that every unit has anyway."""
    if unit.module:
        lines = [f"python = {_value(unit.module)}", f"args = {_value(list(unit.argv))}"]
    else:
        lines = [f"exec = {_value(list(unit.argv))}"]
    lines += [
        f"needs = {_value(list(unit.needs))}",
        f'ready = "{"notify" if unit.notifies else "none"}"',
        f"start_timeout = {start_s}",
        f'restart = "{unit.restart}"',
        f"cwd = {_value(unit.cwd)}",
        "[stop]",
        f"timeout = {GRACE_S}",
        "[backoff]",
        f"first = {unit.pause_s}",
        f"cap = {MOST_PAUSE_S}",
        f"reset = {STEADY_S}",
        "[log]",
        f"lines = {LINES}",
        "[env]",
        *(f"{_value(key)} = {_value(value)}" for key, value in unit.env.items() if base.get(key) != value),
    ]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """A string or a list of strings as TOML, which escapes them as JSON does, but for pairs of surrogates."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def status(service: Service, now: float) -> Status:
    """A service as lunix-init describes it; ``now`` in seconds since 1970."""
    state, starts = service["state"], service["starts"]
    phase = PHASES[state]
    last: Service = service["last_exit"] or NOTHING
    if service["pid"]:
        detail = str(service["status"])
    else:
        detail = "stopped by hand" if service.get("manual") is False else died(last)
    restarts = starts if phase is Phase.PAUSING else max(starts - 1, 0)
    return Status(phase, now - service["since_s"], service["pid"], detail, restarts)


def died(last: Service) -> str:
    """What a run said last, or how it ended."""
    if not last:
        return ""
    return last_said(last["lines"]) or ended(last)


def ended(last: Service) -> str:
    """How a run ended, for people."""
    if last["cause"] in ("exec-failed", "spawn-failed"):
        return f"cannot be started: {last['message']}"
    if last["cause"] == "start-timeout":
        return f"was {last['message']}"
    if last["cause"] == "oom":
        return "was ended by the kernel: there was no memory left"
    if last["signal"]:
        return f"was ended by {last['signal']}"
    return f"ended with exit code {last['code']}" if last["code"] is not None else f"ended: {last['cause']}"


def again(last: Service, pause_s: float) -> str:
    """What is told when a unit has died."""
    return f"{ended(last)}; starting it again in {round(pause_s, 1):g} s"


def said_by_init(line: str) -> str | None:
    """What of lunix-init's own log is for a person: not each change of state."""
    try:
        found = json.loads(line)
    except ValueError:
        return line or None
    return line if found.get("level") in ("WARNING", "ERROR") and found.get("message") != "failed" else None
