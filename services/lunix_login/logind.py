"""systemd-logind's side of the story.

https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.login1.html
Everything that it tells passes one queue, so that a session is never over before it was opened.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from lunix_dbus import Dbus, DbusAway, DbusError, Match
from lunix_login.sessions import Sighting
from lunix_login.words import clean, terminal

log = logging.getLogger("login")

NAME, PATH, MANAGER = "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
SESSION = "org.freedesktop.login1.Session"
PROPERTIES = "org.freedesktop.DBus.Properties"
_START = datetime(1970, 1, 1, tzinfo=UTC)


class Listeners(NamedTuple):
    """Who is told."""

    listed: Callable[[Iterable[Sighting]], None]
    """It runs; these sessions are open now."""
    opened: Callable[[Sighting], None]
    closed: Callable[[str], None]
    away: Callable[[], None]
    """It does not run (any more)."""


class Logind:
    """Follows logind for as long as the context lasts, through its restarts and those of D-Bus."""

    def __init__(self, listeners: Listeners) -> None:
        self._tell = listeners
        self._queue: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
        self._settled = asyncio.Event()
        self.dbus = Dbus("system")
        self.dbus.watch(NAME, self._owner)
        self.dbus.subscribe(Match(NAME, MANAGER, "SessionNew"), lambda it: self._put("new", *it.body))
        self.dbus.subscribe(Match(NAME, MANAGER, "SessionRemoved"), lambda it: self._put("removed", *it.body))

    async def settled(self) -> None:
        """Return when it is known whether logind runs and, where it does, what is open."""
        tried = asyncio.ensure_future(self.dbus.tried())
        settled = asyncio.ensure_future(self._settled.wait())
        try:
            await tried
            if self.dbus.connected:
                await settled
        finally:
            tried.cancel()
            settled.cancel()

    async def run(self) -> None:
        """Work the queue off, for ever."""
        while True:
            what, key, path = await self._queue.get()
            if what == "new":
                self._tell.opened(sighting(key, await self._properties(key, path)))
            elif what == "removed":
                self._tell.closed(key)
            elif what == "here":
                await self._list()
            else:
                self._tell.away()
                self._settled.set()

    def _owner(self, owner: str | None) -> None:
        self._put("here" if owner else "away", "", "")

    def _put(self, what: str, key: str, path: str) -> None:
        self._queue.put_nowait((what, key, path))

    async def _list(self) -> None:
        try:
            [rows] = await self.dbus.call(NAME, PATH, MANAGER, "ListSessions")
            found = [(key, await self._properties(key, path)) for key, _uid, _user, _seat, path in rows]
        except (DbusError, DbusAway) as error:
            log.warning("systemd-logind does not tell its sessions", extra={"error": str(error)})
            self._tell.away()
        else:
            # One that is closing has told its end already, and waits for processes that were left behind.
            self._tell.listed([sighting(key, told) for key, told in found if told.get("State") != "closing"])
        self._settled.set()

    async def _properties(self, key: str, path: str) -> dict[str, Any]:
        try:
            [properties] = await self.dbus.call(NAME, path, PROPERTIES, "GetAll", "s", [SESSION])
        except (DbusError, DbusAway) as error:
            # It was open for so short a time that nobody can tell more of it.
            log.debug("a session is gone already", extra={"session": key, "error": str(error)})
            return {}
        return dict(properties)


def sighting(key: str, properties: dict[str, Any]) -> Sighting:
    """A session of logind, from its properties."""
    user, seat = properties.get("User"), properties.get("Seat")
    return Sighting(
        source="logind",
        key=key,
        logind_id=key,
        user=clean(properties.get("Name")) or "",
        uid=user[0] if user else None,
        service=clean(properties.get("Service")),
        tty=terminal(properties.get("TTY")),
        remote_host=clean(properties.get("RemoteHost")),
        seat=clean(seat[0]) if seat else None,
        type=clean(properties.get("Type")),
        kind=clean(properties.get("Class")),
        leader_pid=properties.get("Leader") or None,
        at=_START + timedelta(microseconds=properties.get("Timestamp", 0)),
    )
