"""What a running ``lunix up`` leaves for other commands: a lock, and a record of what runs and what is off.

The record also names every process, so that what an ``up`` that was killed has left behind can be ended by the next.
"""

import fcntl
import json
import os
import select
import shutil
import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lunix_cli.proc import started
from lunix_cli.supervise import Status
from lunix_common.errors import UsageError

Record = dict[str, Any]
DRAFT = ".units.json"
LEAVE_S = 5.0
"""A lunix-init whose ``up`` was killed has this long to stop what it keeps."""


@contextmanager
def locked(state: Path) -> Generator[None]:
    """Hold the state directory for one ``lunix up``; raise ``UsageError`` where another one does."""
    state.mkdir(parents=True, exist_ok=True)
    path = state / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(descriptor, 32).decode("ascii", "replace").strip() or "?"
            raise UsageError(
                f"`lunix up` (pid {pid}) runs on {state} already: `lunix status` tells what it does, "
                "and --state takes another directory for a second one"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Init:
    """The lunix-init that keeps the units."""

    pid: int | None
    run: Path


def write(
    directory: Path,
    url: str,
    server: int | None,
    status: Mapping[str, Status],
    off: Mapping[str, str],
    init: Init | None = None,
) -> None:
    """Keep what runs in ``units.json``."""
    units = {
        name: {
            "phase": one.phase.value,
            "since": one.since,
            "detail": one.detail,
            "restarts": one.restarts,
            **_process(one.pid),
        }
        for name, one in status.items()
    }
    bus = {"url": url, **_process(server)}
    keeper = {"run": str(init.run), **_process(init.pid)} if init else {}
    draft = directory / DRAFT
    found = {"up": _process(os.getpid()), "init": keeper, "bus": bus, "units": units, "off": dict(off)}
    draft.write_text(json.dumps(found), encoding="utf-8")
    draft.replace(directory / "units.json")


def _process(pid: int | None) -> Record:
    """A process, so that a later one of the same number is not taken for it."""
    return {"pid": pid, "started": started(pid) if pid else None}


def kept(keeper: str, units: Mapping[str, Record], off: Mapping[str, str]) -> Record:
    """The record of what somebody else than a ``lunix up`` keeps; the unit ``bus`` is the server."""
    pid = units["bus"]["pid"] if "bus" in units else None
    daemons = {name: one for name, one in units.items() if name != "bus"}
    return {"up": None, "keeper": keeper, "bus": {"pid": pid}, "units": daemons, "off": dict(off)}


def read(directory: Path) -> Record | None:
    """What the running ``lunix up`` has written; ``None`` where none runs."""
    found = _load(directory)
    return found if found and _alive(found["up"]) else None


def forget(directory: Path) -> None:
    """Nothing runs any more."""
    for name in ("units.json", DRAFT):  # of which the latter is left where a disk was full
        (directory / name).unlink(missing_ok=True)


def end_leftovers(directory: Path) -> list[str]:
    """End what an ``up`` left that was killed itself, with its process groups; return their names.

    Its lunix-init is stopping all of it already; should that be gone too, what it kept is killed. Call it with the lock
    held. A process counts only when it began when the record says so.
    """
    found: Record = _load(directory) or {"units": {}, "bus": {}}
    keeper: Record = found.get("init", {})
    if _alive(keeper):
        _await_end(keeper["pid"])
    ended: list[str] = []
    for name, one in [("init", keeper), *found["units"].items(), ("bus", found["bus"])]:
        if _alive(one):
            with suppress(ProcessLookupError):
                os.killpg(one["pid"], signal.SIGKILL)
                ended.append(name)
    if run := keeper.get("run"):
        shutil.rmtree(run, ignore_errors=True)
    forget(directory)
    return ended


def _await_end(pid: int) -> None:
    with suppress(ProcessLookupError):
        pidfd = os.pidfd_open(pid)
        try:
            select.select([pidfd], [], [], LEAVE_S)
        finally:
            os.close(pidfd)


def _load(directory: Path) -> Record | None:
    try:
        found = json.loads((directory / "units.json").read_bytes())
    except (OSError, ValueError):
        return None
    return cast("Record", found) if isinstance(found, dict) and {"up", "bus", "units", "off"} <= found.keys() else None


def _alive(one: Mapping[str, Any]) -> bool:
    pid, begin = one.get("pid"), one.get("started")
    return isinstance(pid, int) and begin is not None and started(pid) == begin
