"""AF_NETLINK, NETLINK_CONNECTOR: the socket on which the kernel tells of processes. netlink(7), connector.rst.

Only what the kernel itself sent counts. With CAP_NET_ADMIN anyone can send to this socket; such a message has the
sender's port, and the sender's credentials.
"""

import ctypes
import errno
import os
import secrets
import select
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import NamedTuple

from lunix_ps import proc_event
from lunix_ps.proc_event import Acknowledged, Instruction

NETLINK_CONNECTOR = 11
DATAGRAM_BYTES = 4096
ANSWER_S = 1.0
"""The kernel acknowledges before ``send`` returns; where it never does, it does not serve our namespaces."""

_CREDENTIALS = struct.Struct("=iII")
_ANCILLARY = socket.CMSG_SPACE(_CREDENTIALS.size)
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE, _SO_MEMINFO = 26, 33, 55
_MEMINFO = struct.Struct("=9I")
_INSTRUCTION = struct.Struct("=HBBI")


class Deaf(OSError):
    """The kernel tells no process events here; the text says why."""


class Overflow(Enum):
    """The socket's buffer was full (ENOBUFS): the kernel drops what happens until all that waits is read."""

    OVERFLOW = auto()


class Untrusted(NamedTuple):
    """A message that the kernel did not send."""

    port: int
    uid: int


class Connector:
    """A socket that hears of processes from the moment that it is made, non-blocking."""

    def __init__(self, receive_buffer_bytes: int) -> None:
        """Open it and wait for the kernel's acknowledgement; raise ``Deaf``."""
        self._socket = _open()
        try:
            self._attach(proc_event.ACKNOWLEDGEMENTS)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            self._enlarge(receive_buffer_bytes)
            self._socket.bind((0, proc_event.CN_IDX_PROC))
            self._listen()
            self._attach(proc_event.FILTER)
        except OSError as error:
            self._socket.close()
            raise error if isinstance(error, Deaf) else Deaf(_reason(error)) from error

    def _attach(self, instructions: Sequence[Instruction]) -> None:
        code = b"".join(_INSTRUCTION.pack(*each) for each in instructions)
        buffer = ctypes.create_string_buffer(code, len(code))
        # struct sock_fprog: the number of instructions and, aligned, where they are.
        program = struct.pack("@HP", len(instructions), ctypes.addressof(buffer))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def _enlarge(self, size: int) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except PermissionError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def _listen(self) -> None:
        nonce = secrets.randbelow(0xFFFF_FFFE)
        self._socket.send(proc_event.request(proc_event.LISTEN, self.port, nonce))
        deadline = time.monotonic() + ANSWER_S
        while (left := deadline - time.monotonic()) > 0:
            received = self.receive()
            if received is None:
                select.select([self._socket], [], [], left)
            elif isinstance(received, bytes):
                fact = proc_event.parse(received)
                if isinstance(fact, Acknowledged) and fact.nonce == nonce:
                    if fact.error:
                        raise OSError(fact.error, os.strerror(fact.error))
                    return
        raise Deaf("the kernel does not answer: it tells processes of its first PID and user namespace alone")

    @property
    def port(self) -> int:
        """The socket's netlink port."""
        return int(self._socket.getsockname()[0])

    @property
    def dropped(self) -> int:
        """How many messages the kernel had no room for, since the socket was opened."""
        raw = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(raw)[8])

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def receive(self) -> bytes | Overflow | Untrusted | None:
        """The next message, or what stands in its place; ``None`` when nothing waits."""
        try:
            data, ancillary, _flags, sender = self._socket.recvmsg(DATAGRAM_BYTES, _ANCILLARY)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return Overflow.OVERFLOW
            raise
        uid = _uid(ancillary)
        if sender[0] != 0 or uid != 0:
            return Untrusted(sender[0], uid)
        return data

    def close(self) -> None:
        """Tell the kernel that nobody listens any more, and close; idempotent."""
        if self._socket.fileno() >= 0:
            # A kernel before 6.6 counts listeners by these messages and not by their sockets.
            with suppress(OSError):
                self._socket.send(proc_event.request(proc_event.IGNORE, self.port, 0))
        self._socket.close()


def _open() -> socket.socket:
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    try:
        return socket.socket(socket.AF_NETLINK, kind, NETLINK_CONNECTOR)
    except OSError as error:
        raise Deaf(_reason(error)) from error


def _reason(error: OSError) -> str:
    """What a person can do something about."""
    match error.errno:
        case errno.EPERM | errno.EACCES:
            return "they need root, or CAP_NET_ADMIN"
        case errno.EPROTONOSUPPORT | errno.EAFNOSUPPORT:
            return "the kernel is built without the process connector (CONFIG_PROC_EVENTS)"
        case errno.ECONNREFUSED:
            return "the kernel tells them in its first network namespace alone, or has no process connector"
        case _:
            return error.strerror or str(error)


def _uid(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return int(_CREDENTIALS.unpack_from(data)[1])
    return -1
