"""Who is at the other end of a unix socket: ``SO_PEERCRED`` and ``SO_PEERGROUPS`` (unix(7), socket(7))."""

import errno
import grp
import os
import socket
import struct
from collections.abc import Callable, Mapping

_UCRED = struct.Struct("3i")
_PEERGROUPS = 59
_MOST_BYTES = 1024
_ROLES = ("observer", "user", "admin")


def getsockopt_peercred(connection: socket.socket) -> tuple[int, int, int]:
    """The process, user and group that connected."""
    pid, uid, gid = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return pid, uid, gid


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
        if uid in (0, os.geteuid()) or owners.get(identity) == uid:
            return True
        return identity in _ROLES and _group(identity) in groups

    return vouch


def _group(role: str) -> int | None:
    try:
        return grp.getgrnam(f"lunix-{role}").gr_gid
    except KeyError:
        return None
