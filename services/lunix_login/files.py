"""The files in which the C library's programs write who is logged in, and who was refused. utmp(5), lastb(1)."""

import logging
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from lunix_common.schemas.login import FailedName
from lunix_login import utmp
from lunix_login.os_watch import FileWatch
from lunix_login.sessions import Sighting

log = logging.getLogger("login")


class TakeAll(Protocol):
    """Takes all that is open; with ``resync`` the changes happened while nobody looked."""

    def __call__(self, sightings: Iterable[Sighting], /, *, resync: bool) -> None:
        """Take it."""


class UtmpSource:
    """Reads utmp when it changes, while no logind runs."""

    def __init__(self, path: Path, tell: TakeAll, forget: Callable[[], None]) -> None:
        """``tell`` is given all that is open, and ``forget`` called when that is not known any more."""
        self._path = path
        self._tell = tell
        self._forget = forget
        self._form = utmp.layout(os.uname().machine)
        self._watch: FileWatch | None = None

    @property
    def running(self) -> bool:
        """Whether it is read."""
        return self._watch is not None

    def start(self) -> None:
        """Begin; idempotent."""
        if self._watch is None:
            try:
                self._watch = FileWatch(self._path, partial(self._read, resync=False))
            except OSError as error:
                log.warning("utmp cannot be watched", extra={"error": str(error)})
                return
            self._read(resync=True)

    def stop(self) -> None:
        """End; what only utmp saw is over. Idempotent."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
            self._forget()

    def _read(self, *, resync: bool) -> None:
        try:
            data = self._path.read_bytes()
        except OSError:
            data = b""
        found = [
            Sighting(
                source="utmp",
                key=record.key,
                user=record.user,
                tty=record.line,
                remote_host=record.host,
                leader_pid=record.pid,
                at=record.at,
            )
            for record in utmp.records(data, self._form)
            # A record outlives its process where nobody cleaned up.
            if record.kind == utmp.USER_PROCESS and record.user and Path(f"/proc/{record.pid}").exists()
        ]
        self._tell(found, resync=resync)


class BtmpTail:
    """Reads what is appended to btmp."""

    def __init__(self, path: Path, tell: Callable[[FailedName], None]) -> None:
        self._path = path
        self._tell = tell
        self._form = utmp.layout(os.uname().machine)
        self._taken, self._last = 0, b""
        """How far it is read, and the record before: in another file, or one that was emptied, it is another."""
        self._new()

    def read(self) -> None:
        """Take the records that were appended, or all of a new file."""
        for record in utmp.records(self._new(), self._form):
            self._tell(
                FailedName(
                    user=record.user or "",
                    tty=record.line,
                    remote_host=record.host,
                    failed_at=record.at,
                    source="utmp",
                )
            )

    def _new(self) -> bytes:
        size = self._form.size
        try:
            with self._path.open("rb") as file:
                file.seek(max(self._taken - size, 0))
                if self._taken and file.read(size) != self._last:
                    file.seek(0)
                    self._taken = 0
                data = file.read()
        except OSError as error:
            log.debug("btmp cannot be read", extra={"error": str(error)})
            return b""
        whole = len(data) - len(data) % size
        self._taken += whole
        self._last = data[whole - size : whole] if whole else self._last
        return data[:whole]
