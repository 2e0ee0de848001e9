"""From the broker to the bus: events, commands, and acknowledgements once the bus has what came."""

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from lunix_common.bus import Bus, BusAway, RequestError
from lunix_common.schemas.common import ErrorBody, ErrorReply
from lunix_common.schemas.mqtt import Retained as RetainedItem
from lunix_mqtt import topics
from lunix_mqtt.delivery import Delivery
from lunix_mqtt.message import Message, to_headers
from lunix_mqtt.retained import Retained, Value
from lunix_mqtt.route import Kind, Routes

log = logging.getLogger("mqtt")

RETAINED_BYTES = 1024 * 1024
MOST_COMMANDS = 1000
_HEADER_ROOM_BYTES = 2048
_PATTERN = "mqtt.<topic...>"


class Inbound:
    """What the broker sends, in order."""

    def __init__(self, bus: Bus, visitor: Bus, routes: Routes, most_retained: int, *, echo: bool) -> None:
        self.retained = Retained(most_retained, RETAINED_BYTES)
        self._echo = echo
        """Whether what was published here is told when it comes back: the bus has not heard it before."""
        self._bus, self._visitor, self._routes = bus, visitor, routes
        self._delivery = Delivery(self._tell)
        self._news = asyncio.Event()
        self._commands: asyncio.Queue[tuple[int, Message]] = asyncio.Queue(MOST_COMMANDS)
        self._catching_up = False
        self._before = False

    def connected(self, *, session_present: bool) -> None:
        """A connection begins: what the broker retains comes once more."""
        if self._before:
            reason = "the connection to the broker broke: messages of QoS 0 may be missing"
            self._bus.lost(topics.DOMAIN, reason if session_present else "the broker has forgotten what we missed")
        self._before = True
        self._delivery.connected(session_present=session_present)
        self._catching_up = True

    def received(self, message: Message) -> None:
        """Take in a message."""
        kind = self._routes.kind(message)
        if kind is Kind.COMMAND and not self._commands.full():
            self._commands.put_nowait((self._delivery.connection, message))
            return
        if kind is Kind.COMMAND:
            log.warning("a command was dropped: too many wait", extra={"topic": message.topic})
        if kind is Kind.EVENT:
            if message.qos:
                self._delivery.take(message)
                self._news.set()
                return
            self._tell(message, False)
        elif kind is Kind.STATE:
            # Behind all that is retained; one that was not acknowledged before the connection broke comes first.
            ours = message.payload == b"online" and not message.dup
            self._catching_up = self._catching_up and not ours
        if message.qos:
            self._delivery.skip(message)
            self._news.set()

    async def acknowledge(self, acknowledge: Callable[..., None]) -> None:
        """Acknowledge what the bus has, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            batch = self._delivery.batch()
            arrived = await self._bus.arrived(*(waiting.seq for waiting in batch))
            acknowledge(*self._delivery.settle(zip(batch, arrived, strict=True)))
            if not all(arrived):
                self._news.set()

    async def command(self, acknowledge: Callable[[int], None], answer: Callable[[Message], object]) -> None:
        """Pass commands on, one after the other, for ever."""
        while True:
            connection, message = await self._commands.get()
            reply = await self._asked(message)
            if message.response_topic and reply is not None:
                answer(Message(message.response_topic, reply, message.qos, correlation=message.correlation))
            if message.qos and connection == self._delivery.connection:
                acknowledge(message.mid)

    async def _asked(self, message: Message) -> bytes | None:
        """The answer of lunix to a command, or its error."""
        subject = topics.asked(self._routes.prefix, message.topic) or ""
        if message.retain:
            log.warning("a retained command is not obeyed: it would be again and again", extra={"subject": subject})
            return None
        try:
            await self._visitor.up()
            return json.dumps(await self._visitor.request(subject, message.payload)).encode()
        except (BusAway, RequestError, TimeoutError) as error:
            log.warning("a command failed", extra={"subject": subject, "error": str(error)})
            code, text = (error.code, error.message) if isinstance(error, RequestError) else (503, str(error))
            return ErrorReply(error=ErrorBody(code=code, message=text)).to_json()

    def _tell(self, message: Message, again: bool) -> int:
        """Publish a message on the bus; return the event's number, 0 where it is none."""
        try:
            subject = topics.subject_of(message.topic)
            headers = to_headers(message, dup=again)
            size = len(message.payload) + sum(len(name) + len(text) + 4 for name, text in headers.items())
            if size > self._bus.max_payload - _HEADER_ROOM_BYTES:
                raise ValueError(f"{size} bytes are more than the bus takes")
            if self._held(message) or not (self._echo or message.origin != self._routes.client_id):
                return 0
            return self._bus.emit_on(_PATTERN, subject, message.payload, headers)
        except ValueError as error:
            log.warning("a message cannot be told", extra={"topic": message.topic[:80], "why": str(error)})
            self._bus.lost(topics.DOMAIN, "a message cannot be told on the bus")
            return 0

    def _held(self, message: Message) -> bool:
        """Take note of a retained value; whether it is an old one that is known already."""
        if not message.retain:
            return False
        if self._catching_up and self.retained.has(message.topic, message.payload):
            return True
        self.retained.put(Value(message.topic, message.payload, message.content_type, datetime.now(UTC)))
        return False

    def listed(self, wanted: str | None) -> Iterator[RetainedItem]:
        """The items of ``mqtt.list``."""
        for value in self.retained:
            if wanted is None or topics.matches(wanted, value.topic):
                yield _item(value)


def _item(value: Value) -> RetainedItem:
    try:
        text, binary = value.payload.decode(), None
    except UnicodeDecodeError:
        text, binary = None, base64.b64encode(value.payload).decode()
    return RetainedItem(
        topic=value.topic,
        subject=topics.subject_of(value.topic),
        text=text,
        base64=binary,
        content_type=value.content_type,
        received_at=value.received_at,
    )
