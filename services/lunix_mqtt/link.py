"""The connection to the broker: paho, driven by the event loop, and a new connection for each one that ends.

paho has no thread and polls nothing here. Its socket is watched by an epoll of our own, because libuv stops to watch a
descriptor that reports an error, as one does whose broker was killed; and one timer fires when the keepalive is due.
"""

import asyncio
import logging
import random
import select
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Protocol

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from lunix_mqtt import packets
from lunix_mqtt.message import Message, Refused
from lunix_mqtt.os_wire import Tls, Wire, connected
from lunix_mqtt.settings import Settings

log = logging.getLogger("mqtt")

FIRST_RETRY_S, MOST_RETRY_S = 0.2, 30.0
GREETING_S = 10.0
"""A broker that does not answer CONNECT for so long is none."""
AT_ONCE = 256
"""Packets, before other tasks have their turn."""
MOST_UNACKNOWLEDGED = 128
"""So many messages the broker sends us ahead of our acknowledgements, with MQTT 5."""
MOST_BLAMED = 5
_LATE_S = 0.05


class Listener(Protocol):
    """Who is told what happens. No method may block."""

    def connected(self, *, session_present: bool) -> None:
        """There is a connection; subscriptions follow."""

    def away(self, why: str, waiting: int) -> None:
        """There is none, and so many messages wait for it."""

    def received(self, message: Message) -> None:
        """A message came."""

    def subscribed(self) -> None:
        """The subscriptions are on their way."""


class _Client(paho.Client):
    """paho with a connection that was made before, and a short way for what comes and is acknowledged."""

    wire: Wire
    took: Callable[[Message], None]
    """Hears what comes."""

    def _create_socket(self) -> Any:
        return self.wire

    def _handle_publish(self) -> MQTTErrorCode:
        """As paho's, but for its five objects and three locks a message. We subscribe with QoS 1 at most."""
        five = self._protocol == MQTTProtocolVersion.MQTTv5
        try:
            message = packets.message_of(self._in_packet["command"], bytes(self._in_packet["packet"]), five=five)
        except UnicodeDecodeError:
            log.warning("a message counts for nothing: its topic is not UTF-8")
        else:
            self.took(message)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Send PUBACK for each, in one piece: MQTT 5.0, 3.4."""
        packets_ = b"".join(b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids)
        if packets_:
            self._packet_queue(paho.PUBACK, packets_, 0, 0)

    def forget(self, mid: int) -> None:
        """Send a message no more."""
        self._out_messages.pop(mid, None)

    def due_s(self) -> float:
        """In how many seconds the keepalive is due, as far as is known now."""
        return min(self._last_msg_out, self._last_bytes_received) + self.keepalive - time.monotonic()


class Link:
    """The broker, as far as it is there."""

    def __init__(self, settings: Settings, listener: Listener) -> None:
        self.connected = False
        self._settings, self._listener = settings, listener
        self._loop = asyncio.get_running_loop()
        self._routes = settings.routes
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._epoll: select.epoll | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pending = False
        self._blamed = (0, 0)
        """A message, and how many connections in a row ended while it waited first."""
        self._end = ""
        """Why this connection ends, or ended."""
        self._told = ""
        """Why there is no broker, as it was told last."""
        self._why = "it was not reached yet"
        """Why there is no broker, whether it was logged or not."""
        self._client = self._made()

    def _made(self) -> _Client:
        settings, routes = self._settings, self._routes
        five = settings.protocol == "5"
        client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=routes.client_id,
            clean_session=None if five else settings.session_expiry_s == 0,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if settings.username:
            client.username_pw_set(settings.username, self._password())
        client.max_queued_messages_set(settings.queue)
        will = packets.will_properties(routes.client_id) if five else None
        client.will_set(routes.state_topic, b"offline", qos=1, retain=True, properties=will)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.took = self._took
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_socket_open = self._on_open
        client.on_socket_close = self._on_close
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_written
        return client

    def _password(self) -> str | None:
        file = self._settings.password_file
        return file.read_text(encoding="utf-8").partition("\n")[0] if file else None

    # --- life -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect, again and again; ends by cancellation."""
        address = self._settings.address
        assert address is not None, "there is a broker"
        files = (self._settings.ca_file, self._settings.certificate_file, self._settings.key_file)
        tls = Tls(*(str(file) if file else None for file in files)) if address.tls else None
        self._prepare(address.host, address.port)
        self._tell_away()
        delay = FIRST_RETRY_S
        try:
            while True:
                try:
                    self._client.wire = await connected(address.host, address.port, tls)
                    if await self._session():
                        delay = FIRST_RETRY_S
                except OSError as error:
                    self._tell(f"{error}")
                # Jitter, so that all who lost a broker do not come back in one moment.
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                delay = min(delay * 2, MOST_RETRY_S)
        finally:
            self._leave()

    def _prepare(self, host: str, port: int) -> None:
        settings = self._settings
        if settings.protocol == "5":
            properties = packets.connect_properties(settings.session_expiry_s, MOST_UNACKNOWLEDGED)
            clean = settings.session_expiry_s == 0
            self._client.connect_async(host, port, settings.keepalive_s, clean_start=clean, properties=properties)
        else:
            self._client.connect_async(host, port, settings.keepalive_s)

    async def _session(self) -> bool:
        """One connection to its end; whether the broker took us."""
        self._end = ""
        try:
            self._client.reconnect()
            self._timer = self._loop.call_later(GREETING_S, self._no_greeting)
            await self._ended
        finally:
            was, self.connected = self.connected, False
            self._unwatch()
            self._client.wire.close()
            if self._timer is not None:
                self._timer.cancel()
        if was:
            self._blame()
            self._why = self._end
            self._tell_away()
            log.warning("the broker is away", extra={"broker": self._settings.broker, "why": self._end})
        else:
            self._tell(self._end)
        return was

    def _blame(self) -> None:
        """Give a message up at which one connection after the other ends: it would keep all others from going."""
        oldest = next(iter(self._waiting), 0)
        mid, times = self._blamed
        self._blamed = oldest, times + 1 if oldest == mid else 1
        if oldest and self._blamed[1] >= MOST_BLAMED:
            self._client.forget(oldest)
            self._waiting.pop(oldest).set_exception(Refused(f"{MOST_BLAMED} connections to the broker ended at it"))

    def _leave(self) -> None:
        """Say good-bye, as far as the connection takes it at once."""
        if self._client.is_connected():
            self.publish(Message(self._routes.state_topic, b"offline", retain=True))
            self._client.disconnect()
            while self._client.want_write() and self._client.loop_write() is MQTTErrorCode.MQTT_ERR_SUCCESS:
                if self._epoll is None or not self._epoll.poll(0):
                    break
        self._unwatch()
        if wire := getattr(self._client, "wire", None):
            wire.close()
        if self._waiting:
            log.warning(
                "messages that the broker has not acknowledged are forgotten", extra={"messages": len(self._waiting)}
            )
        for waiting in self._waiting.values():
            waiting.cancel()

    def _tell_away(self) -> None:
        self._listener.away(self._why, len(self._waiting))

    def _tell(self, why: str) -> None:
        """Say once why there is no broker."""
        self._why = why
        self._tell_away()
        if why != self._told:
            log.warning("no broker", extra={"broker": self._settings.broker, "why": why})
            self._told = why

    # --- paho's socket ----------------------------------------------------------------------------------------------

    def _on_open(self, _client: Any, _data: Any, _socket: Any) -> None:
        self._ended = self._loop.create_future()
        self._epoll = select.epoll()
        self._epoll.register(self._client.wire.fileno(), select.EPOLLIN)
        self._loop.add_reader(self._epoll.fileno(), self._turn)

    def _on_close(self, _client: Any, _data: Any, _socket: Any) -> None:
        self._unwatch()

    def _on_want_write(self, _client: Any, _data: Any, _socket: Any) -> None:
        self._want(select.EPOLLIN | select.EPOLLOUT)

    def _on_written(self, _client: Any, _data: Any, _socket: Any) -> None:
        self._want(select.EPOLLIN)

    def _unwatch(self) -> None:
        if self._epoll is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
        if not self._ended.done():
            self._ended.set_result(None)

    def _want(self, events: int) -> None:
        if self._epoll is not None:
            with suppress(OSError):  # it was closed meanwhile
                self._epoll.modify(self._client.wire.fileno(), events)

    def _turn(self) -> None:
        if self._epoll is None:
            return
        for _, events in self._epoll.poll(0):
            if events & select.EPOLLOUT:
                self._client.loop_write()
            if events & ~select.EPOLLOUT:
                self._read()

    def _read(self) -> None:
        """Take in what is there, packet by packet; what is left when others have had their turn."""
        self._pending = False
        wire = self._client.wire
        for _ in range(AT_ONCE):
            self._take_packet()
            if self._epoll is None or not wire.pending():
                return
        if not self._pending:
            self._pending = True
            self._loop.call_soon(self._read)

    def _take_packet(self) -> None:
        try:
            self._client.loop_read()
        except Exception:
            log.exception("the broker sent what is no MQTT")
            self._end = "it sent what is no MQTT"
            self._unwatch()

    def _no_greeting(self) -> None:
        self._end = "it does not answer"
        self._unwatch()

    def _due(self) -> None:
        """The keepalive is due, or was before something was sent or came: paho knows."""
        self._client.loop_misc()
        if self._epoll is not None:
            self._keep_alive()

    def _keep_alive(self) -> None:
        self._timer = self._loop.call_later(max(self._client.due_s(), 0) + _LATE_S, self._due)

    # --- what the broker says ---------------------------------------------------------------------------------------

    def _on_connect(self, _client: Any, _data: Any, flags: paho.ConnectFlags, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            hint = ': set protocol = "3.1.1"' if "protocol version" in str(reason).lower() else ""
            self._end = f"it refuses us: {reason}{hint}"
            return
        if self._timer is not None:
            self._timer.cancel()
        self._keep_alive()
        self.connected, self._told = True, ""
        log.info("connected to the broker", extra={"broker": self._settings.broker, "session": flags.session_present})
        self._listener.connected(session_present=flags.session_present)
        self._subscribe()
        self._listener.subscribed()

    def _subscribe(self) -> None:
        qos = self._settings.qos
        if self._settings.protocol == "5":
            options = SubscribeOptions(qos=qos, retainAsPublished=True)
            self._client.subscribe([(one, options) for one in self._routes.filters])
        else:
            older: list[tuple[str, int]] = [(one, qos) for one in self._routes.filters]
            self._client.subscribe(older)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        for wanted, reason in zip(self._routes.filters, reasons, strict=False):
            if reason.is_failure:
                log.error("the broker refuses a subscription", extra={"filter": wanted, "why": str(reason)})

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._end = self._end or f"it ended the connection: {reason}"
        self._unwatch()

    def _took(self, message: Message) -> None:
        try:
            self._listener.received(message)
        except Exception:
            log.exception("a message met a defect")

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        waiting = self._waiting.pop(mid, None)
        if waiting is None or waiting.done():
            return
        if reason.is_failure:
            waiting.set_exception(Refused(str(reason)))
        else:
            waiting.set_result(None)

    # --- what we say ------------------------------------------------------------------------------------------------

    def publish(self, message: Message) -> asyncio.Future[None]:
        """Publish, now or when the broker is back; done when it has the message. Raises ``Refused``."""
        properties = packets.properties_of(message, self._routes.client_id) if self._routes.marks else None
        try:
            sent = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        except (ValueError, OverflowError) as error:
            raise Refused(str(error)) from error
        done: asyncio.Future[None] = self._loop.create_future()
        if sent.rc is MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise Refused(f"{self._settings.queue} messages wait for the broker already")
        if message.qos == 0:
            if sent.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise Refused("the broker is away, and for QoS 0 nothing waits")
            done.set_result(None)
        else:
            self._waiting[sent.mid] = done
            if not self.connected:
                self._tell_away()
            done.add_done_callback(_seen)
        return done

    def acknowledge(self, *mids: int) -> None:
        """Tell the broker that messages have arrived."""
        self._client.acknowledge(mids)


def _seen(done: asyncio.Future[None]) -> None:
    """Nobody has to wait for a message; a refusal is told."""
    if not done.cancelled() and (error := done.exception()) is not None:
        log.warning("the broker does not take a message", extra={"why": str(error)})
