"""The notification sockets: one datagram socket a service, each message with its credentials.

A socket of its own tells whose message it is even when the sender has already ended, which a look
at the sender's pid cannot (systemd-notify in a script).
"""

import os
import socket
import sys

from lunix_init.notify import MAX_BYTES

_CREDENTIALS = 12  # struct ucred: pid, uid, gid


def bind(path: str) -> int:
    """Make a socket at a path; returns its descriptor. Raises `OSError`."""
    unlink_quietly(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        made.setblocking(False)
        made.bind(path)
        os.chmod(path, 0o666)  # noqa: PTH101, S103 (the credentials of the sender decide)
        return made.detach()


def unlink_quietly(path: str) -> None:
    """Remove a socket, if it is there."""
    try:
        os.unlink(path)  # noqa: PTH108
    except OSError:
        return


def receive(fd: int) -> tuple[bytes, int, int] | None:
    """Read one datagram with its sender's pid and uid; None when there is none."""
    with socket.socket(fileno=os.dup(fd)) as sock:
        flags = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
        space = socket.CMSG_SPACE(_CREDENTIALS) + socket.CMSG_SPACE(4 * 16)
        try:
            data, ancillary, _, _ = sock.recvmsg(MAX_BYTES, space, flags)
        except OSError:
            return None
    pid = uid = -1
    for _, kind, value in ancillary:
        if kind == socket.SCM_CREDENTIALS:
            pid = int.from_bytes(value[:4], sys.byteorder, signed=True)
            uid = int.from_bytes(value[4:8], sys.byteorder)
        elif kind == socket.SCM_RIGHTS:
            # A barrier (systemd-notify waits until it is closed), or descriptors to store.
            for at in range(0, len(value) - 3, 4):
                os.close(int.from_bytes(value[at : at + 4], sys.byteorder))
    return data, pid, uid


def send_ready() -> None:
    """Tell whoever supervises this init that it is ready (sd_notify); silent when nobody asks."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(b"READY=1", "\0" + path[1:] if path.startswith("@") else path)
        except OSError:
            return
