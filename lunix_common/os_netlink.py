"""AF_NETLINK: sockets that hear the kernel, and the way to wait for them. netlink(7).

Only what the sender that is meant sent counts. With CAP_NET_ADMIN anyone can send to such a socket; a message of that
kind has the sender's port, which is never 0, and the sender's credentials.
"""

import asyncio
import errno
import select
import socket
import struct
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import NamedTuple

# Flags are plain numbers here: an operation on an enumeration costs as much as the system call.
_CREDENTIALS = struct.Struct("=iII")
_ANCILLARY = socket.CMSG_SPACE(_CREDENTIALS.size)
_KIND = (int(socket.SOL_SOCKET), int(socket.SCM_CREDENTIALS))
_SO_RCVBUFFORCE, _MSG_TRUNC = 33, int(socket.MSG_TRUNC)


class Overflow(Enum):
    """The socket's buffer was full and the kernel dropped messages (ENOBUFS): what they told must be read again."""

    OVERFLOW = auto()


class Untrusted(NamedTuple):
    """A message that somebody else sent."""

    port: int
    uid: int


class Truncated(NamedTuple):
    """A message that is longer than any that was to be expected."""

    start: bytes


Received = bytes | Overflow | Untrusted | Truncated | None
"""A message, or what stands in its place; ``None`` when nothing waits."""


class NetlinkSocket(socket.socket):
    """An open socket of one netlink protocol, non-blocking and not bound yet."""

    def __init__(self, protocol: int, *, from_kernel: bool = True) -> None:
        """Open it; raise ``OSError``. Without ``from_kernel`` what counts comes from a process of root."""
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        super().__init__(socket.AF_NETLINK, kind, protocol)
        self._from_kernel = from_kernel
        # In a user namespace the kernel's messages may show any user as sender: that of the root outside has no number
        # there, or another. The port says enough; nobody but the kernel has port 0.
        self._any_user = from_kernel and not _shows_users()
        self.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def enlarge(self, size: int) -> None:
        """Have room for messages that wait: a limit and no reservation."""
        try:
            self.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except PermissionError:
            # Without CAP_NET_ADMIN the kernel cuts it to net.core.rmem_max.
            self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    @property
    def port(self) -> int:
        """The socket's netlink port."""
        return int(self.getsockname()[0])

    def receive(self, most: int) -> Received:
        """The next message, of at most so many bytes, or what stands in its place."""
        try:
            data, ancillary, flags, sender = self.recvmsg(most, _ANCILLARY)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return Overflow.OVERFLOW
            raise
        credentials = [data for level, kind, data in ancillary if (level, kind) == _KIND]
        uid = int(_CREDENTIALS.unpack_from(credentials[0])[1]) if credentials else -1
        if (sender[0] == 0) is not self._from_kernel or not (uid == 0 or self._any_user):
            return Untrusted(sender[0], uid)
        return Truncated(data[:64]) if flags & _MSG_TRUNC else data


class Reader:
    """Calls ``readable`` while there is something to read; ``descriptor`` stays the caller's.

    One that stops before it has seen the end returns true, and is called again, whether anything waits or not: what it
    does at the end must not wait for what may never come.

    It is watched through an epoll of its own. After an overflow a netlink socket reports an error (EPOLLERR), and
    libuv, on which uvloop stands, stops to watch a descriptor that does: the daemon would be deaf from then on.
    """

    def __init__(self, descriptor: int, readable: Callable[[], bool | None]) -> None:
        self._readable = readable
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._epoll.register(descriptor, select.EPOLLIN)
        self.reading = False
        """Whether it calls."""
        self._again = self._loop.call_soon(self._call)
        """The call that was asked for last; this one comes before ``resume`` and does nothing."""

    def resume(self) -> None:
        """Begin, or go on; not once it is closed."""
        if not self.reading and not self._epoll.closed:
            self.reading = True
            self._loop.add_reader(self._epoll.fileno(), self._call)
            self.look()  # it was not at the end, perhaps, when it paused

    def pause(self) -> None:
        """Call no more until ``resume``; idempotent."""
        if self.reading:
            self.reading = False
            self._loop.remove_reader(self._epoll.fileno())

    def look(self) -> None:
        """Call soon, whether anything waits or not; once, however often this is asked for."""
        self._again.cancel()
        self._again = self._loop.call_soon(self._call)

    def _call(self) -> None:
        if self.reading and self._readable():
            self.look()

    def close(self) -> None:
        """End it; idempotent. Call it before the descriptor is closed."""
        self.pause()
        self._epoll.close()


def _shows_users(path: Path = Path("/proc/self/uid_map")) -> bool:
    """Whether every user is who it is outside: not so in a user namespace."""
    # A kernel without user namespaces has no such file.
    return not path.exists() or path.read_text(encoding="ascii").split() == ["0", "0", "4294967295"]
