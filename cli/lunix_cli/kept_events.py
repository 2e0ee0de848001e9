"""The pages of events that a hub or this machine keeps, read one after the other and put in the order of time.

Requests and answers: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md. What a machine
says is hostile in its headers too: it could only lie about itself, so its subjects have to be its own, and where a page
ends is taken from the server's word after it.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lunix_cli.client import Visit
from lunix_common.access.history import OF
from lunix_common.bus.connection import Msg
from lunix_common.bus.errors import BusAway, RequestError
from lunix_common.subjects import Kind, Table

PAGE = 256
_PAGE_BYTES = 4 * 1024 * 1024
_WAIT_S = 10.0
_OURS = ("Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence")
"""What the server writes into the headers of a kept message."""


@dataclass(frozen=True)
class Kept:
    """An event that was kept."""

    moment: datetime
    """When it came to whom keeps it, by that one's clock."""
    source: str
    """What it was read from."""
    number: int
    subject: str
    data: bytes
    headers: dict[str, str]

    @property
    def place(self) -> tuple[datetime, str, int]:
        """Where it stands among all."""
        return self.moment, self.source, self.number


@dataclass(frozen=True)
class Source:
    """Something that may be read: ``history.of.<name>``."""

    name: str
    holds: Callable[[str], bool]
    """Whether an event of this subject is one of it."""


def of_machine(machine: str) -> Source:
    """What a hub keeps of a machine; ``machine`` is its token."""
    return Source(machine, lambda subject: subject.startswith((f"host.{machine}.", f"fleet.{machine}.")))


def of_role(role: str, table: Table) -> Source:
    """What this machine keeps for a role; a subject that is taken in by a wider one of another role is not it."""
    rows = [row for row in table if row.kind is Kind.EVENT]

    def holds(subject: str) -> bool:
        found = [row for row in rows if row.match(subject) is not None]
        return bool(found) and min(found, key=lambda row: len(row.parameters)).role == role

    return Source(role, holds)


def concerns(subject: str, machine: str) -> bool:
    """Whether some event of this machine may be among the subjects."""
    head, _, rest = subject.partition(".")
    second = rest.partition(".")[0]
    return head == ">" or second in ("*", ">", machine)


def parse(message: Msg, source: Source) -> Kept | None:
    """A message that the server took out of its store; ``None`` for one that cannot be of this source.

    The time has nanoseconds, which Python reads as what it can hold of them.
    """
    headers = message.headers or {}
    subject = headers.get("Nats-Subject", "")
    if not source.holds(subject):
        return None
    try:
        moment = datetime.fromisoformat(headers["Nats-Time-Stamp"])
        number = int(headers["Nats-Sequence"])
    except (KeyError, ValueError):
        return None
    own = {name: value for name, value in headers.items() if name not in _OURS}
    return Kept(
        moment if moment.tzinfo else moment.replace(tzinfo=UTC), source.name, number, subject, message.data, own
    )


class Pages:
    """Asks for pages of one visit."""

    def __init__(self, visiting: Visit) -> None:
        self._visiting = visiting
        self._inbox = f"_INBOX.lunix-history.{secrets.token_hex(11)}"
        self._asked = 0
        self._waiting: dict[str, asyncio.Queue[Msg | None]] = {}

    async def open(self) -> None:
        """Listen for answers."""
        session = self._visiting.session
        await session.subscribe(f"{self._inbox}.*", self._arrived)
        await session.flush()
        session.ended.add_done_callback(lambda _: self._end())

    async def _arrived(self, message: Msg) -> None:
        if waiting := self._waiting.get(message.subject):
            waiting.put_nowait(message)

    def _end(self) -> None:
        for waiting in self._waiting.values():
            waiting.put_nowait(None)

    async def read(self, source: Source, asked: Mapping[str, Any]) -> tuple[list[Msg], int | None]:
        """The messages of a page, and the number of the last one; ``None`` where no more follow.

        Raises ``RequestError``, ``BusAway`` or ``TimeoutError``.
        """
        self._asked += 1
        subject, inbox = f"{OF}{source.name}", f"{self._inbox}.{self._asked}"
        waiting = self._waiting[inbox] = asyncio.Queue[Msg | None]()
        try:
            body = json.dumps({"batch": PAGE, "max_bytes": _PAGE_BYTES, **asked}).encode()
            await self._visiting.session.publish(subject, body, reply=inbox)
            return await self._page(subject, waiting)
        finally:
            del self._waiting[inbox]

    async def _page(self, subject: str, waiting: "asyncio.Queue[Msg | None]") -> tuple[list[Msg], int | None]:
        found: list[Msg] = []
        while True:
            try:
                message = await asyncio.wait_for(waiting.get(), _WAIT_S)
            except TimeoutError:
                self._visiting.check()
                raise TimeoutError(f"no answer on {subject} within {_WAIT_S:g} s") from None
            if message is None:
                raise BusAway("the connection broke")
            headers = message.headers or {}
            if "Nats-Subject" in headers or "Status" not in headers:
                found.append(message)
                continue
            if headers["Status"] == "404":  # nothing that fits
                return found, None
            if headers["Status"] != "204":
                said = headers.get("Description") or "nobody answers"
                raise RequestError(int(headers["Status"]), f"{subject}: {said}")
            more = int(headers.get("Nats-Num-Pending", "0")) > 0
            return found, int(headers["Nats-Last-Sequence"]) if more and found else None


async def events(
    pages: Pages, source: Source, subject: str, since: datetime | None, until: datetime
) -> AsyncGenerator[Kept]:
    """What is kept of a subject and a time, the oldest first."""
    asked: dict[str, Any] = {"next_by_subj": subject, "seq": 1}
    if since is not None:
        asked = {"next_by_subj": subject, "start_time": since.astimezone(UTC).isoformat()}
    while True:
        messages, last = await pages.read(source, asked)
        for message in messages:
            event = parse(message, source)
            if event is not None and event.moment > until:
                return
            if event is not None:
                yield event
        if last is None:
            return
        asked = {"next_by_subj": subject, "seq": last + 1}


async def merged(streams: Sequence[AsyncGenerator[Kept]]) -> AsyncGenerator[Kept]:
    """All of them in the order of time; what several of them hold is yielded once."""
    before: Kept | None = None
    try:
        first = [(await anext(stream, None), stream) for stream in streams]
        heads = [(head, stream) for head, stream in first if head is not None]
        while heads:
            index, (head, stream) = min(enumerate(heads), key=_place)
            if before is None or head.place != before.place:
                yield head
            before = head
            following = await anext(stream, None)
            if following is None:
                del heads[index]
            else:
                heads[index] = following, stream
    finally:
        for stream in streams:
            await stream.aclose()


def _place(one: tuple[int, tuple[Kept, object]]) -> tuple[datetime, str, int]:
    return one[1][0].place
