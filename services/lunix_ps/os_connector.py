"""AF_NETLINK, NETLINK_CONNECTOR: the socket on which the kernel tells of processes. netlink(7), connector.rst.

Only what the kernel itself sent counts: see ``lunix_common.os_netlink``.
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

from lunix_common.os_netlink import NetlinkSocket, Received
from lunix_ps import proc_event
from lunix_ps.proc_event import Acknowledged, Instruction

NETLINK_CONNECTOR = 11
DATAGRAM_BYTES = 4096
ANSWER_S = 1.0
"""The kernel acknowledges before ``send`` returns; where it never does, it does not serve our namespaces."""

_SO_ATTACH_FILTER = 26
_INSTRUCTION = struct.Struct("=HBBI")
_SO_MEMINFO, _MEMINFO = 55, struct.Struct("=9I")


class Deaf(OSError):
    """The kernel tells no process events here; the text says why."""


class Connector:
    """A socket that hears of processes from the moment that it is made, non-blocking."""

    def __init__(self, receive_buffer_bytes: int) -> None:
        """Open it and wait for the kernel's acknowledgement; raise ``Deaf``."""
        self._socket = _open()
        try:
            self._attach(proc_event.ACKNOWLEDGEMENTS)
            self._socket.enlarge(receive_buffer_bytes)
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

    def _listen(self) -> None:
        nonce = secrets.randbelow(0xFFFF_FFFE)
        self._socket.send(proc_event.request(proc_event.LISTEN, self.port, nonce))
        deadline = time.monotonic() + ANSWER_S
        while True:
            # However late it is: on a busy machine the answer may wait longer for us than we for it.
            received = self.receive()
            if isinstance(received, bytes):
                fact = proc_event.parse(received)
                if isinstance(fact, Acknowledged) and fact.nonce == nonce:
                    if fact.error:
                        raise OSError(fact.error, os.strerror(fact.error))
                    return
            elif received is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Deaf(
                        "the kernel does not answer: it tells processes of its first PID and user namespace alone"
                    )
                select.select([self._socket], [], [], left)

    @property
    def port(self) -> int:
        """The socket's netlink port."""
        return self._socket.port

    @property
    def dropped(self) -> int:
        """How many messages the kernel had no room for, since the socket was opened."""
        raw = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(raw)[8])

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def receive(self) -> Received:
        """The next message, or what stands in its place; ``None`` when nothing waits."""
        return self._socket.receive(DATAGRAM_BYTES)

    def close(self) -> None:
        """Tell the kernel that nobody listens any more, and close; idempotent."""
        if self._socket.fileno() >= 0:
            # A kernel before 6.6 counts listeners by these messages and not by their sockets.
            with suppress(OSError):
                self._socket.send(proc_event.request(proc_event.IGNORE, self.port, 0))
        self._socket.close()


def _open() -> NetlinkSocket:
    try:
        return NetlinkSocket(NETLINK_CONNECTOR)
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
