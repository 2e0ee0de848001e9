"""AF_UNIX, SOCK_DGRAM: where PAM's helper tells us. unix(7).

The kernel vouches for the sender (SCM_CREDENTIALS): what root did not send counts for nothing, and others cannot send
at all, because the socket is root's.
"""

import errno
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lunix_login.pam_record import MOST_BYTES

_CREDENTIALS = struct.Struct("=iII")
_ANCILLARY = socket.CMSG_SPACE(_CREDENTIALS.size)


class Untrusted(NamedTuple):
    """A message that root did not send."""

    pid: int
    uid: int


class PamSocket:
    """The socket at a path, non-blocking."""

    def __init__(self, path: Path) -> None:
        """Open it; raise ``OSError``, also where another process listens there already."""
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            _remove_stale(path)
            before = os.umask(0o177)
            try:
                self._socket.bind(str(path))
            finally:
                os.umask(before)
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno, error.strerror or str(error), str(path)) from error

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def receive(self) -> bytes | Untrusted | None:
        """The next message; ``None`` when nothing waits. One that is too long comes cut off."""
        try:
            data, ancillary, _flags, _sender = self._socket.recvmsg(MOST_BYTES + 1, _ANCILLARY)
        except BlockingIOError:
            return None
        for level, kind, raw in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                pid, uid, _gid = _CREDENTIALS.unpack_from(raw)
                return data if uid == 0 else Untrusted(pid, uid)
        return Untrusted(0, -1)

    def close(self) -> None:
        """Close it, and take it from the file system; idempotent."""
        if self._socket.fileno() >= 0:
            self._socket.close()
            with suppress(OSError):
                self._path.unlink()


def _remove_stale(path: Path) -> None:
    """A socket that nobody listens at was left by one of us that crashed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, "another process listens there")
