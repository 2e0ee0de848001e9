"""A connection: a socket on one side, a ``Client`` on the other.

What is read is dealt with at once, from one buffer that all share. What it makes others hear is written when all of
the read is dealt with, in one call each. A client that reads more slowly than others send is waited for a moment, then
cut off: nothing grows without bound.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from lunix_bus.client import Client

if TYPE_CHECKING:
    from lunix_bus.server import Server

STALL_S = 0.1
"""So long a publisher is not read from because of a subscriber who does not keep up."""
TURN_S = 0.002
"""What is read at once from one client had better not keep the others waiting for longer."""
LEAST_BYTES = 2048
LINGER_S = 1.0
"""So long a client may take to read why it is disconnected."""
_NEVER = float("inf")


class Connection(asyncio.BufferedProtocol):
    """One client's connection."""

    def __init__(self, server: "Server", *, upgrade: bool = False) -> None:
        self._server, self._upgrade = server, upgrade
        self._limits = server.hub.limits
        self._transport: Any = None
        self.client: Client
        self._full_since = _NEVER
        self.waiting: set[Connection] = set()
        """Publishers that are not read from until this one has room again."""
        self._quiet_since = self._opened = server.loop.time()
        self._closing_at = _NEVER
        self._stalled = False
        self._share = len(server.buffer)
        """So much is read of it at once."""
        self._early: bytearray | None = None
        """What it has said while the handshake of TLS goes on, for as long as this is so."""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet; or wait for the handshake of TLS before."""
        server, self._transport = self._server, transport
        most = self._limits.max_pending
        self._transport.set_write_buffer_limits(high=most // 2, low=most // 4)
        about = transport.get_extra_info
        origin = server.accepted(self, about("socket"), about("peername"))
        self.client = Client(server.hub, origin)
        self.client.wire = self
        if len(server.connections) > self._limits.max_connections:
            self.client.end("too many connections", "maximum connections exceeded")
            server.flush()
            return
        tls = server.settings.tls if self._upgrade else None
        if tls is None or not tls.handshake_first:
            self._transport.write(self.client.greeting())
        if tls is None:
            self._arm()
            return
        self._early = bytearray()
        self._transport.pause_reading()
        # It ends with the transport, and so with the server.
        handshake = self._start_tls(tls.handshake_first, tls.timeout)
        self._handshake = server.loop.create_task(handshake, name="lunix_bus.handshake")

    async def _start_tls(self, first: bool, timeout: float) -> None:
        context, plain = self._server.tls, self._transport
        assert context is not None, "there are certificates"
        try:
            self._transport = await self._server.loop.start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=timeout
            )
        except OSError as error:
            self._server.log("ERR", f"{self.client} - TLS handshake error: {error}")
            plain.abort()
            self._transport = None
        if self._transport is None:
            # It went away in the midst of the handshake, of which asyncio tells the handshake alone.
            self.connection_lost(None)
            return
        if first:
            self._transport.write(self.client.greeting())
        self._opened = self._server.loop.time()
        early, self._early = self._early, None
        self._take(bytes(early or b""))
        self._arm()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return self._server.buffer[: self._share]

    def buffer_updated(self, nbytes: int) -> None:
        """Deal with what was read."""
        data = bytes(self._server.buffer[:nbytes])
        if self._early is not None:
            # It came right behind the handshake, whose end we were not told yet: an answer would go out in the clear.
            self._early += data
        elif self.client.ended is None:
            self._take(data)

    def _take(self, data: bytes) -> None:
        server = self._server
        begin = self._quiet_since = server.loop.time()
        self.client.receive(data, time.monotonic_ns())
        server.flush(self)
        took = server.loop.time() - begin
        if took > TURN_S:
            self._share = max(self._share // 2, LEAST_BYTES)
        elif len(data) == self._share and took < TURN_S / 2:
            self._share = min(self._share * 2, len(server.buffer))

    def connection_lost(self, exc: Exception | None) -> None:
        """End what it had. Idempotent."""
        self._disarm()
        self._closing_at = self._server.loop.time()
        self.client.end("client closed")
        self.client.out.clear()
        self._release()
        self._server.forget(self)
        self._server.flush()

    # --- what is written --------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Write what is there; return whether its publisher had better wait."""
        if self._early is not None:
            return False
        out = self.client.out
        data = b"".join(out)
        out.clear()
        if data and self._closing_at == _NEVER and not self._transport.is_closing():
            pending = self._transport.get_write_buffer_size() + len(data)
            if pending > self._limits.max_pending:
                self._cut(f"MaxPending of {self._limits.max_pending} Exceeded")
            else:
                self._transport.write(data)
        if self.client.ended is not None:
            self._close()
        return self._full_since != _NEVER and not self._stalled and self._closing_at == _NEVER

    def _cut(self, why: str) -> None:
        self._server.log("WRN", f"{self.client} - Slow Consumer Detected: {why}")
        # What waits for it is whole messages, so this comes as the last line, if it ever reads that far.
        self._transport.write(b"-ERR 'Slow Consumer'\r\n")
        self.client.end("slow consumer")

    def _close(self) -> None:
        """Say no more, and let the other end read what was said: a reset for words of its own would discard it."""
        if self._closing_at == _NEVER:
            limits, now = self._limits, self._server.loop.time()
            busy = self._transport.get_write_buffer_size() > 0
            self._closing_at = now + (limits.write_deadline_s if busy else LINGER_S)
            self._arm()
            self._release()
            self.go_on()
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def pause_writing(self) -> None:
        """It does not keep up."""
        self._full_since = self._server.loop.time()
        self._arm()

    def resume_writing(self) -> None:
        """It does again."""
        self._full_since, self._stalled = _NEVER, False
        self._release()

    def wait_for(self, slow: "Connection") -> None:
        """Read no more until ``slow`` has room, or has had its time."""
        slow.waiting.add(self)
        self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _release(self) -> None:
        waiting, self.waiting = self.waiting, set()
        for publisher in waiting:
            publisher.go_on()

    # --- deadlines --------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        """Have one timer for the soonest deadline. One that was put off meanwhile is found when the timer fires."""
        due = self._next()
        if due < (self._timer.when() if self._timer else _NEVER):
            self._disarm()
            self._timer = self._server.loop.call_at(due, self._check)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _next(self) -> float:
        """When something has to be looked at, if nothing happens until then."""
        if self.client.ended is not None:
            return self._closing_at
        limits = self._limits
        due = self._quiet_since + limits.ping_interval_s
        if self.client.awaited:
            due = min(due, self._opened + limits.auth_timeout_s)
        return min(due, self._full_since + (limits.write_deadline_s if self._stalled else STALL_S))

    def _check(self) -> None:
        """Do what is due."""
        self._timer = None
        now = self._server.loop.time()
        if now >= self._closing_at:
            self._transport.abort()
            return
        if self.client.ended is None:
            self._act(now)
        self._server.flush()
        self._arm()

    def _act(self, now: float) -> None:
        limits = self._limits
        if self.client.awaited and now >= self._opened + limits.auth_timeout_s:
            self.client.end("authentication timeout", "Authentication Timeout")
        elif now >= self._full_since + limits.write_deadline_s:
            self._cut(f"WriteDeadline of {limits.write_deadline_s:g}s exceeded")
            self._close()
        elif now >= self._full_since + STALL_S and not self._stalled:
            self._stalled = True
            self._release()
        elif now >= self._quiet_since + limits.ping_interval_s:
            self.client.probe(limits.ping_max)
            self._quiet_since = now  # the next one is due an interval from now

    def drop(self) -> None:
        """End it with all that waits, as the server ends."""
        self.client.end("the server ends")
        self._transport.abort()
