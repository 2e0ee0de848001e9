"""The daemon: three sources in, one story of each session out."""

import asyncio
import logging
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

from lunix_common.bus import Bus
from lunix_common.daemon import Context
from lunix_common.schemas.login import Closed, Failed, FailedName, ListRequest, Opened, Session, Source
from lunix_login import pam_record
from lunix_login.failures import Failures
from lunix_login.files import BtmpTail, UtmpSource
from lunix_login.os_leader import Leaders
from lunix_login.os_pam_socket import PamSocket, Untrusted
from lunix_login.os_watch import FileWatch
from lunix_login.sessions import Sessions, Sighting
from lunix_login.settings import Settings

log = logging.getLogger("login")


async def serve(context: Context[Settings]) -> None:
    """Tell who comes and goes until the daemon is asked to stop."""
    service = LoginService(context.bus)
    context.stack.callback(service.leaders.close)
    context.bus.serve_list("login", service.listed)
    _listen_to_pam(context, service)
    _watch_btmp(context, service)
    seen = UtmpSource(context.settings.utmp, partial(service.take_all, "utmp"), partial(service.forget, "utmp"))
    context.stack.callback(seen.stop)
    if not await _follow_logind(context, service, seen):
        seen.start()
    service.starting = False
    await context.ready()
    await asyncio.Event().wait()


def _listen_to_pam(context: Context[Settings], service: "LoginService") -> None:
    if os.geteuid() != 0:
        context.bus.part_is_off("pam", "what PAM tells needs root")
        return
    try:
        opened = PamSocket(context.settings.pam_socket)
    except OSError as error:
        why = f"{context.settings.pam_socket}: {error.strerror}"
        log.warning("nothing is heard from PAM", extra={"why": why})
        context.bus.part_is_off("pam", f"nothing is heard from PAM: {why}")
        return
    loop = asyncio.get_running_loop()
    context.stack.callback(opened.close)
    loop.add_reader(opened.fileno(), service.read_pam, opened)
    context.stack.callback(loop.remove_reader, opened.fileno())


def _watch_btmp(context: Context[Settings], service: "LoginService") -> None:
    tail = BtmpTail(context.settings.btmp, service.failed)
    if context.settings.btmp.exists() and not os.access(context.settings.btmp, os.R_OK):
        context.bus.part_is_off("btmp", f"{context.settings.btmp} is closed to us: it needs root")
    try:
        watch = FileWatch(context.settings.btmp, tail.read)
    except OSError as error:
        context.bus.part_is_off("btmp", f"{error.filename}: {error.strerror}")
        return
    context.stack.callback(watch.close)


async def _follow_logind(context: Context[Settings], service: "LoginService", seen: "UtmpSource") -> bool:
    """Whether it runs; later changes are followed by themselves."""
    if not context.settings.logind:
        return False
    try:
        from lunix_login.logind import Listeners, Logind
    except ImportError:
        context.bus.part_is_off("logind", "dbus-fast is not installed: pip install 'lunix[dbus]'")
        return False

    def listed(sightings: Iterable[Sighting]) -> None:
        service.take_all("logind", sightings)
        seen.stop()

    logind = Logind(Listeners(listed, service.opened, partial(service.closed, "logind"), seen.start))
    await context.stack.enter_async_context(logind.dbus)
    context.tasks.create_task(logind.run(), name="login.logind")
    await logind.settled()
    return not seen.running and logind.dbus.connected


class LoginService:
    """Holds what is open and tells each change in the step that makes it."""

    def __init__(self, bus: Bus) -> None:
        self.starting = True
        """What is found now was there before, and is listed but not told."""
        self.leaders = Leaders(self._leader_ended)
        self._bus = bus
        self._sessions = Sessions()
        self._failures = Failures()

    def listed(self, asked: ListRequest) -> list[Session]:
        """The items of ``login.list``."""
        return [session for session in self._sessions if asked.user in (None, session.user)]

    def opened(self, sighting: Sighting) -> None:
        """A source saw a session begin."""
        self._open(self._sessions.seen(sighting))

    def closed(self, source: Source, key: str) -> None:
        """A source saw a session end."""
        self._close(self._sessions.gone(source, key))

    def take_all(self, source: Source, sightings: Iterable[Sighting], *, resync: bool = True) -> None:
        """A source tells all that is open; with ``resync`` it could have told the changes before."""
        ended, new = self._sessions.listed(source, sightings)
        for session in ended:
            self._close(session, resync=resync)
        for session in new:
            self._open(session, resync=resync)

    def forget(self, source: Source) -> None:
        """A source tells nothing any more."""
        for session in self._sessions.forget(source):
            self._close(session, resync=True)

    def failed(self, failed: FailedName) -> None:
        """A login was refused."""
        if self._failures.is_new(failed):
            self._bus.emit("login.failed.name", failed)
            self._bus.emit("login.failed", Failed(**failed.model_dump(exclude={"user"})))

    def read_pam(self, opened: PamSocket) -> None:
        """Take what PAM's helper sent."""
        while (received := opened.receive()) is not None:
            if isinstance(received, Untrusted):
                log.warning("a message counts for nothing: root did not send it", extra=received._asdict())
                continue
            try:
                fact = pam_record.parse(received, datetime.now(UTC))
            except pam_record.Malformed as error:
                log.warning("a message counts for nothing", extra={"error": str(error)})
                continue
            self._take(fact)

    def _take(self, fact: pam_record.Began | pam_record.Ended | pam_record.Refused) -> None:
        if isinstance(fact, pam_record.Began):
            self.opened(fact.sighting)
        elif isinstance(fact, pam_record.Ended):
            self.closed("pam", fact.key)
        else:
            self.failed(FailedName(**fact._asdict(), failed_at=datetime.now(UTC), source="pam"))

    def _open(self, session: Session | None, *, resync: bool = False) -> None:
        if session is None:
            return
        if session.leader_pid is not None:
            self.leaders.watch(session.leader_pid)
        if not self.starting:
            self._bus.emit("login.opened", Opened(**session.model_dump(), resync=resync))

    def _close(self, session: Session | None, *, resync: bool = False) -> None:
        if session is None:
            return
        if session.leader_pid is not None and not any(one.leader_pid == session.leader_pid for one in self._sessions):
            self.leaders.forget(session.leader_pid)
        if not self.starting:
            now = datetime.now(UTC)
            self._bus.emit("login.closed", Closed(**session.model_dump(), closed_at=now, resync=resync))

    def _leader_ended(self, pid: int) -> None:
        for session in self._sessions.leader_ended(pid):
            self._close(session)
