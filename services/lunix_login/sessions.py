"""One session, whoever tells of it.

Each source sees sessions in its own way. A *sighting* is a session as one source sees it; sightings of one session
are found by, in this order: the id that logind gave it, which PAM's helper knows where pam_systemd ran before it; the
process that leads it; the user and the terminal, where both were seen within seconds. Two sightings of one source
are always two sessions: `su ada` of ada, on one terminal, is one of its own.

A session is told as it was seen first, and is over as soon as one source says so.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from lunix_common.schemas.login import Session, Source

TOGETHER = timedelta(seconds=10)


class Sighting(NamedTuple):
    """A session as one source sees it."""

    source: Source
    key: str
    """What this source tells its sessions apart by."""
    user: str
    at: datetime
    uid: int | None = None
    service: str | None = None
    tty: str | None = None
    remote_host: str | None = None
    seat: str | None = None
    type: str | None = None
    kind: str | None = None
    leader_pid: int | None = None
    logind_id: str | None = None


class Sessions:
    """What is open, and who sees it."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}
        self._seen: dict[str, dict[Source, Sighting]] = {}

    def __iter__(self) -> Iterator[Session]:
        """The open ones, in the order in which they were told."""
        return iter(self._open.values())

    def seen(self, sighting: Sighting) -> Session | None:
        """Take a sighting in; return the session where it is a new one."""
        if self._by_key(sighting.source, sighting.key) is not None:
            return None
        known = next((id_ for id_ in self._seen if self._same(self._seen[id_], sighting)), None)
        if known is not None:
            self._seen[known][sighting.source] = sighting
            return None
        session = _session(sighting)
        if session.id in self._open:
            # A number that is used again, of a session whose end nobody told us.
            session = session.model_copy(update={"id": f"{session.id}:{int(sighting.at.timestamp())}"})
        self._open[session.id] = session
        self._seen[session.id] = {sighting.source: sighting}
        return session

    def gone(self, source: Source, key: str) -> Session | None:
        """A source says that it is over; return the session where it was open."""
        return self._end(self._by_key(source, key))

    def leader_ended(self, pid: int) -> list[Session]:
        """Sessions whose leading process is gone and that logind, which would tell their end itself, does not see."""
        ids = [
            id_
            for id_, seen in self._seen.items()
            if "logind" not in seen and any(one.leader_pid == pid for one in seen.values())
        ]
        return [session for id_ in ids if (session := self._end(id_)) is not None]

    def listed(self, source: Source, sightings: Iterable[Sighting]) -> tuple[list[Session], list[Session]]:
        """Take in all that a source sees now; return what is over and what is new by that."""
        now = {sighting.key: sighting for sighting in sightings}
        over = [seen[source].key for seen in self._seen.values() if source in seen and seen[source].key not in now]
        ended = [session for key in over if (session := self.gone(source, key)) is not None]
        return ended, [session for one in now.values() if (session := self.seen(one)) is not None]

    def forget(self, source: Source) -> list[Session]:
        """A source sees nothing any more; return what is over because nobody else saw it."""
        ended: list[Session] = []
        for id_ in tuple(self._seen):
            self._seen[id_].pop(source, None)
            if not self._seen[id_] and (session := self._end(id_)) is not None:
                ended.append(session)
        return ended

    def _end(self, id_: str | None) -> Session | None:
        if id_ is None:
            return None
        del self._seen[id_]
        return self._open.pop(id_)

    def _by_key(self, source: Source, key: str) -> str | None:
        return next((id_ for id_, seen in self._seen.items() if source in seen and seen[source].key == key), None)

    def _same(self, seen: Mapping[Source, Sighting], other: Sighting) -> bool:
        return other.source not in seen and any(_is_same(one, other) for one in seen.values())


def _is_same(one: Sighting, other: Sighting) -> bool:
    if one.user != other.user:
        return False
    if one.logind_id is not None and other.logind_id is not None:
        return one.logind_id == other.logind_id
    if one.leader_pid is not None and one.leader_pid == other.leader_pid:
        return True
    return one.tty is not None and one.tty == other.tty and abs(one.at - other.at) <= TOGETHER


def _session(sighting: Sighting) -> Session:
    known = {name: value for name, value in sighting._asdict().items() if name in Session.model_fields}
    name = sighting.logind_id if sighting.source == "logind" else sighting.key
    return Session(id=f"{sighting.source}:{name}", opened_at=sighting.at, **known)
