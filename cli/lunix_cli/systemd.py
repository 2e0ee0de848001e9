"""What systemd says of lunix's services, where it keeps them: the same record that a running ``lunix up`` writes.

A person's own systemd is asked about the services of a session. Format: the properties of org.freedesktop.systemd1(5).
"""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from lunix_cli.record import Record, kept
from lunix_cli.shipping.needs import ROWS, SESSION, STATE, SYSTEM, Needs
from lunix_cli.supervise import Phase

BOOTED = Path("/run/systemd/system")
"""It is there where systemd is PID 1: sd_booted(3)."""
_SHOWN = ("Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "MainPID", "NRestarts", "Result",
          "ExecMainStatus", "StatusText")  # fmt: skip
_WAIT_S = 10
Properties = Mapping[str, str]


def record(state: Path, booted: Path = BOOTED) -> Record | None:
    """What it keeps of the machine whose bus has this state directory; ``None`` where it keeps none of it."""
    program = shutil.which("systemctl")
    if program is None or not booted.exists() or state != Path(STATE):
        return None
    found = [*_show((program,), SYSTEM), *_show((program, "--user"), SESSION)]
    return described(found) if any(one.get("LoadState") == "loaded" for one in found) else None


def _show(command: tuple[str, ...], rows: Iterable[Needs]) -> list[dict[str, str]]:
    words = (*command, "show", f"--property={','.join(_SHOWN)}", *(f"{row.unit}.service" for row in rows))
    try:
        said = subprocess.run(  # noqa: S603 - systemctl, and names of ours
            words, capture_output=True, text=True, errors="replace", timeout=_WAIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parsed(said.stdout)  # nothing, where there is no systemd of this person


def parsed(text: str) -> list[dict[str, str]]:
    """The properties of each unit that ``systemctl show`` tells of."""
    blocks = (block.splitlines() for block in text.split("\n\n"))
    found = [dict(line.split("=", 1) for line in lines if "=" in line) for lines in blocks]
    return [one for one in found if one.get("Id")]


def described(found: Iterable[Properties]) -> Record:
    """The record: what runs or should, and why the others do not."""
    units: Record = {}
    off = {row.name: "has nothing to do here: systemd keeps the services" for row in ROWS.values() if not row.systemd}
    session = {row.name for row in SESSION}
    for one in found:
        name, phase = one["Id"].removeprefix("lunix-").removesuffix(".service"), _phase(one)
        if phase is None:
            off[name] = _off(name, one, "systemctl --user" if name in session else "systemctl")
        else:
            units[name] = {
                "phase": phase.value,
                "pid": _number(one, "MainPID") or None,
                "detail": _detail(one, phase),
                "restarts": _number(one, "NRestarts"),
            }
    return kept("systemd", units, off)


def _phase(one: Properties) -> Phase | None:
    match one.get("ActiveState"):
        case "active" | "reloading":
            return Phase.READY
        case "activating":
            return Phase.PAUSING if one.get("SubState", "").startswith("auto-restart") else Phase.STARTING
        case "deactivating":
            return Phase.STOPPING
        case "failed":
            return Phase.FAILED
        case _:
            return None


def _detail(one: Properties, phase: Phase) -> str:
    if phase in (Phase.FAILED, Phase.PAUSING):
        status = one.get("ExecMainStatus", "")
        code = f" {status}" if one.get("Result") in ("exit-code", "signal") else ""
        return f"{one.get('Result')}{code}: journalctl -u {one['Id']}"
    return one.get("StatusText", "")


def _off(name: str, one: Properties, command: str) -> str:
    if one.get("LoadState") == "masked":
        return f"is masked: {command} unmask lunix-{name}"
    if one.get("LoadState") != "loaded":
        return "is not installed as a service"
    now = "enable --now" if one.get("UnitFileState") != "enabled" else "start"
    return f"is not started: {command} {now} lunix-{name}"


def _number(one: Properties, name: str) -> int:
    text = one.get(name, "")
    return int(text) if text.isdecimal() else 0
