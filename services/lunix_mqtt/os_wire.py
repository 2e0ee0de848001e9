"""A connection to the broker as paho wants a socket: made in a thread, read in large pieces. socket(7), ssl(7)."""

import asyncio
import socket
import ssl
import threading
from typing import NamedTuple

CONNECT_S = 10.0
_PIECE_BYTES = 65_536
_USER_TIMEOUT_MS = 30_000
"""What a peer that vanished does not acknowledge ends the connection after this: tcp(7), TCP_USER_TIMEOUT."""


class Wire:
    """A connected socket that does not block. paho asks for single bytes; each call to the kernel gets all there is."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest: bytes = b""
        self._place = 0

    def recv(self, size: int) -> bytes:
        """At most so many bytes; raise ``BlockingIOError`` where there are none, and return none at the end."""
        if self._place == len(self._rest):
            self._rest = self._socket.recv(_PIECE_BYTES)
            self._place = 0
        found = self._rest[self._place : self._place + size]
        self._place += len(found)
        return found

    def pending(self) -> int:
        """How many bytes are there of which the descriptor does not tell."""
        inside = self._socket.pending() if isinstance(self._socket, ssl.SSLSocket) else 0
        return len(self._rest) - self._place + inside

    def send(self, data: bytes) -> int:
        """Send what the kernel takes."""
        return self._socket.send(data)

    def fileno(self) -> int:
        """The descriptor to wait on, -1 once it is closed."""
        return self._socket.fileno()

    def setblocking(self, flag: bool) -> None:
        """As of a socket."""
        self._socket.setblocking(flag)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


class Tls(NamedTuple):
    """How the broker is known, and we are."""

    ca_file: str | None
    certificate_file: str | None
    key_file: str | None

    def context(self) -> ssl.SSLContext:
        """What a handshake needs; raise ``OSError`` for a file that is none."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate_file:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context


def connect(host: str, port: int, tls: Tls | None) -> Wire:
    """Connect, and greet by TLS; blocks for ``CONNECT_S`` a step at most. Raises ``OSError``."""
    connection = socket.create_connection((host, port), timeout=CONNECT_S)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
        if tls is not None:
            connection = tls.context().wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise
    return Wire(connection)


async def connected(host: str, port: int, tls: Tls | None) -> Wire:
    """``connect``, in a thread that nobody waits for at the end: a name may take long to be found."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Wire] = loop.create_future()

    def tell(wire: Wire | None, error: OSError | None) -> None:
        if done.done():
            if wire is not None:
                wire.close()
        elif wire is not None:
            done.set_result(wire)
        elif error is not None:
            done.set_exception(error)

    def work() -> None:
        try:
            wire, error = connect(host, port, tls), None
        except OSError as failure:
            wire, error = None, failure
        try:
            loop.call_soon_threadsafe(tell, wire, error)
        except RuntimeError:  # the loop is closed: the daemon has ended
            if wire is not None:
                wire.close()

    threading.Thread(target=work, name="mqtt.connect", daemon=True).start()
    return await done
