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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet; or wait for the handshake of TLS before."""
        self._transport = transport
        most = self._limits.max_pending
        self._transport.set_write_buffer_limits(high=most // 2, low=most // 4)
        about = transport.get_extra_info
        origin = self._server.accepted(self, about("socket"), about("peername"))
        self.client = Client(self._server.hub, origin)
        self.client.wire = self
        if len(self._server.connections) > self._limits.max_connections:
            self.client.end("too many connections", "maximum connections exceeded")
            self._server.flush()
            return
        tls = self._server.settings.tls if self._upgrade else None
        if tls is None or not tls.handshake_first:
            self._transport.write(self.client.greeting())
        if tls is not None:
            self._transport.pause_reading()
            self._server.spawn(self._start_tls(tls.handshake_first, tls.timeout_s))
        self._server.deadlines.put(self, self._next())

    async def _start_tls(self, first: bool, timeout: float) -> None:
        context = self._server.tls
        assert context is not None, "there are certificates"
        try:
            self._transport = await self._server.loop.start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=timeout
            )
        except OSError as error:
            self._server.log("ERR", f"{self.client} - TLS handshake error: {error}")
            self.client.end("no TLS")
            self._transport.abort()
            return
        if self._transport is None:  # it went away in the midst of it
            self.client.end("no TLS")
            return
        if first:
            self._transport.write(self.client.greeting())

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return self._server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Deal with what was read."""
        if self.client.ended is not None:
            return
        self._quiet_since = self._server.loop.time()
        self.client.receive(bytes(self._server.buffer[:nbytes]), time.monotonic_ns())
        self._server.flush(self)

    def eof_received(self) -> bool:
        """A client that says no more is gone."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End what it had."""
        self._closing_at = self._server.loop.time()
        self.client.end("client closed")
        self.client.out.clear()
        self._release()
        self._server.forget(self)
        self._server.flush()

    # --- what is written --------------------------------------------------------------------------------------------

    def flush(self) -> bool:
        """Write what is there; return whether its publisher had better wait."""
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
            self._server.deadlines.put(self, self._closing_at)
            self._release()
            self.go_on()
            if self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def pause_writing(self) -> None:
        """It does not keep up."""
        self._full_since = self._server.loop.time()
        self._server.deadlines.put(self, self._next())

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

    def _next(self) -> float:
        """When something has to be looked at, if nothing happens until then."""
        limits = self._limits
        due = [self._closing_at, self._quiet_since + limits.ping_interval_s]
        if self.client.awaited:
            due.append(self._opened + limits.auth_timeout_s)
        if self._full_since != _NEVER:
            due.append(self._full_since + (limits.write_deadline_s if self._stalled else STALL_S))
        return min(due)

    def check(self, now: float) -> float:
        """Do what is due, and return when to look again; never, once it is gone."""
        limits = self._limits
        if now >= self._closing_at or self._transport is None:
            if self._transport is not None:
                self._transport.abort()
            return _NEVER
        if self.client.ended is not None:
            return self._closing_at
        if self.client.awaited and now >= self._opened + limits.auth_timeout_s:
            self.client.end("authentication timeout", "Authentication Timeout")
        elif now >= self._full_since + limits.write_deadline_s:
            self._cut(f"WriteDeadline of {limits.write_deadline_s:g}s exceeded")
            self._close()
        elif now >= self._full_since + STALL_S and not self._stalled:
            self._stalled = True
            self._release()
        elif now >= self._quiet_since + limits.ping_interval_s:
            self._ping(now)
        self._server.flush()
        return self._next()

    def _ping(self, now: float) -> None:
        if self.client.pings >= self._limits.ping_max:
            self.client.end("stale", "Stale Connection")
            return
        self.client.pings += 1
        self.client.send(b"PING\r\n")
        self._quiet_since = now  # the next one is due an interval from now

    def drop(self) -> None:
        """End it with all that waits, as the server ends."""
        self.client.end("the server ends")
        self._transport.abort()
