"""The way of every message: its sender's budget, a number, the ring, the bus; and the telling of what was dropped."""

import asyncio
import dataclasses
import logging
from datetime import UTC, datetime
from typing import NamedTuple

from lunix_common.bus import Bus
from lunix_common.schemas.log import Entry, Source, Tail, TailRequest
from lunix_log import own_lines
from lunix_log.limit import Drops, Limiter
from lunix_log.parsed import Parsed
from lunix_log.priority import Priority
from lunix_log.ring import Ring
from lunix_log.settings import Settings

log = logging.getLogger("log")

TELL_AFTER_S = 1.0
"""What was dropped is told so long after the first of it: one event for a flood and not one for each message."""
OWN_BURST, OWN_PER_S = 200, 1.0
"""What a daemon of lunix may say: enough for its start, and too little to feed back for ever."""


BREATH = 512
"""So many messages may be under way to the bus before those who can wait have to."""


class Origin(NamedTuple):
    """Where a message came from."""

    source: Source
    sender: str
    """Whose budget it is of; see ``Dropped.sender``."""
    address: str | None = None
    pid: int | None = None
    uid: int | None = None
    truncated: bool = False
    limited: bool = True
    news: bool = True
    """Whether it is told as an event; what is long past is only kept for ``log.tail``."""


class Intake:
    """Takes messages and tells them."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self._bus = bus
        self._limiter = Limiter(settings.burst, settings.per_s) if settings.burst else None
        self._own = Limiter(OWN_BURST, OWN_PER_S)
        self._drops = Drops()
        self._ring = Ring(settings.kept_bytes)
        self._id = 0
        self._checked = 0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def take(self, parsed: Parsed, origin: Origin, received_at: datetime | None = None) -> None:
        """Tell a message, or take note that it is not told."""
        received_at = received_at or datetime.now(UTC)
        limiter = self._limiter
        own = own_lines.parse(parsed.text) if origin.source in ("init", "journal") else None
        if own is not None:
            if not own.told:
                return
            limiter = self._own
            parsed = dataclasses.replace(
                parsed,
                text=own.text,
                format="lunix",
                priority=Priority(parsed.priority.facility, own.severity),
                structured=parsed.structured | own.structured,
            )
        if (
            origin.limited
            and limiter is not None
            and not limiter.allows((origin.source, origin.sender), self._loop.time())
        ):
            self.dropped(origin.source, origin.sender, "rate limit", at=received_at)
            return
        self._tell(parsed, origin, received_at)

    def _tell(self, parsed: Parsed, origin: Origin, received_at: datetime) -> None:
        self._id += 1
        facility, severity = parsed.priority
        entry = Entry(
            id=self._id,
            received_at=received_at,
            source=origin.source,
            format=parsed.format,
            facility=facility,
            severity=severity,
            text=parsed.text,
            happened_at=parsed.happened_at,
            host=parsed.host,
            sender=origin.address,
            app=parsed.app,
            service=parsed.service,
            pid=origin.pid or parsed.pid,
            uid=parsed.uid if origin.uid is None else origin.uid,
            process=parsed.process,
            message_id=parsed.message_id,
            structured=parsed.structured or None,
            truncated=origin.truncated,
        )
        encoded = entry.to_json()
        self._ring.put(entry, encoded)
        if origin.news:
            self._bus.emit("log.<facility>.<severity>", encoded, facility=facility, severity=severity)

    async def room(self) -> None:
        """Wait, once in a while, until the bus has what was told: for those who can wait, and whose messages can."""
        if self._id - self._checked >= BREATH:
            self._checked = self._id
            await self._bus.flush()

    def dropped(self, source: Source, sender: str, reason: str, count: int = 1, *, at: datetime | None = None) -> None:
        """Take note of messages that are not told, and tell that soon."""
        self._drops.note(source, sender, reason, at or datetime.now(UTC), count)
        if self._timer is None:
            self._timer = self._loop.call_later(TELL_AFTER_S, self.tell_drops)

    def lost(self, source: Source, sender: str, count: int, reason: str) -> None:
        """The same of what nobody meant to drop: it is announced as a loss too."""
        self.dropped(source, sender, reason, count)
        self._bus.lost("log", f"{source}: {reason}")

    def tell_drops(self) -> None:
        """Tell what was dropped so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for drop in self._drops.take():
            said = {"source": drop.source, "sender": drop.sender, "why": drop.reason, "count": drop.count}
            log.warning("messages were dropped", extra=said)
            self._bus.emit("log.dropped", drop)

    def tail(self, asked: TailRequest) -> bytes:
        """The answer to ``log.tail``."""
        head = Tail(boot=self._bus.boot, items=[], oldest_id=self._ring.oldest_id, dropped=self._drops.total)
        items, more = self._ring.tail(asked, self._bus.max_payload - 4096)
        body = head.model_copy(update={"more": more}).to_json()
        return body.replace(b'"items":[]', b'"items":[' + b",".join(items) + b"]", 1)
