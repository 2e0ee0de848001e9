"""What a unix socket tells of its other end, as unix(7) says it."""

import socket
import struct

_UCRED = struct.Struct("3i")


def getsockopt_peercred(connection: socket.socket) -> tuple[int, int, int]:
    """``SO_PEERCRED``: process, user and group of who connected or, for the one who did, of who listens."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid, gid
