"""One websocket, from its first frame to its end.

/bus     frames both ways: auth, subscribe, unsubscribe, publish, request
/sub/…   messages of one subject as frames {"topic", "payload"}, and nothing else
/pub/…   what comes in is published
"""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from websockets.asyncio.connection import broadcast
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from lunix_common.access.accounts import covers
from lunix_common.access.tokens import Token
from lunix_common.bus import BusAway, RequestError
from lunix_common.schemas.websocket import Client, ClientEvent
from lunix_websocket import frames
from lunix_websocket.door import Place, Refused
from lunix_websocket.frames import FrameError, Op
from lunix_websocket.hub import Rendered
from lunix_websocket.queue import Queue

if TYPE_CHECKING:
    from lunix_websocket.service import Desk

log = logging.getLogger("websocket")

ROOM_BYTES = 32 * 1024
"""What may wait in the connection's own buffer; more waits in the queue, which is bounded."""
MOST_REQUESTS = 64
MOST_SUBSCRIPTIONS = 256
POLICY_VIOLATION = 1008


class Visitor:
    """A client, its subscriptions, and what waits to be sent to it."""

    def __init__(self, desk: "Desk", socket: ServerConnection, place: Place, token: Token | None) -> None:
        self.id = f"{socket.id.hex[:12]}"
        self.sent = 0
        self.token = token
        self._desk = desk
        self._socket = socket
        self._place = place
        self._opened_at = datetime.now(UTC)
        self._filters: set[str] = set()
        self._queue = Queue(desk.settings.queue_bytes)
        if place.kind == "sub":
            self._queue.silent()
        self._pump: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._tasks: asyncio.TaskGroup

    async def run(self) -> None:
        """The whole visit."""
        with suppress(ConnectionClosed):
            try:
                self.token = self.token or await self._introduced()
            except Refused as error:
                self._desk.refused(error.why, self._socket)
                self.offer(frames.error(error.status, error.why))
                await self._socket.close(POLICY_VIOLATION, error.why)
            else:
                await self._admitted(self.token)

    def about(self) -> Client:
        """What others may know of it."""
        assert self.token is not None, "nobody is told of who has not shown a token"
        request = self._socket.request
        agent = request.headers.get("User-Agent", "") if request else ""
        return Client(
            id=self.id,
            token=self.token.name,
            role=self.token.client.role.value,
            address=self._desk.address_of(self._socket),
            path="/bus" if self._place.kind == "bus" else f"/{self._place.kind}/{self._place.subject}",
            agent=agent[:256],
            opened_at=self._opened_at,
        )

    def event(self) -> ClientEvent:
        """The same with what became of it."""
        fields: dict[str, Any] = dict(self.about())
        return ClientEvent(**fields, happened_at=datetime.now(UTC), sent=self.sent, dropped=self._queue.dropped)

    # --- who it is --------------------------------------------------------------------------------------------------

    async def _introduced(self) -> Token:
        """The token in the first frame; raise ``Refused`` where there is no good one."""
        try:
            async with asyncio.timeout(self._desk.settings.auth_timeout_s):
                op = frames.parse(await self._socket.recv())
        except TimeoutError:
            raise Refused(401, "no token in time") from None
        except FrameError:
            raise Refused(401, "the first frame is no auth") from None
        if op.verb != "auth":
            raise Refused(401, "the first frame is no auth")
        found = self._desk.keyring.find(op.token)
        if found is None:
            raise Refused(401, "a bad token")
        return found

    async def _admitted(self, token: Token) -> None:
        self._policy = self._desk.policy(token)
        self._link = self._desk.hub.link(token.client)
        async with asyncio.TaskGroup() as self._tasks:
            self._desk.opened(self)
            try:
                with suppress(ConnectionClosed):
                    await self._serve(token)
            finally:
                self._desk.closed(self)
                for task in (*self._asking, *([self._pump] if self._pump else [])):
                    task.cancel()
                for filter_ in self._filters:
                    await self._link.leave(filter_, self)

    async def _serve(self, token: Token) -> None:
        kind, subject = self._place.kind, self._place.subject
        if kind == "sub":
            if not self._policy.may_hear(subject):
                return await self._forbidden(subject)
            self._filters.add(subject)
            self._link.listen(subject, self)
            async for _ in self._socket:
                pass
        elif kind == "pub":
            if frames.is_subject(subject) and not self._policy.may_send(subject):
                return await self._forbidden(subject)
            async for text in self._socket:
                await self._published(text)
        else:
            self.offer(self._hello(token))
            async for text in self._socket:
                await self._heard(text)
        return None

    def _hello(self, token: Token) -> bytes:
        return frames.told(
            "hello", token=token.name, role=token.client.role.value, host=self._desk.host, version=self._desk.version
        )

    async def _forbidden(self, subject: str) -> None:
        self._desk.refused(f"the token may not {self._place.kind} {subject}", self._socket, self.token)
        self.offer(frames.error(403, "your token may not", topic=subject))
        await self._socket.close(POLICY_VIOLATION, "forbidden")

    # --- what it says -----------------------------------------------------------------------------------------------

    async def _published(self, text: str | bytes) -> None:
        try:
            subject, data = frames.for_path(text, self._place.subject)
        except FrameError as error:
            self.offer(frames.error(400, str(error)))
            return
        if not covers(self._place.subject, subject):
            self.offer(frames.error(403, "the topic is not of this path", topic=subject))
            return
        await self._do(Op("publish", topic=subject, data=data))

    async def _heard(self, text: str | bytes) -> None:
        try:
            op = frames.parse(text)
        except FrameError as error:
            self.offer(frames.error(400, str(error), error.id))
            return
        await self._do(op)

    async def _do(self, op: Op) -> None:
        allowed = self._policy.may_hear if op.verb == "subscribe" else self._policy.may_send
        if op.verb in ("subscribe", "publish", "request") and not allowed(op.topic):
            self._desk.refused(f"the token may not {op.verb} {op.topic}", self._socket, self.token)
            self.offer(frames.error(403, f"your token may not {op.verb} this", op.id, op.topic))
        elif op.verb == "publish":
            await self._publish(op)
        elif op.verb == "subscribe":
            self._subscribe(op)
        elif op.verb == "unsubscribe":
            if op.topic in self._filters:
                self._filters.discard(op.topic)
                await self._link.leave(op.topic, self)
            self.offer(frames.told("unsubscribed", id=op.id, topic=op.topic))
        elif op.verb == "request":
            if len(self._asking) >= MOST_REQUESTS:
                self.offer(frames.error(429, "too many requests wait for their answers", op.id, op.topic))
                return
            task = self._tasks.create_task(self._ask(op), name=f"websocket.{self.id}.request")
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        else:
            self.offer(frames.error(400, "you are known already", op.id))

    async def _publish(self, op: Op) -> None:
        try:
            await self._link.send(op.topic, op.data, confirmed=op.id is not None)
        except (BusAway, TimeoutError):
            self.offer(frames.error(503, "the bus is away", op.id, op.topic))
        except ValueError as error:
            self.offer(frames.error(400, str(error), op.id, op.topic))
        else:
            if op.id is not None:
                self.offer(frames.told("published", id=op.id, topic=op.topic))

    def _subscribe(self, op: Op) -> None:
        if op.topic in self._filters:
            self.offer(frames.error(409, "you are subscribed already", op.id, op.topic))
        elif len(self._filters) >= MOST_SUBSCRIPTIONS:
            self.offer(frames.error(429, f"{MOST_SUBSCRIPTIONS} subscriptions are enough", op.id, op.topic))
        else:
            self._filters.add(op.topic)
            self._link.listen(op.topic, self)

    async def _ask(self, op: Op) -> None:
        try:
            answer = await self._link.ask(op.topic, op.data, op.timeout_s)
        except RequestError as error:
            self.offer(frames.error(error.code, error.message, op.id, op.topic))
        except BusAway:
            self.offer(frames.error(503, "the bus is away", op.id, op.topic))
        except TimeoutError as error:
            self.offer(frames.error(504, str(error) or "the bus is away", op.id, op.topic))
        else:
            if answer.code is None:
                self.offer(frames.reply(op.id, op.topic, answer.data))
            else:
                self.offer(frames.error(answer.code, answer.why, op.id, op.topic))

    # --- what it is told --------------------------------------------------------------------------------------------

    def hear(self, rendered: Rendered) -> None:
        """Pass a message of the bus on."""
        self.offer(rendered.whole if self._place.kind == "bus" else rendered.plain)

    def here(self, filter_: str) -> None:
        """Tell that a subscription is there, or there again."""
        if self._place.kind == "bus":
            self.offer(frames.told("subscribed", topic=filter_))

    def offer(self, frame: bytes) -> None:
        """Send a frame, now or when the client has read what is before it. Never waits."""
        if self._pump is None and self._socket.transport.get_write_buffer_size() < ROOM_BYTES:
            # Of the library's ways to send, the one that needs no task.
            broadcast((self._socket,), frame, text=True)
            self.sent += 1
        elif self._queue.put(frame) and self._pump is None:
            self._pump = self._tasks.create_task(self._drain(), name=f"websocket.{self.id}.drain")

    async def _drain(self) -> None:
        try:
            while (frame := self._queue.take()) is not None:
                await self._socket.send(frame, text=True)
                self.sent += 1
        except ConnectionClosed:
            log.debug("it went before it had read everything", extra={"client": self.id})
        finally:
            self._pump = None

    def dismiss(self, why: str) -> None:
        """End the visit from our side."""
        self._tasks.create_task(self._socket.close(POLICY_VIOLATION, why), name=f"websocket.{self.id}.close")
