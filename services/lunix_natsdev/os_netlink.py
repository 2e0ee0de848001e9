"""AF_NETLINK, NETLINK_KOBJECT_UEVENT: the kernel's multicast of uevents. netlink(7).

Only what the kernel itself sent counts, and in udevd's group what root sent, as for libudev. With CAP_NET_ADMIN anyone
can send to this socket; such a message has the sender's port, and the sender's credentials.
"""

import errno
import socket
import struct
from enum import Enum, auto
from typing import NamedTuple

NETLINK_KOBJECT_UEVENT = 15
KERNEL_GROUP = 1
UDEV_GROUP = 2
"""Here udevd sends what it has processed."""
DATAGRAM_BYTES = 16 * 1024
"""The kernel's own buffer for the properties has 2 KB, and the path comes on top of it twice. libudev takes 8 KB."""
RECEIVE_BUFFER_BYTES = 128 * 1024 * 1024
"""A limit and no reservation: the kernel takes memory only for events that wait."""

_CREDENTIALS = struct.Struct("=iII")
_ANCILLARY = socket.CMSG_SPACE(_CREDENTIALS.size)
_SO_RCVBUFFORCE = 33
# As plain numbers: an operation on an enumeration costs as much as the system call.
_MSG_TRUNC = int(socket.MSG_TRUNC)


class Overflow(Enum):
    """The socket's buffer was full and the kernel dropped events (ENOBUFS): the devices must be read again."""

    OVERFLOW = auto()


class Untrusted(NamedTuple):
    """A message that somebody else sent."""

    port: int
    uid: int


class Truncated(NamedTuple):
    """A message that is longer than any that the kernel makes."""

    start: bytes


Received = bytes | Overflow | Untrusted | Truncated | None


class UeventSocket:
    """An open socket of the kernel's or of udevd's group, non-blocking."""

    def __init__(self, receive_buffer_bytes: int = RECEIVE_BUFFER_BYTES, group: int = KERNEL_GROUP) -> None:
        """Open and bind it; raise ``OSError``. Every user may listen."""
        self._from_kernel = group == KERNEL_GROUP
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, kind, NETLINK_KOBJECT_UEVENT)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._enlarge(receive_buffer_bytes)
            self._socket.bind((0, group))
        except BaseException:
            self._socket.close()
            raise

    def _enlarge(self, size: int) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except PermissionError:
            # Without CAP_NET_ADMIN the kernel cuts it to net.core.rmem_max.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    @property
    def receive_buffer_bytes(self) -> int:
        """What the kernel granted; it counts its own overhead, and so doubles what was asked for."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    @property
    def port(self) -> int:
        """The socket's netlink port."""
        return int(self._socket.getsockname()[0])

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def receive(self) -> Received:
        """The next message, or what stands in its place; ``None`` when nothing waits."""
        try:
            data, ancillary, flags, sender = self._socket.recvmsg(DATAGRAM_BYTES, _ANCILLARY)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return Overflow.OVERFLOW
            raise
        uid = _uid(ancillary)
        if uid != 0 or (sender[0] == 0) is not self._from_kernel:
            return Untrusted(sender[0], uid)
        return Truncated(data[:64]) if flags & _MSG_TRUNC else data

    def close(self) -> None:
        """Close it; idempotent."""
        self._socket.close()


def _uid(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int(_CREDENTIALS.unpack_from(data)[1])
    return -1
