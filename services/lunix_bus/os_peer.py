"""Who is at the other end of a unix socket: ``SO_PEERCRED`` and ``SO_PEERGROUPS`` (unix(7))."""

import errno
import os
import socket
import struct
from collections.abc import Callable, Mapping

from lunix_common.os_group import group_of
from lunix_common.os_socket import getsockopt_peercred

_PEERGROUPS = 59
_MOST_BYTES = 1024


def getsockopt_peergroups(connection: socket.socket) -> frozenset[int]:
    """The supplementary groups of the process that connected; none where they are more than Python asks for."""
    try:
        raw = connection.getsockopt(socket.SOL_SOCKET, _PEERGROUPS, _MOST_BYTES)
    except OSError as error:
        if error.errno != errno.ERANGE:
            raise
        return frozenset()
    return frozenset(group for (group,) in struct.iter_unpack("=I", raw))


def voucher(connection: socket.socket, owners: Mapping[str, int]) -> Callable[[str], bool]:
    """A function that tells whether the other end may be an identity: whoever might read its key, if it had one.

    Root and the user who runs the bus may be anybody, an owner may be his own script, and the members of the group
    ``lunix-<role>`` may be that role.
    """
    _pid, uid, gid = getsockopt_peercred(connection)
    groups = getsockopt_peergroups(connection) | {gid}

    def vouch(identity: str) -> bool:
        return uid in (0, os.geteuid()) or owners.get(identity) == uid or group_of(identity) in groups

    return vouch
