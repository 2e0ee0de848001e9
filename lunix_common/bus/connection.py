"""``Bus``: what a daemon or a script holds. It looks for the server for ever and is made whole in each new session.

    emit → publisher → session → server              numbers and losses: ``publisher``, ``outbox``
    server → session → handler, endpoint, mirror     endpoints: ``micro``; mirrors: ``follow``

A session begins with all subscriptions, then tells what was lost, then sends what was held back, then says ready.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nats.aio.msg import Msg as Msg

from lunix_common import __version__
from lunix_common.access.roles import identity_probe
from lunix_common.bus.errors import BusAway, BusRefused, Duplicate, RequestError, error_of
from lunix_common.bus.messages import Message, Request, decode
from lunix_common.bus.micro import Endpoint, Handler, Service
from lunix_common.bus.options import BusOptions
from lunix_common.bus.paging import Snapshots
from lunix_common.bus.publisher import Payload, Publisher, encode
from lunix_common.bus.session import Session
from lunix_common.schemas.common import Model, PageRequest
from lunix_common.subjects import TABLE, Table
from lunix_common.table import INWARD

if TYPE_CHECKING:
    from lunix_common.bus.follow import Mirror

log = logging.getLogger("lunix.bus")

FIRST_RETRY_S, MOST_RETRY_S, DRAIN_S, PROBE_S = 0.05, 5.0, 2.0, 3.0

MessageHandler = Callable[[Message], Awaitable[None] | None]


class Subscription:
    """A subscription that each new session takes up again."""

    def __init__(self, subject: str, deliver: Callable[[Msg], Awaitable[None]], on_gap: Callable[[], None]) -> None:
        self.subject = subject
        self.deliver = deliver
        self.on_gap = on_gap
        """Called when earlier messages may have been missed: at first, in each new session, when we read too slowly."""
        self.session: Session | None = None
        self.number: int | None = None
        self.closed = False


class Bus:
    """A connection to the bus that outlives the server. Use it as an async context manager."""

    def __init__(self, options: BusOptions, name: str, *, doc: str = "", table: Table = TABLE) -> None:
        self.name = name
        self.table = table
        self._options = options
        self._publisher = Publisher(name, table)
        known = options.key is not None or options.address.scheme == "unix"
        self._service = Service(name, __version__, doc, self._publisher.boot, options.trust_bus, known)
        self._snapshots = Snapshots(time.monotonic, lambda: self.max_payload)
        self._subscriptions: list[Subscription] = []
        self._session: Session | None = None
        self._up = asyncio.Event()
        self._stopping = False
        self._working: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._refusal = asyncio.Event()
        self.refused: BusRefused | None = None
        """Why the server does not accept us, while it does not."""

    # --- life -------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        if self._service.endpoints:
            self._describe()
        self._living = self._tasks.create_task(self._live(), name=f"{self.name}.bus")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._drain()
        finally:
            await self._end()

    @property
    def boot(self) -> str:
        """The id of this run, ordered in time."""
        return self._publisher.boot

    @property
    def seq(self) -> int:
        """The number of the last event published."""
        return self._publisher.seq

    @property
    def connected(self) -> bool:
        """Whether there is a session at this moment."""
        return self._up.is_set()

    @property
    def max_payload(self) -> int:
        """The server's maximum payload in bytes (nats-server's default while there is no session)."""
        return self._session.max_payload if self._session else 1024 * 1024

    async def up(self) -> None:
        """Return when there is a session with all subscriptions in place."""
        await self._up.wait()

    async def refusal(self) -> BusRefused:
        """Return when the server has refused us, with the reason."""
        await self._refusal.wait()
        self._refusal.clear()
        assert self.refused is not None, "the event is set with a reason"
        return self.refused

    # --- publish ----------------------------------------------------------------------------------------------------

    def emit(self, pattern: str, payload: Payload, /, **parameters: str | bytes) -> int:
        """Publish an event of the declared ``pattern`` and return its number.

        Never blocks and never fails because of the bus: the event waits in a bounded queue, and what that drops is
        announced as lost. Call it in the same step in which the state changes, so that listings are exact.
        """
        return self._publisher.emit(pattern, payload, parameters)

    def emit_on(self, pattern: str, subject: str, data: bytes, headers: Mapping[str, str]) -> int:
        """``emit`` on a literal subject that the caller has escaped, with headers of its own; raise ``ValueError``."""
        return self._publisher.emit_on(pattern, subject, data, headers)

    async def arrived(self, *seqs: int) -> list[bool]:
        """Return when it is known what became of events: whether the server has each, or it may be lost."""
        return await self._publisher.arrived(seqs)

    def lost(self, domain: str, reason: str) -> None:
        """Announce that facts of ``domain`` were lost before they could be numbered, as after a kernel overflow."""
        self._publisher.missed(domain, reason)

    async def flush(self) -> None:
        """Return when the server has every event that was published so far."""
        await self._publisher.flush()

    async def publish(self, subject: str, data: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send one message as it is and return when the server has it; raise ``BusAway`` or ``ValueError``."""
        session = self._here()
        await session.publish(subject, data, headers)
        await session.flush()

    # --- subscribe and follow ---------------------------------------------------------------------------------------

    def subscribe(
        self, subject: str, handler: MessageHandler, *, on_gap: Callable[[], None] = lambda: None
    ) -> Subscription:
        """Hand each message to ``handler``, in order, through all reconnections. An error in a handler is logged."""

        async def deliver(raw: Msg) -> None:
            try:
                result = handler(Message(raw.subject, raw.data, raw.headers or {}, raw.reply))
                if result is not None:
                    await result
            except Exception:
                log.exception("a subscriber met a defect", extra={"subject": raw.subject})

        subscription = Subscription(subject, deliver, on_gap)
        self._subscriptions.append(subscription)
        if self._session is not None:
            self._work(self._take_up_late(self._session, subscription), f"{self.name}.subscribe")
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; idempotent."""
        if subscription.closed:
            return
        subscription.closed = True
        self._subscriptions.remove(subscription)
        if self._session and subscription.number is not None:
            await self._session.unsubscribe(subscription.number)

    def follow(self, domain: str, filter: Mapping[str, str] | None = None) -> "Mirror":  # noqa: A002 - the word in the contract
        """A mirror of ``<domain>.list`` that keeps itself whole; use it as an async context manager."""
        from lunix_common.bus.follow import Mirror

        return Mirror(self, self.table, domain, filter or {})

    # --- ask and answer ---------------------------------------------------------------------------------------------

    async def request(self, subject: str, payload: Payload = None, timeout: float | None = None) -> dict[str, Any]:
        """Ask and return the answer; raise ``RequestError``, ``BusAway`` or, in the table's time, ``TimeoutError``."""
        data = encode(payload)
        answer = await self._here().request(subject, data, timeout or self.table.patience_s(subject, data))
        if refusal := error_of(answer.data, answer.headers or {}):
            raise refusal
        try:
            return decode(answer.data or b"{}")
        except ValueError as error:
            raise RequestError(502, f"{subject}: {error}") from error

    def serve(self, pattern: str, handler: Handler, schema: type[Model] | None = None) -> None:
        """Answer a declared query or command. Declare all before the context is entered.

        ``schema`` is the payload's model where the table can name none, as for what third parties declare.
        The handler gets a ``Request`` and returns a model; ``RequestError`` is an error answer. Each request is a task.
        """
        endpoint = Endpoint(self.table[pattern], handler, schema)
        self._service.endpoints.append(endpoint)

        async def deliver(raw: Msg) -> None:
            async def answer(body: bytes, headers: dict[str, str] | None) -> None:
                if raw.reply:
                    await self._answer(raw.reply, body, headers)

            message = Message(raw.subject.removeprefix(INWARD), raw.data, raw.headers or {})
            self._work(self._service.handle(endpoint, message, answer), f"{self.name}.{endpoint.row.pattern}")

        self._subscriptions += [Subscription(way, deliver, lambda: None) for way in self.table.ways_in(endpoint.row)]

    def serve_list(
        self,
        domain: str,
        items: Callable[[Any], Iterable[Model]],
        more: Callable[[], Mapping[str, object]] = dict,
    ) -> None:
        """Answer ``<domain>.list`` in pages from one snapshot.

        ``items`` gets the request and is called once a listing; ``more`` gives further fields of the answer.
        """

        async def answer(request: Request[PageRequest]) -> bytes:
            return self.page(request.payload, items, more)

        self.serve(f"{domain}.list", answer)

    def page(
        self,
        asked: PageRequest,
        items: Callable[[Any], Iterable[Model]],
        more: Callable[[], Mapping[str, object]] = dict,
    ) -> bytes:
        """The page that is asked for: what ``serve_list`` answers, for a handler that looks at the caller first."""
        if asked.cursor is not None:
            return self._snapshots.next(asked.cursor, asked.limit)
        head = {"boot": self.boot, "seq": self.seq, **more()}
        return self._snapshots.first(head, [item.to_json() for item in items(asked)], asked.limit)

    def part_is_off(self, part: str, why: str | None) -> None:
        """Say in ``$SRV.*``, and so in ``lunix status``, why a part of us does not work; ``None``: it does again."""
        self._service.off[part] = why

    def _describe(self) -> None:
        for verb in ("PING", "INFO", "STATS"):

            async def deliver(raw: Msg, verb: str = verb) -> None:
                if raw.reply:
                    await self._answer(raw.reply, self._service.tell(verb), None)

            for subject in self._service.subjects(verb):
                self._subscriptions.append(Subscription(subject, deliver, lambda: None))

    async def _answer(self, reply: str, body: bytes, headers: dict[str, str] | None) -> None:
        # Not _here(): a request can arrive while the session's other subscriptions are still being taken up.
        session = self._session
        try:
            if session is None:
                raise BusAway("the connection to the bus broke")
            await session.publish(reply, body, headers)
        except (BusAway, ValueError) as error:
            log.warning("an answer could not be sent", extra={"error": str(error)})

    # --- sessions ---------------------------------------------------------------------------------------------------

    def _here(self) -> Session:
        if self._session is None or not self.connected:
            raise BusAway(str(self.refused or f"no connection to the bus at {self._options.url} at this moment"))
        return self._session

    async def _live(self) -> None:
        delay = FIRST_RETRY_S
        # nats-py, and Python 3.11's wait_for, swallow a cancellation that meets them while they connect.
        while not self._stopping:
            session = Session(self._options, self.name, self._slow)
            try:
                await session.open()
                await self._begin(session)
                delay = FIRST_RETRY_S
                if not self._stopping:
                    await self._publisher.run(session)
            except BusRefused as error:
                if str(self.refused) != str(error):
                    log.error("the bus refuses us", extra={"error": str(error)})
                self.refused = error
                self._refusal.set()
            except BusAway as error:
                log.debug("no bus", extra={"error": str(error)})
            finally:
                if self.connected and not self._stopping:
                    log.warning("the bus is away", extra={"url": self._options.url})
                self._up.clear()
                self._session = None
                self._publisher.interrupted()
                await session.close()
            # Jitter, so that the daemons of a machine do not all come back in one moment.
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            delay = min(delay * 2, MOST_RETRY_S)

    async def _begin(self, session: Session) -> None:
        self._session = session
        if self._service.endpoints:
            await self._be_the_only_one(session)
        taken = tuple(self._subscriptions)
        for subscription in taken:
            await self._take_up(session, subscription)
        await session.flush()
        self.refused = None
        self._publisher.ready(endpoint.row.pattern for endpoint in self._service.endpoints)
        self._up.set()
        log.info("on the bus", extra={"url": self._options.url, "server": session.server, "as": self.name})
        for subscription in taken:
            subscription.on_gap()

    async def _be_the_only_one(self, session: Session) -> None:
        """Ask whether another instance of this service answers; a queue group would split requests between the two."""
        # With the key of another, as that of a role in NATS_NKEY, we would subscribe to everything and hear nothing.
        await self._probe(session, identity_probe(self.name))
        answer = await self._probe(session, f"$SRV.PING.{self.name}")
        if answer is not None:
            run = decode(answer.data).get("id")
            raise Duplicate(f"another {self.name} (run {run}) answers on this bus: stop it first")

    async def _probe(self, session: Session, subject: str) -> Msg | None:
        try:
            return await session.request(subject, b"", PROBE_S)
        except (TimeoutError, RequestError) as error:
            if isinstance(error, RequestError) and error.code == 403:
                raise BusRefused(f"the key {self._options.key} is not that of the daemon {self.name}") from error
            return None

    async def _take_up(self, session: Session, subscription: Subscription) -> bool:
        if subscription.closed or subscription.session is session:
            return False
        subscription.session = session
        subscription.number = await session.subscribe(subscription.subject, subscription.deliver)
        return True

    async def _take_up_late(self, session: Session, subscription: Subscription) -> None:
        try:
            if await self._take_up(session, subscription):
                await session.flush()
                subscription.on_gap()
        except BusAway:
            log.debug("the subscription waits for the next session", extra={"subject": subscription.subject})

    def _slow(self, number: int) -> None:
        for subscription in tuple(self._subscriptions):
            if subscription.number == number:
                log.warning("messages were dropped: we read too slowly", extra={"subject": subscription.subject})
                subscription.on_gap()

    def _work(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task: asyncio.Task[None] = self._tasks.create_task(work, name=name)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _end(self) -> None:
        self._stopping = True
        if self._session is not None:
            # First the session, because nats-py swallows a cancellation that meets it while it flushes.
            await self._session.close()
        for task in (self._living, *self._working):
            task.cancel()
        await self._stack.__aexit__(None, None, None)

    async def _drain(self) -> None:
        """Stop taking requests, finish those in flight, and send what is left, within ``DRAIN_S``."""
        try:
            async with asyncio.timeout(DRAIN_S):
                for subscription in tuple(self._subscriptions):
                    await self.unsubscribe(subscription)
                if self._working:
                    await asyncio.wait(self._working)
                if self.connected:
                    await self.flush()
        except TimeoutError:
            log.warning(
                "stopped with work left", extra={"requests": len(self._working), "events": self._publisher.unsent}
            )
