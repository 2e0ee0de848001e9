"""The daemon: requests are answered from ``/proc`` as it is at that moment, and events come from the kernel.

Requests read in a thread: a process that hangs in the kernel can hold up who reads its command line, and a directory of
users can be slow. Neither may hold up the events.
"""

import asyncio
import logging
import pwd
from collections.abc import Iterator

from lunix_common.bus import Bus, Request
from lunix_common.daemon import Context
from lunix_common.schemas.process import ListRequest, Process
from lunix_common.schemas.ps import Presence, PresenceRequest
from lunix_common.subjects import Role
from lunix_ps import naming, os_proc
from lunix_ps.listener import Listener
from lunix_ps.os_connector import Connector, Deaf
from lunix_ps.os_proc import Raw
from lunix_ps.settings import Settings

log = logging.getLogger("ps")


async def serve(context: Context[Settings]) -> None:
    """Answer, and tell what begins and ends, until the daemon is asked to stop."""
    bus, settings = context.bus, context.settings
    if settings.events:
        _listen(context)
    else:
        bus.part_is_off("events", "ps.events is off in the configuration")
    bus.serve("ps.<name...>", present)
    bus.serve("process.list", Lists(bus).answer)
    await context.ready()
    await asyncio.Event().wait()


def _listen(context: Context[Settings]) -> None:
    try:
        connector = Connector(context.settings.receive_buffer_bytes)
    except Deaf as error:
        log.warning("process.exec and process.exit are off", extra={"why": str(error)})
        context.bus.part_is_off("events", f"no process.exec and process.exit: {error}")
        return
    context.stack.callback(connector.close)
    listener = Listener(context.bus, connector, context.settings.remembered)
    context.stack.callback(listener.close)
    listener.open()


async def present(request: Request[PresenceRequest]) -> Presence:
    """Answer ``ps.<name...>``."""
    name = naming.typed(request.parameters["name"])
    pids = await asyncio.to_thread(lambda: list(_running(name)))
    return Presence(name=naming.text(name), running=bool(pids), pids=pids)


def _running(name: bytes) -> Iterator[int]:
    for pid in os_proc.pids():
        who = os_proc.identity(pid)
        if who and who.state not in ("zombie", "dead") and _is_called(name, pid, who.comm):
            yield pid


def _is_called(name: bytes, pid: int, comm: bytes) -> bool:
    return name == comm or naming.answers_to(name, comm, os_proc.command(pid))


class Lists:
    """Answers ``process.list``."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def answer(self, request: Request[ListRequest]) -> bytes:
        """The first page of what there is now, or the next one of what there was."""
        asked = request.payload
        commands = request.role.includes(Role.ADMIN)
        found = [] if asked.cursor else await asyncio.to_thread(lambda: list(listed(asked, commands=commands)))
        return self._bus.page(asked, lambda _: found)


def listed(asked: ListRequest, *, commands: bool) -> Iterator[Process]:
    """The processes that a request asks for; with their command lines where ``commands``."""
    names: dict[int, str | None] = {}
    for pid in os_proc.pids() if asked.pid is None else (asked.pid,):
        raw = os_proc.process(pid)
        if raw is None:
            continue
        if raw.who.uid not in names:
            names[raw.who.uid] = _user(raw.who.uid)
        if _passes(asked, raw, names[raw.who.uid]):
            yield _described(raw, names[raw.who.uid], commands=commands)


def _passes(asked: ListRequest, raw: Raw, user: str | None) -> bool:
    if asked.user is not None and asked.user not in (user, raw.who.uid, str(raw.who.uid)):
        return False
    if asked.cgroup is not None and not _inside(asked.cgroup, raw.cgroup):
        return False
    return asked.name is None or naming.answers_to(
        asked.name.encode("utf-8", "surrogatepass"), raw.who.comm, raw.command
    )


def _inside(group: str, path: str | None) -> bool:
    return path is not None and (path == group or path.startswith(group.rstrip("/") + "/"))


def _described(raw: Raw, user: str | None, *, commands: bool) -> Process:
    who, figures = raw.who, raw.figures
    return Process(
        pid=raw.pid,
        ppid=who.ppid,
        name=naming.text(naming.whole(who.comm, raw.command)),
        user=user,
        uid=who.uid,
        state=who.state,
        cpu_s=figures.cpu_ticks / os_proc.HERTZ,
        memory_bytes=figures.pages * os_proc.PAGE_BYTES,
        started_at=os_proc.started_at(figures.start_ticks),
        cgroup=raw.cgroup,
        command=[naming.text(argument) for argument in raw.command] if commands and raw.command else None,
    )


def _user(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
