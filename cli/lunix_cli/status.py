"""``lunix status``: the bus and each daemon: what it says, what the kernel says, what is off and why."""

import asyncio
import json
import os
import time
from argparse import Namespace
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lunix_cli import daemons, keeper, place, proc, record, server, terminal, web
from lunix_cli.client import Visit, visit
from lunix_cli.logline import plain
from lunix_cli.script_header import PREFIX
from lunix_cli.show import duration, size
from lunix_cli.table import fitted
from lunix_common.bus.connection import Msg
from lunix_common.journal import safe

WAIT_S = 0.5
"""For daemons that nobody told us of."""
HANG_S = 5.0
"""For one that should be there; on a small device a daemon that is asked may have to be read from its flash first."""


@dataclass
class Daemon:
    """One row. What is unknown is ``None``."""

    name: str
    state: str
    pid: int | None = None
    uptime_s: float | None = None
    requests: int | None = None
    errors: int | None = None
    memory_bytes: int | None = None
    restarts: int | None = None
    why: str = ""
    """Why it is off or not ready, or which part of it does not work here."""


def run(arguments: Namespace) -> int:
    """Print it; raise ``BusAway`` where there is no bus."""
    state = place.state_of_bus(arguments.state)
    runtime = place.runtime_directory(arguments.state)
    known = keeper.found(state, runtime)
    bus, rows = asyncio.run(_ask(arguments, state, known))
    up = known["up"]["pid"] if known and known["up"] else None
    if arguments.json:
        print(json.dumps({"bus": bus, "up": {"pid": up} if up else None, "daemons": [asdict(row) for row in rows]}))
        return 0
    keeps = started_by(known, state, os.geteuid())
    print(f"bus at {bus['url']}: {server.title(bus['server'])}, seen as {bus['role']}{keeps}")
    if bus["url"].startswith("tls://") and all(row.requests is None for row in rows):
        print("no daemon is on this bus; on a fleet's hub those of each machine are behind its host.NAME")
        return 0
    table = [["DAEMON", "STATE", "PID", "UP", "REQUESTS", "ERRORS", "MEMORY", "WHY"], *map(_row, rows)]
    head, *lines = fitted(table, terminal.columns())
    print(terminal.painted(head, terminal.BOLD))
    print("\n".join(lines))
    if bus["page"]:
        print(f"the page: {bus['page']} (`lunix token url` adds the token)")
    return 0


def started_by(known: record.Record | None, state: Path, uid: int) -> str:
    """Who keeps the bus with this state directory, as far as this user is told."""
    if known is not None:
        return f", run by `lunix up` (pid {known['up']['pid']})" if known["up"] else f", run by {known['keeper']}"
    if uid and state == place.MACHINE:
        return ", the machine's: what keeps it tells only root"
    return ", not run by a `lunix up` of this state directory"


async def _ask(arguments: Namespace, state: Path, known: record.Record | None) -> tuple[dict[str, Any], list[Daemon]]:
    units: dict[str, Any] = known["units"] if known else {}
    expected = {name for name, unit in units.items() if unit["phase"] == "ready" and _answers(name)}
    async with visit(arguments, "status") as visiting:
        begin = time.perf_counter()
        answers = await _collect(visiting, expected)
        bus = {
            "url": visiting.options.url,
            "server": visiting.session.server,
            "role": visiting.role,
            "pid": known["bus"]["pid"] if known else None,
            "page": web.address(state),
            "answered_in_s": round(time.perf_counter() - begin, 6),
        }
    names = dict.fromkeys([*daemons.names(), *units, *answers])
    off: dict[str, str] = known["off"] if known else {}
    if not server.is_embedded(str(bus["server"])):
        off |= {name: why for name, why in daemons.FOR_LUNIX_BUS.items() if name in off}
    return bus, [_daemon(name, units.get(name), answers.get(name), off.get(name)) for name in names]


async def _collect(visiting: Visit, expected: set[str]) -> dict[str, dict[str, Any]]:
    """The ``$SRV.STATS`` of each daemon that answers: when those expected have, or it has been long enough."""
    answers: dict[str, dict[str, Any]] = {}
    done = asyncio.Event()

    async def arrived(message: Msg) -> None:
        if (message.headers or {}).get("Status") == "503":
            done.set()  # nobody at all is there to ask
            return
        answer = json.loads(message.data)
        answers[str(answer["name"])] = answer
        if expected and expected <= answers.keys():
            done.set()

    session = visiting.session
    inbox = f"_INBOX.lunix-status.{time.time_ns():x}"
    await session.subscribe(inbox, arrived)
    await session.publish("$SRV.STATS", b"", reply=inbox)
    with suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), HANG_S if expected else WAIT_S)
    return answers


def _daemon(name: str, unit: dict[str, Any] | None, answer: dict[str, Any] | None, off: str | None) -> Daemon:
    if unit is None and answer is None:
        obstacle = daemons.obstacle(name)
        return Daemon(name, "off", why=off or (obstacle.why if obstacle else "nobody has started it"))
    state = unit["phase"] if unit else "ready"
    row = Daemon(name, state, restarts=unit["restarts"] if unit else None)
    if unit and state != "ready":
        row.why = plain(unit["detail"])
    if unit and (pid := unit["pid"]):
        row.pid, row.uptime_s, row.memory_bytes = pid, proc.uptime_s(pid), proc.memory_bytes(pid)
    if answer:
        row.requests = sum(endpoint["num_requests"] for endpoint in answer["endpoints"])
        row.errors = sum(endpoint["num_errors"] for endpoint in answer["endpoints"])
        row.why = row.why or _off(answer)
    elif state == "ready" and _answers(name):
        row.why = "does not answer on the bus"
    return row


def _answers(name: str) -> bool:
    """Whether a service answers on the bus: scripts do not, daemons do."""
    return not name.startswith(PREFIX)


def _off(answer: dict[str, Any]) -> str:
    """What a daemon says of its parts that do not work here."""
    metadata: dict[str, Any] = answer.get("metadata") or {}
    return "; ".join(str(why) for key, why in metadata.items() if key.startswith("off."))


def _row(row: Daemon) -> list[str]:
    def text(value: object) -> str:
        return "" if value is None else str(value)

    up = "" if row.uptime_s is None else duration(row.uptime_s)
    memory = "" if row.memory_bytes is None else size(row.memory_bytes)
    return [row.name, row.state, text(row.pid), up, text(row.requests), text(row.errors), memory, safe(row.why)]
