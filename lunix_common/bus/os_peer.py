"""Who serves behind a loopback address or a unix socket: the uid of the far end.

Of TCP it stands in ``tcp`` and ``tcp6`` of ``/proc/thread-self/net`` (``/proc/net`` is the main thread's, which may be
in another network namespace); of a unix socket the kernel tells it, SO_PEERCRED of unix(7).

The format is described in proc(5) and the kernel's ``Documentation/networking/proc_net_tcp.rst``: addresses are
hexadecimal 32-bit words in the machine's byte order.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import ParseResult

from nats.aio.transport import TcpTransport

from lunix_common.os_socket import getsockopt_peercred

_ESTABLISHED = "01"
_NOT_ACCEPTED = "0"
# Resolving a name starts a thread, and this one needs no resolving.
_ADDRESSES = {"localhost": ("127.0.0.1", "::1")}


def peer_uid(connection: socket.socket) -> int | None:
    """The uid of the process that accepted a connection within this machine, or listens on a unix socket.

    ``None`` while nobody has accepted it, when the far end has closed it, and where it is not in this machine. A
    connection that waits in the listener's queue is listed with uid 0 whoever listens, and without an inode: such a row
    says nothing.
    """
    if connection.family == socket.AF_UNIX:
        return getsockopt_peercred(connection)[1]
    ours, theirs = _written(connection.getsockname()), _written(connection.getpeername())
    for table in ("tcp", "tcp6"):
        for line in _lines(Path("/proc/thread-self/net", table)):
            _index, local, remote, state, _queues, _timer, _retries, uid, _probes, inode, *_ = line.split()
            if local in theirs and remote in ours and state == _ESTABLISHED and inode != _NOT_ACCEPTED:
                return int(uid)
    return None


def _lines(table: Path) -> Iterable[str]:
    try:
        return table.read_text(encoding="ascii").splitlines()[1:]
    except FileNotFoundError:  # a kernel without IPv6
        return ()


def _written(address: tuple[object, ...]) -> set[str]:
    """How the kernel writes an address and port: as itself and, for IPv4, mapped into IPv6."""
    packed = ip_address(str(address[0]).partition("%")[0]).packed
    forms = [packed, bytes(10) + b"\xff\xff" + packed] if len(packed) == 4 else [packed]
    words = ["".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", form)) for form in forms]
    return {f"{word}:{int(str(address[1])):04X}" for word in words}


class CheckedTransport(TcpTransport):
    """A connection to a server that is known before anything is sent to it.

    Set as the ``_transport`` of a nats-py client, which then takes it for its own and asks it to connect. ``connect``
    raises ``PermissionError`` where a loopback address is served by a user who is not among ``uids``, and for another
    machine without TLS; ``ConnectionError`` and ``TimeoutError`` where nobody serves.
    """

    def __init__(self, uids: Iterable[int] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._uids = frozenset(uids) or frozenset({0, os.geteuid()})
        self._needs_tls = False

    def __bool__(self) -> bool:
        """A client replaces a transport that is false by one of its own."""
        return True

    async def connect(self, uri: ParseResult, buffer_size: int, connect_timeout: int) -> None:
        """Connect, wait until the server speaks, as it does first, and look who it is."""
        host = uri.hostname or ""
        async with asyncio.timeout(connect_timeout):
            if uri.scheme != "unix" and not is_loopback(host):
                if uri.scheme != "tls":
                    raise PermissionError(f"{host} is no loopback address: use tls://{host}")
                self._needs_tls = True
                await super().connect(uri, buffer_size, connect_timeout)
                return
            connection = await _dial(_ADDRESSES.get(host, (host or uri.path,)), uri.port or 4222)
            try:
                await _greeted(connection)
                self._check(connection, uri)
                streams = await asyncio.open_connection(sock=connection, limit=buffer_size)
            except BaseException:
                connection.close()
                raise
        self._io_reader, self._io_writer = self._bare_io_reader, self._bare_io_writer = streams

    def write(self, payload: bytes) -> None:
        """Send; raise ``PermissionError`` where a server elsewhere would be spoken to in the clear."""
        self._check_tls()
        super().write(payload)  # type: ignore[no-untyped-call]

    def writelines(self, payload: list[bytes]) -> None:
        """Send, as ``write`` does; raise ``OSError`` where the event loop has closed the connection already."""
        self._check_tls()
        try:
            super().writelines(payload)  # type: ignore[no-untyped-call]
        except (AttributeError, RuntimeError) as error:  # of asyncio since Python 3.12, and of uvloop
            raise ConnectionResetError(str(error)) from error

    def _check(self, connection: socket.socket, uri: ParseResult) -> None:
        uid, place = peer_uid(connection), uri.netloc or uri.path
        if uid is None:
            raise ConnectionAbortedError(f"the server at {place} left, or its user cannot be told")
        if uid not in self._uids:
            known = " or ".join(map(str, sorted(self._uids)))
            raise PermissionError(
                f"the server at {place} is run by uid {uid} and not by {known}: it gets nothing from us. "
                f"If it is meant to be, set LUNIX_SERVER_UID={uid}"
            )

    def _check_tls(self) -> None:
        # The client starts TLS when the server asks for it; one in the middle would not ask.
        if self._needs_tls and self._io_writer is not None and not self._io_writer.get_extra_info("ssl_object"):
            self.close()  # type: ignore[no-untyped-call]
            raise PermissionError("the server offers no TLS, and it is on another machine")


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine, without asking a resolver: other names are other machines."""
    try:
        return host in _ADDRESSES or ip_address(host).is_loopback
    except ValueError:
        return False


async def _dial(addresses: Iterable[str], port: int) -> socket.socket:
    """A connection to the first of these addresses, or paths of sockets, that takes one."""
    refused: OSError | None = None
    for address in addresses:
        family = socket.AF_UNIX if "/" in address else socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await asyncio.get_running_loop().sock_connect(connection, address if "/" in address else (address, port))
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError):
                raise
            refused = error
        else:
            return connection
    raise refused or ConnectionRefusedError(f"nothing to connect to on port {port}")


async def _greeted(connection: socket.socket) -> None:
    """Return when there is something to read, and leave it there: who sends has accepted."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
