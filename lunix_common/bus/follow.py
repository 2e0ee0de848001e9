"""A mirror of a domain's state that keeps itself whole: the subscriber's side of listings, numbers and losses.

    subscribe → list → apply what is newer → …          a gap of any kind → list again

A gap is: a new session of ours, a message that we read too late, ``<domain>.lost``, another run of the publisher, and
an event whose ``Lunix-Prev`` is greater than all that we have. While a listing is under way events are kept, and those
that it does not contain are applied to it. Where nobody answers the listing, the mirror waits until somebody says
``<domain>.ready``, or tells anything at all: it does not ask again and again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lunix_common.bus.errors import BusAway, RequestError
from lunix_common.bus.messages import BOOT, PREV, SEQ, Message
from lunix_common.schemas import model
from lunix_common.schemas.common import Model
from lunix_common.subjects import Domain, Kind, Table

if TYPE_CHECKING:
    from lunix_common.bus.connection import Bus, Subscription

log = logging.getLogger("lunix.bus")

_MOST_KEPT = 100_000
_FIRST_RETRY_S, _MOST_RETRY_S = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Change:
    """One item became known, changed, or went."""

    id: str
    before: Model | None
    after: Model | None
    event: Mapping[str, Any] | None
    """The event that told it, or ``None`` where a listing did."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its place in the publisher's run."""

    subject: str
    boot: str
    seq: int
    prev: int | None
    payload: dict[str, Any]


class State:
    """The mirror's core, pure: numbered events and listings in, changes or "list again" out."""

    def __init__(self, domain: Domain, item: type[Model], wanted: Mapping[str, str]) -> None:
        self.items: dict[str, Model] = {}
        self.boot: str | None = None
        self.seq = 0
        """The number of the last event that the items contain for certain."""
        self._domain = domain
        self._item = item
        self._wanted = wanted
        self._last: dict[str, int] = {}
        self._touched: dict[str, int] = {}
        """The number of the last event of each item since the listing; of those that are gone too."""
        self._settled: set[str] = set()
        """Runs of the publisher that are over, or that a listing did not confirm: the listing is the authority."""

    def listed(self, boot: str, seq: int, items: list[dict[str, Any]]) -> list[Change]:
        """Take a whole listing over and return what it changed."""
        if self.boot is not None:
            self._settled.add(self.boot)
        self._settled.discard(boot)
        self.boot, self.seq = boot, seq
        self._last.clear()
        self._touched.clear()
        fresh = {str(item["id"]): self._item.model_validate(item) for item in items}
        old, self.items = self.items, fresh
        gone = [Change(key, before, None, None) for key, before in old.items() if key not in fresh]
        come = [Change(key, old.get(key), item, None) for key, item in fresh.items() if old.get(key) != item]
        return gone + come

    def apply(self, event: Numbered) -> list[Change] | None:
        """Apply an event and return what it changed, or ``None`` where only a listing can tell."""
        if event.boot != self.boot:
            if event.boot in self._settled:
                return []
            self._settled.add(event.boot)
            return None
        known = max(self._last.get(event.subject, 0), self.seq)
        if event.seq <= known:
            return []
        if event.prev is None or event.prev > known:
            return None
        self._last[event.subject] = event.seq
        return self._change(event)

    def _change(self, event: Numbered) -> list[Change]:
        verb = event.subject.rpartition(".")[2]
        key = str(event.payload["id"])
        if event.seq < self._touched.get(key, 0):
            # Each subject has a queue of its own on its way to us: a later event of this item overtook this one.
            return []
        self._touched.pop(key, None)
        self._touched[key] = event.seq
        if len(self._touched) > _MOST_KEPT:
            del self._touched[next(iter(self._touched))]
        before = self.items.pop(key, None)
        after = None
        if verb not in self._domain.gone:
            item = self._item.model_validate(event.payload)
            if all(str(getattr(item, name)) == value for name, value in self._wanted.items()):
                after = self.items[key] = item
        return [Change(key, before, after, event.payload)] if before or after else []


class Mirror:
    """``async with bus.follow("hardware", {"subsystem": "net"}) as mirror``: ``mirror.items`` by id, and changes."""

    def __init__(self, bus: "Bus", table: Table, domain: str, wanted: Mapping[str, str]) -> None:
        declared = table.domain(domain)
        if declared.item is None:
            raise ValueError(f"{domain} is a stream without a state: subscribe to it")
        self.listings = 0
        """How often the whole state was listed."""
        self._bus = bus
        self._list = f"{domain}.list"
        self._wanted = dict(wanted)
        self._state = State(declared, model(declared.item), wanted)
        self._rows = [
            row
            for row in table.subjects
            if row.domain == domain
            and row.kind is Kind.EVENT
            and row.payload not in ("common.Lost", "common.Ready")
            and row.pattern.rpartition(".")[2] not in declared.passing
        ]
        self._lost, self._ready = f"{domain}.lost", f"{domain}.ready"
        self._kept: deque[Numbered] = deque()
        self._stale = asyncio.Event()
        self._fresh = False
        self._alone = False
        """Nobody answered the last listing."""
        self._changed = asyncio.Condition()
        self._readers: list[asyncio.Queue[Change]] = []
        self._subscriptions: list[Subscription] = []

    @property
    def items(self) -> Mapping[str, Model]:
        """What is there now, by id."""
        return self._state.items

    async def __aenter__(self) -> Self:
        """Return when the first listing is in."""
        subjects = [row.filter(self._wanted) for row in self._rows] + [self._lost, self._ready]
        for subject in subjects:
            self._subscriptions.append(self._bus.subscribe(subject, self._take, on_gap=self._gap))
        self._lister = asyncio.create_task(self._keep_whole(), name=f"follow.{self._list}")
        await self.until(lambda _items: self._fresh)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lister.cancel()
        await asyncio.gather(self._lister, return_exceptions=True)
        for subscription in self._subscriptions:
            await self._bus.unsubscribe(subscription)

    async def until(self, reached: Callable[[Mapping[str, Model]], bool]) -> None:
        """Return when ``reached(items)`` holds; it is tried after each change and each listing."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._lister.done() or reached(self.items))
        if self._lister.done():
            self._lister.result()

    async def refresh(self) -> None:
        """Return when all is listed anew. A publisher that was started anew is noticed by its first event, or so."""
        self._gap()
        await self.until(lambda _items: self._fresh)

    async def changes(self) -> AsyncIterator[Change]:
        """Each change from the first call on, in order, those that a listing found included."""
        queue: asyncio.Queue[Change] = asyncio.Queue()
        self._readers.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._readers.remove(queue)

    def _gap(self) -> None:
        self._fresh = False
        self._stale.set()

    async def _take(self, message: Message) -> None:
        try:
            if message.subject in (self._lost, self._ready):
                if message.subject == self._lost or message.headers[BOOT] != self._state.boot or not self._fresh:
                    self._gap()
                return
            headers, payload = message.headers, message.json()
            prev = int(headers[PREV]) if PREV in headers else None
            event = Numbered(message.subject, headers[BOOT], int(headers[SEQ]), prev, payload)
        except (KeyError, ValueError) as error:
            log.warning("an event makes no sense", extra={"subject": message.subject, "error": repr(error)})
            return
        if self._fresh and not self._kept:
            await self._apply(event)
        else:
            self._keep(event)
            if self._alone:
                self._gap()

    def _keep(self, event: Numbered) -> None:
        self._kept.append(event)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popleft()
            self._gap()

    async def _apply(self, event: Numbered) -> None:
        changes = self._state.apply(event)
        if changes is None:
            self._kept.appendleft(event)
            self._gap()
        else:
            await self._tell(changes)

    async def _tell(self, changes: list[Change]) -> None:
        for queue in self._readers:
            for change in changes:
                queue.put_nowait(change)
        async with self._changed:
            self._changed.notify_all()

    async def _keep_whole(self) -> None:
        delay = _FIRST_RETRY_S
        try:
            while True:
                await self._stale.wait()
                self._stale.clear()
                self._alone = False
                try:
                    await self._list_all()
                    delay = _FIRST_RETRY_S
                except (BusAway, TimeoutError, RequestError) as error:
                    log.debug("no listing yet", extra={"subject": self._list, "error": str(error)})
                    if isinstance(error, RequestError) and error.code in (400, 403):
                        raise
                    self._alone = isinstance(error, RequestError) and error.code == 503
                    if not self._alone:
                        self._stale.set()
                    await self._bus.up()
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, _MOST_RETRY_S)
        finally:
            await self._tell([])

    async def _list_all(self) -> None:
        asked: dict[str, object] = dict(self._wanted)
        page = await self._bus.request(self._list, asked)
        items = list(page["items"])
        while cursor := page.get("cursor"):
            page = await self._bus.request(self._list, asked | {"cursor": cursor})
            items += page["items"]
        if self._stale.is_set():
            # Another gap came while we listed: this listing may be from before it.
            return
        self.listings += 1
        changes = self._state.listed(page["boot"], page["seq"], items)
        self._fresh = True
        await self._tell(changes)
        while self._kept and self._fresh:
            await self._apply(self._kept.popleft())
