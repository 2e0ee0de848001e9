"""The sending side of a place on the bus: numbered events wait in the outbox and are pumped into each session.

    emit → outbox → session → server, and one PING a burst to learn what arrived

An event that comes alone is on the wire when ``emit`` returns; those of a burst go together. What the outbox dropped,
and what a broken connection may have swallowed, is announced as ``<domain>.lost``.
"""

import asyncio
import json
import logging
import secrets
import socket
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache

from lunix_common.bus.errors import BusAway
from lunix_common.bus.messages import BOOT, HOST, PREV, SEQ, SOURCE, TIME
from lunix_common.bus.outbox import Loss, Outbox, Queued
from lunix_common.bus.session import Session
from lunix_common.schemas.common import Lost, Model, Ready
from lunix_common.subjects import MAX_SUBJECT_BYTES, Table

log = logging.getLogger("lunix.bus")

CONFIRM_S = 0.05
"""So long after an event the server is asked whether it has it: one PING for a burst, and none in its way."""
_BATCH, _SUBJECTS = 256, 256

Payload = Model | Mapping[str, object] | str | bytes | None


def new_boot() -> str:
    """An id for a run of a publisher, ordered in time: nanoseconds since 1970 and, for equal clocks, a random tail."""
    return f"{time.time_ns():016x}{secrets.token_hex(2)}"


def encode(payload: Payload) -> bytes:
    """The bytes of a payload."""
    if payload is None:
        return b""
    if isinstance(payload, Model):
        return payload.to_json()
    if isinstance(payload, (str, bytes)):
        return payload.encode() if isinstance(payload, str) else payload
    return json.dumps(payload).encode()


class Publisher:
    """Numbers what is published and sends it, through all outages."""

    def __init__(self, name: str, table: Table) -> None:
        self.boot = new_boot()
        self._table = table
        self._outbox = Outbox()
        self._session: Session | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._hurry = asyncio.Event()
        self._gathering = False
        self._literal = lru_cache(_SUBJECTS)(self._literal_of)
        head = {HOST: socket.gethostname(), SOURCE: name, BOOT: self.boot}
        self._head = "NATS/1.0\r\n" + "".join(f"{key}: {value}\r\n" for key, value in head.items())

    @property
    def seq(self) -> int:
        """The number of the last event."""
        return self._outbox.seq

    @property
    def unsent(self) -> int:
        """How many events wait in the queue."""
        return len(self._outbox)

    def emit(self, pattern: str, payload: Payload, parameters: Mapping[str, str | bytes]) -> int:
        """Number an event of a declared pattern, queue or send it and return its number."""
        domain, subject = self._literal(pattern, **parameters)
        return self._put(domain, subject, encode(payload), "")

    def emit_on(self, pattern: str, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """The same on a literal subject, with headers beside the publisher's own."""
        row = self._table[pattern]
        if row.match(subject) is None or len(subject) > MAX_SUBJECT_BYTES:
            raise ValueError(f"{subject[:80]}: not of {pattern}, or longer than {MAX_SUBJECT_BYTES} bytes")
        return self._put(row.domain, subject, data, "".join(f"{key}: {text}\r\n" for key, text in headers.items()))

    def _put(self, domain: str, subject: str, data: bytes, more: str) -> int:
        moment = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        seq = self._outbox.put(domain, subject, data, moment, more)
        if self._session is not None and not self._gathering:
            self._hand_over(self._session)
            self._gathering = True
            asyncio.get_running_loop().call_soon(self._gathered)
        return seq

    def _literal_of(self, pattern: str, **parameters: str | bytes) -> tuple[str, str]:
        row = self._table[pattern]
        return row.domain, row.literal(**parameters)

    def _gathered(self) -> None:
        """The turn of the loop that began with an event ends: what came after that goes as one piece."""
        self._gathering = False
        if self._session is not None and self._outbox:
            self._hand_over(self._session)

    def missed(self, domain: str, reason: str) -> None:
        """Announce a loss from before the numbering."""
        self._outbox.missed(domain, reason)
        self._wake.set()

    def ready(self, served: Iterable[str]) -> None:
        """Announce each state whose list is among these patterns: who found nobody there waits for that."""
        states = {f"{domain.name}.list": domain.name for domain in self._table.domains if domain.item}
        for name in filter(None, map(states.get, served)):
            self.emit(f"{name}.ready", Ready(boot=self.boot), {})

    def interrupted(self) -> None:
        """Take note that the session is over."""
        self._outbox.interrupted()

    async def flush(self) -> None:
        """Return when the server has every event that was published so far."""
        self._idle.clear()
        self._urge()
        await self._idle.wait()

    async def arrived(self, seqs: Iterable[int]) -> list[bool]:
        """Return when it is known what became of events: whether the server has each, or it may be lost."""
        await self.flush()
        return [self._outbox.arrived(seq) for seq in seqs]

    def _urge(self) -> None:
        self._hurry.set()
        self._wake.set()

    async def run(self, session: Session) -> None:
        """Send what is queued, and learn that it arrived, until the session ends or the server does not answer."""
        session.ended.add_done_callback(lambda _: self._urge())
        self._session = session
        try:
            while not session.ended.done():
                await self._work(session)
        except BusAway as error:
            log.debug("the session is over", extra={"error": str(error)})
        finally:
            self._session = None

    async def _work(self, session: Session) -> None:
        self._wake.clear()
        for loss in self._outbox.losses():
            self._announce(loss)
        while self._outbox and not session.ended.done():
            await session.drain()
            self._hand_over(session)
        if self._outbox.confirmed < self._outbox.handed:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONFIRM_S):
                    await self._hurry.wait()
            handed = self._outbox.handed
            await session.flush()
            self._outbox.confirm(handed)
        else:
            self._hurry.clear()
            self._idle.set()
            await self._wake.wait()
            self._idle.clear()

    def _hand_over(self, session: Session) -> None:
        """Write what waits, as far as the connection has room; ``run`` waits for more of it."""
        while session.has_room and (batch := self._outbox.take(_BATCH)):
            session.write(b"".join([self._frame(queued, session.max_payload) for queued in batch]))
        self._wake.set()

    def _announce(self, loss: Loss) -> None:
        numbers = {"from_seq": loss.from_seq, "to_seq": loss.to_seq}
        log.warning("events were lost", extra=numbers | {"why": loss.reason})
        body = Lost(boot=self.boot, from_seq=loss.from_seq, to_seq=loss.to_seq, reason=loss.reason)
        self.emit(f"{loss.domain}.lost", body, {})

    def _frame(self, queued: Queued, most: int) -> bytes:
        """The event as the protocol's HPUB, or nothing where the server would break the connection for its size."""
        prev = "" if queued.prev is None else f"{PREV}: {queued.prev}\r\n"
        head = f"{self._head}{SEQ}: {queued.seq}\r\n{TIME}: {queued.time}\r\n{prev}{queued.more}\r\n".encode()
        size = len(head) + len(queued.data)
        if size > most:
            log.error("an event can never be sent", extra={"subject": queued.subject, "bytes": size})
            self._outbox.missed(queued.domain, "an event was too big for the bus")
            return b""
        return b"HPUB %b %d %d\r\n%b%b\r\n" % (queued.subject.encode(), len(head), size, head, queued.data)
