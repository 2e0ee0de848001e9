"""The daemon: one connection to the broker, and two to the bus.

As the daemon ``mqtt`` it tells what the broker says and hears what is published on ``mqtt.>``. As ``bridge-mqtt``, an
identity of the least rights that it needs, it sees lunix's events and passes commands on: so what a broker can make
lunix do is decided by the server.
"""

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from lunix_common.bus import Bus, BusAway
from lunix_common.bus.messages import Message as BusMessage
from lunix_common.daemon import Context
from lunix_common.schemas.common import ErrorBody, ErrorReply, Model
from lunix_common.schemas.mqtt import ListRequest, Retained, Sent
from lunix_common.table import INWARD
from lunix_mqtt import topics
from lunix_mqtt.inbound import Inbound
from lunix_mqtt.message import SOURCE, Message, Refused, from_broker, from_headers
from lunix_mqtt.settings import Settings

if TYPE_CHECKING:
    from lunix_mqtt.link import Link

log = logging.getLogger("mqtt")

IDENTITY = "bridge-mqtt"


async def serve(context: Context[Settings]) -> None:
    """Bridge until the daemon is asked to stop; a changed configuration begins anew with the broker."""
    bridge = Bridge(context)
    context.bus.serve_list("mqtt", bridge.listed, bridge.listed_beside)
    for way in bridge.ways_in:
        context.bus.subscribe(way, bridge.sent)
    await context.stack.enter_async_context(bridge.visitor)
    await context.ready()
    while True:
        async with AsyncExitStack() as stack:
            running = asyncio.create_task(bridge.run(context.settings, stack), name="mqtt.bridge")
            changed = asyncio.create_task(context.reload.wait(), name="mqtt.reload")
            try:
                await asyncio.wait({running, changed}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
            finally:
                changed.cancel()
                running.cancel()
                await asyncio.wait({running})
        context.reload.clear()


class Bridge:
    """What holds the parts together."""

    def __init__(self, context: Context[Settings]) -> None:
        # The same bus with a key of its own, beside the daemon's.
        key = context.options.key and context.options.key.with_name(f"{IDENTITY}.nk")
        self.visitor = Bus(replace(context.options, key=key, identity=IDENTITY), IDENTITY, table=context.bus.table)
        self._context, self._bus = context, context.bus
        self._link: Link | None = None
        self._inbound: Inbound | None = None
        self._settings = context.settings
        self._full = False

    @property
    def ways_in(self) -> list[str]:
        """Where people publish; on a server without accounts, on the subjects themselves.

        There everybody has heard it already, and what comes back has to be known by its mark.
        """
        ways = [f"{INWARD}{topics.DOMAIN}.>"]
        if self._context.options.trust_bus and self._settings.protocol == "5":
            ways.append(f"{topics.DOMAIN}.>")
        elif self._context.options.trust_bus:
            self._bus.part_is_off("publishing", "without accounts and with MQTT 3.1.1 it would be heard twice")
        return ways

    async def run(self, settings: Settings, stack: AsyncExitStack) -> None:
        """Bridge with these settings until it is cancelled."""
        self._settings = settings
        if settings.address is None:
            self._bus.part_is_off("broker", "no broker is configured: mqtt.broker")
            log.info("no broker is configured")
            await asyncio.Event().wait()
        from lunix_mqtt.link import Link  # paho: 50 ms and 10 MB that only a bridge needs

        routes = settings.routes
        echo = not self._context.options.trust_bus
        inbound = Inbound(self._bus, self.visitor, routes, settings.most_retained, echo=echo)
        link = Link(settings, _Told(self, inbound))
        self._inbound, self._link = inbound, link
        stack.callback(self._forget)
        for one in routes.publish:
            subscription = self.visitor.subscribe(one, self._relay)
            stack.push_async_callback(self.visitor.unsubscribe, subscription)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(inbound.acknowledge(link.acknowledge), name="mqtt.acknowledge")
            tasks.create_task(inbound.command(link.acknowledge, self._publish), name="mqtt.command")
            tasks.create_task(link.run(), name="mqtt.link")

    def _forget(self) -> None:
        self._link = self._inbound = None

    def announce(self) -> None:
        """Tell the broker that we are there, and Home Assistant what there is."""
        routes = self._settings.routes
        self._publish(Message(routes.state_topic, b"online", qos=1, retain=True))
        for topic, payload in self._settings.described(routes):
            self._publish(Message(topic, payload, qos=1, retain=True, content_type="application/json"))

    def away(self, why: str, waiting: int) -> None:
        """Have ``lunix status`` say so: who publishes is told nothing."""
        waits = f"; {waiting} {'message waits' if waiting == 1 else 'messages wait'} for it" if waiting else ""
        self._bus.part_is_off("broker", f"{self._settings.broker} is away: {why}{waits}")

    def back(self) -> None:
        """The broker is there."""
        self._bus.part_is_off("broker", None)

    # --- the bus ----------------------------------------------------------------------------------------------------

    def sent(self, message: BusMessage) -> None:
        """Somebody publishes on ``mqtt.…``."""
        subject = message.subject.removeprefix(INWARD)
        told = subject == message.subject and message.headers.get(SOURCE) == "mqtt"
        if told or subject in ("mqtt.list", "mqtt.lost"):  # what we tell ourselves, and requests
            return
        try:
            if from_broker(message.headers):
                raise ValueError("it came from a broker, and would go round in circles")
            wanted = from_headers(topics.topic_of(subject), message.data, message.headers, self._settings.qos)
            if self._link is None:
                raise ValueError("no broker is configured")
            done = self._link.publish(wanted)
        except (Refused, ValueError) as error:
            self._refuse(message, subject, error)
            return
        if message.reply:
            self._context.tasks.create_task(self._answer(message, wanted, done), name="mqtt.answer")

    def _refuse(self, message: BusMessage, subject: str, error: Exception) -> None:
        log.warning("not published", extra={"subject": subject[:80], "why": str(error)})
        if message.reply:
            body = ErrorReply(error=ErrorBody(code=400 if isinstance(error, ValueError) else 503, message=str(error)))
            self._context.tasks.create_task(self._reply(message.reply, body), name="mqtt.answer")

    async def _answer(self, message: BusMessage, wanted: Message, done: "asyncio.Future[None]") -> None:
        try:
            await asyncio.shield(done)
            body: Model = Sent(topic=wanted.topic, qos=wanted.qos)
        except Refused as error:
            body = ErrorReply(error=ErrorBody(code=403, message=str(error)))
        await self._reply(message.reply, body)

    async def _reply(self, reply: str, body: Model) -> None:
        headers: dict[str, str] = {}
        if isinstance(body, ErrorReply):
            text = " ".join(body.error.message.split()).encode("ascii", "backslashreplace").decode()
            headers = {"Nats-Service-Error-Code": str(body.error.code), "Nats-Service-Error": text}
        try:
            await self._bus.publish(reply, body.to_json(), headers)
        except (BusAway, ValueError) as error:
            log.warning("an answer could not be sent", extra={"error": str(error)})

    def _relay(self, message: BusMessage) -> None:
        """An event of lunix goes to the broker."""
        user = tuple([(name, text) for name, text in message.headers.items() if name.startswith("Lunix-")])
        topic = topics.relayed(self._settings.routes.prefix, message.subject)
        self._publish(Message(topic, message.data, self._settings.qos, content_type="application/json", user=user))

    def _publish(self, message: Message) -> None:
        if self._link is None:
            return
        try:
            self._link.publish(message)
        except Refused as error:
            if not self._full:
                log.warning("events do not reach the broker", extra={"topic": message.topic, "why": str(error)})
            self._full = True
        else:
            self._full = False

    # --- answers ----------------------------------------------------------------------------------------------------

    def listed(self, asked: ListRequest) -> list[Retained]:
        """The items of ``mqtt.list``."""
        return list(self._inbound.listed(asked.topic)) if self._inbound else []

    def listed_beside(self) -> dict[str, object]:
        """What ``mqtt.list`` tells beside its items."""
        forgotten = self._inbound.retained.forgotten if self._inbound else 0
        away = "connected" if self._link and self._link.connected else "away"
        return {"forgotten": forgotten, "broker": away if self._link else "off"}


class _Told:
    """What the link tells, and to whom."""

    def __init__(self, bridge: Bridge, inbound: Inbound) -> None:
        self._bridge, self._inbound = bridge, inbound
        self.received = inbound.received
        self.away = bridge.away

    def connected(self, *, session_present: bool) -> None:
        """Subscriptions follow; our state comes back behind what is retained."""
        self._bridge.back()
        self._inbound.connected(session_present=session_present)

    def subscribed(self) -> None:
        """The subscriptions are on their way."""
        self._bridge.announce()
