"""One connection to the server, from the first byte to its end: a nats-py client that is never reconnected.

nats-py's own reconnection loses what was handed to it without an error, gives up for good after some protocol errors
and keeps state of its dead connection. So it is switched off: ``Bus`` opens a new session for each connection and
makes it whole. The private parts of nats-py that are reached into are all in this module, and its version is pinned.
"""

# pyright: reportPrivateUsage=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownLambdaType=false
# nats-py's own annotations are partial, and this is the one module that knows its private parts.

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from lunix_common.bus.errors import BusAway, BusRefused, RequestError
from lunix_common.bus.options import BusOptions
from lunix_common.bus.os_peer import CheckedTransport

log = logging.getLogger("lunix.bus")

CONNECT_TIMEOUT_S = 5
PING_INTERVAL_S = 120
SUBSCRIPTION_BYTES = 8 * 1024 * 1024
ROOM_BYTES = 256 * 1024
"""Events wait in the outbox while more than this waits for the socket. asyncio's own limit is below it."""

# The parser of nats-py hands errors over in lower case.
_REFUSED = re.compile(r"permissions violation for (publish|subscription) to \"([^\"]*)\"")


def _seen(future: asyncio.Future[Any]) -> None:
    """Take note of an outcome that nobody waits for any more, which asyncio would report as forgotten."""
    if not future.cancelled():
        future.exception()


class _OpenTransport(CheckedTransport):
    """A transport that was connected before the client was asked to: so errors keep their type."""

    async def connect(self, uri: object, buffer_size: int, connect_timeout: int) -> None:
        pass

    async def connect_tls(self, uri: Any, ssl_context: Any, buffer_size: int, connect_timeout: int) -> None:
        await super().connect_tls(uri, ssl_context, buffer_size, connect_timeout)
        # It was upgraded behind its protocol's back: asyncio would warn of its end.
        writer: Any = self._io_writer
        vars(writer.transport.get_protocol())["_over_ssl"] = True


class Session:
    """A live connection. ``ended`` completes when it is over, whatever the reason."""

    def __init__(
        self,
        options: BusOptions,
        name: str,
        on_slow: Callable[[int], None],
        on_refused: Callable[[str, str], None] | None = None,
    ) -> None:
        """``on_refused`` hears what the server refused beside requests: ``publish`` or ``subscription``, and where."""
        self._options, self._name, self._on_slow = options, name, on_slow
        self._client, self._on_refused = Client(), on_refused or self._log_refusal
        self._transport: CheckedTransport
        self._wire: asyncio.WriteTransport
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._refusals: dict[str, list[asyncio.Future[Msg]]] = {}
        self._last_error: Exception | None = None

    @property
    def max_payload(self) -> int:
        """The server's maximum payload in bytes."""
        return self._client.max_payload

    @property
    def server(self) -> str:
        """The server's version, for people."""
        return str(self._client._server_info.get("version", "unknown"))

    async def open(self) -> None:
        """Connect; raise ``BusAway``, or ``BusRefused`` where waiting will not help."""
        _check_readable(self._options.key)
        transport = _OpenTransport(self._options.server_uids)
        try:
            await CheckedTransport.connect(transport, self._options.address, 65536, CONNECT_TIMEOUT_S)
        except PermissionError as error:
            raise BusRefused(str(error)) from error
        except (OSError, TimeoutError) as error:
            raise BusAway(f"no bus at {self._options.url}: {error}") from error
        self._client._transport = transport
        try:
            await self._connect()
        except BaseException:
            transport.close()  # type: ignore[no-untyped-call]
            # What is below TLS as well, whose farewell nobody would wait for.
            vars(transport)["_bare_io_writer"].close()
            # The client has begun no task, and its close() would wait for ever for what failed to become TLS.
            vars(self._client)["_transport"] = None
            raise
        # The client gave it TLS where the server has that.
        self._transport, writer = transport, vars(transport)["_io_writer"]
        self._wire = writer.transport
        # The client has started both before connect() returns.
        vars(self._client)["_reading_task"].add_done_callback(_seen)
        vars(self._client)["_reading_task"].add_done_callback(lambda _task: self._end())
        vars(self._client)["_flusher_task"].add_done_callback(_seen)

    async def _connect(self) -> None:
        vouched = self._options.address.scheme == "unix"
        key = None if vouched else self._options.key
        try:
            await self._client.connect(
                # It knows no unix sockets; the transport is connected already, and the kernel's word is the password.
                f"nats://{self._options.identity}:-@unix" if vouched else self._options.url,
                name=self._name,
                nkeys_seed=str(key) if key else None,
                inbox_prefix=f"_INBOX.{self._name}",
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=CONNECT_TIMEOUT_S,
                ping_interval=PING_INTERVAL_S,
                drain_timeout=2,
                error_cb=self._on_error,
                closed_cb=self._on_closed,
            )
        except (nats.errors.Error, OSError, TimeoutError, AssertionError) as error:
            reason = self._last_error or error
            if "authorization" in str(reason).lower():
                who = f"with the key {key}" if key else f"as {self._options.identity}" if vouched else "without a key"
                raise BusRefused(f"the bus at {self._options.url} refuses {self._name} {who}") from error
            if why := getattr(reason, "verify_message", None):
                raise BusRefused(f"{self._options.url} shows a certificate that is not believed here: {why}") from error
            raise BusAway(f"no bus at {self._options.url}: {reason!r}") from error
        if vouched and not self._client._server_info.get("auth_required"):
            raise BusRefused(f"the bus at {self._options.url} is open to everybody, and tells nobody's role")

    async def subscribe(self, subject: str, handler: Callable[[Msg], Any], *, at_once: bool = False) -> int:
        """Subscribe and return the subscription's number; raise ``BusAway``.

        nats-py has a task for each subscription: what comes for several in one piece is handed on sorted by those. With
        ``at_once`` a plain function is called as each message arrives, whichever subscription it is of.
        """
        how: Any = {"pending_bytes_limit": 0} if at_once else {"cb": handler, "pending_bytes_limit": SUBSCRIPTION_BYTES}
        try:
            subscription = await self._client.subscribe(subject, **how)
        except nats.errors.ConnectionClosedError as error:
            raise BusAway(str(error)) from error
        if at_once:
            vars(subscription._pending_queue)["put_nowait"] = handler
        return int(subscription._id)

    async def unsubscribe(self, number: int) -> None:
        """End a subscription; one that has ended is none."""
        if (subscription := self._client._subs.get(number)) and not self.ended.done():
            await subscription.unsubscribe()

    async def publish(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, *, reply: str = ""
    ) -> None:
        """Hand a message to the client; raise ``BusAway``, or ``ValueError`` where the bus could never take it.

        ``reply`` is where answers go, for questions that several answer.
        """
        if self.ended.done():
            raise BusAway("the connection to the bus broke")
        try:
            await self._client.publish(subject, data, reply, headers=dict(headers) if headers else None)
        except (nats.errors.ConnectionClosedError, nats.errors.OutboundBufferLimitError) as error:
            raise BusAway(str(error)) from error
        except (nats.errors.MaxPayloadError, nats.errors.BadSubjectError) as error:
            raise ValueError(f"{subject}: {error}") from error

    @property
    def has_room(self) -> bool:
        """Whether the connection takes more now; ``drain`` waits for it."""
        return self._wire.get_write_buffer_size() < ROOM_BYTES

    def write(self, frames: bytes) -> None:
        """Send frames of the protocol without asking the client, which would take some turns of the loop for it.

        What a connection that breaks did not take is lost without an error, as with ``publish``.
        """
        if self.ended.done():
            return
        try:
            self._wire.write(frames)
        except (OSError, RuntimeError) as error:
            log.debug("the connection takes no more", extra={"error": str(error)})

    async def drain(self) -> None:
        """Return when the connection has room; raise ``BusAway``."""
        try:
            await self._transport.drain()  # type: ignore[no-untyped-call]
        except OSError as error:
            raise BusAway(f"the connection to the bus broke: {error}") from error

    async def flush(self, timeout: float = 10) -> None:
        """Return when the server has all that was published before; raise ``BusAway``.

        The client's own ``flush`` sends its PING ahead of messages that wait for the flusher task, and returns
        normally when its reader has died.
        """
        asking = asyncio.ensure_future(self._ping(timeout))
        asking.add_done_callback(_seen)
        try:
            await asyncio.wait({asking, self.ended}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                asking.result()
        except (nats.errors.Error, OSError, RuntimeError) as error:
            # uvloop meets a closed connection with a RuntimeError.
            raise BusAway(f"the bus does not answer: {error}") from error
        finally:
            asking.cancel()
        if self.ended.done() or not self._client.is_connected:
            raise BusAway("the connection to the bus broke")

    async def _ping(self, timeout: float) -> None:
        await self._client._flush_pending(force_flush=True)
        await self._client.flush(int(timeout))

    async def request(self, subject: str, data: bytes, timeout: float) -> Msg:
        """Send a request and return the answer; raise ``RequestError``, ``BusAway``, ``TimeoutError``.

        Ends at once when the connection ends, and when the server refuses the subject, which it tells only by an
        error on the side.
        """
        asking = asyncio.ensure_future(self._client.request(subject, data, timeout=timeout))
        refused: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        waiting = self._refusals.setdefault(subject.lower(), [])
        waiting.append(refused)
        asking.add_done_callback(_seen)
        refused.add_done_callback(_seen)
        try:
            ends: list[asyncio.Future[Any]] = [asking, refused, self.ended]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if refused.done():
                return refused.result()
            if not asking.done():
                raise BusAway("the connection to the bus broke")
            return asking.result()
        except nats.errors.NoRespondersError as error:
            why = f"nobody answers {subject}: its daemon does not run, or your role may not ask"
            raise RequestError(503, why) from error
        except (nats.errors.ConnectionClosedError, nats.errors.OutboundBufferLimitError) as error:
            raise BusAway(str(error)) from error
        except nats.errors.TimeoutError as error:
            raise TimeoutError(f"no answer on {subject} within {timeout:g} s") from error
        except (nats.errors.BadSubjectError, nats.errors.MaxPayloadError) as error:
            raise RequestError(400, f"{subject}: {error}") from error
        finally:
            asking.cancel()
            waiting.remove(refused)
            if not waiting:
                self._refusals.pop(subject.lower(), None)

    async def close(self) -> None:
        """End the connection; what was published before is sent. Idempotent."""
        if (transport := self._client._transport) is not None:
            try:
                await self._client.close()
            except (nats.errors.Error, OSError, AssertionError) as error:
                # An assertion fails where connect() was cancelled before it had made its queue.
                log.debug("the connection did not close cleanly", extra={"error": str(error)})
            finally:
                # The client leaves its socket and tasks where the last write to a dead server failed, or if cancelled.
                transport.close()  # type: ignore[no-untyped-call]
                reading: list[Any] = [one._wait_for_msgs_task for one in self._client._subs.values()]
                for task in filter(None, reading):
                    task.cancel()
        self._end()

    async def _on_error(self, error: Exception) -> None:
        self._last_error = error
        if isinstance(error, nats.errors.SlowConsumerError):
            self._on_slow(error.sid)
        elif found := _REFUSED.search(str(error)):
            self._refuse(found[1], found[2])
        else:
            log.debug("the bus client reports an error", extra={"error": repr(error)})

    def _refuse(self, verb: str, subject: str) -> None:
        waiting = self._refusals.get(subject, [])
        for refused in waiting:
            if not refused.done():
                refused.set_exception(RequestError(403, f"your role may not send {subject}"))
        if not waiting:
            self._on_refused(verb, subject)

    def _log_refusal(self, verb: str, subject: str) -> None:
        log.warning("the bus refused", extra={"what": verb, "subject": subject, "identity": self._name})

    async def _on_closed(self) -> None:
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


def _check_readable(key: Path | None) -> None:
    """nats-py reads it in the midst of connecting, and does not close what it has opened by then."""
    try:
        if key is not None:
            key.open("rb").close()
    except OSError as error:
        raise BusRefused(f"the key {key} cannot be read: {error.strerror}") from error
