"""AF_NETLINK, NETLINK_GENERIC, family TASKSTATS: how much memory a child held, told by the kernel when it ends.

For where no memory cgroup tells it. The kernel writes the message before the child can be reaped, so it is there when
it is asked for; the socket is not watched, and wakes nobody. It needs CAP_NET_ADMIN and the machine's own user and PID
namespaces (containers have others).
"""

import ctypes
import os
import socket
import struct
from pathlib import Path

from lunix_init import taskstats

_NETLINK_GENERIC = 16
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE = 26, 33
_ROOM = 1 << 20  # for what ends between two reapings
_MESSAGE = 4096
_INSTRUCTION = struct.Struct("=HBBI")


class Peaks:
    """A socket that holds the peaks of the children of this process that have ended."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._told: dict[int, int] = {}  # by pid; each is taken when its process is reaped

    @classmethod
    def open(cls) -> "Peaks | None":
        """Listen; None where the kernel tells nothing, or not to us."""
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC)
        except OSError:
            return None
        try:
            sock.settimeout(1.0)  # the kernel answers within the request itself
            sock.bind((0, 0))
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
            family = taskstats.family(_ask(sock, taskstats.family_request()))
            sock.recv(_MESSAGE)  # the acknowledgement that follows the answer
            processors = Path("/sys/devices/system/cpu/possible").read_text().strip()
            taskstats.check(_ask(sock, taskstats.listen_request(family, processors)))
            _attach(sock, taskstats.peak_filter(os.getpid()))
            sock.setblocking(False)
        except (OSError, taskstats.RefusedError):
            sock.close()
            return None
        peaks = cls(sock)
        peaks.forget()  # what came before the filter: exits of anybody
        return peaks

    @classmethod
    def inherited(cls, fd: int) -> "Peaks":
        """Go on with the socket of an older image."""
        os.set_inheritable(fd, False)
        return cls(socket.socket(fileno=fd))

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._sock.fileno()

    def take(self, pid: int) -> int | None:
        """Return the bytes that a child held that was just reaped; None where they were not told."""
        self._read()
        return self._told.pop(pid, None)

    def forget(self) -> None:
        """Forget all that was told and not taken."""
        self._read()
        self._told.clear()

    def _read(self) -> None:
        while True:
            try:
                message, (port, _) = self._sock.recvfrom(_MESSAGE)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: more ended at once than there is room for
                continue
            told = taskstats.peak(message) if port == 0 else None
            if told:
                self._told[told.pid] = told.memory_bytes


def _ask(sock: socket.socket, request: bytes) -> bytes:
    sock.send(request)
    return sock.recv(_MESSAGE)


def _attach(sock: socket.socket, program: tuple[taskstats.Instruction, ...]) -> None:
    code = b"".join(_INSTRUCTION.pack(*each) for each in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    # struct sock_fprog: the number of instructions and, aligned, where they are.
    told = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, told)
