"""``/dev/log`` and UDP: sockets that messages come by one at a time. unix(7), udp(7)."""

import errno
import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, cast

from lunix_common import os_libc

_CREDENTIALS = struct.Struct("=iII")
# Exactly the credentials: descriptors that somebody sends along find no room, and the kernel closes them.
_ANCILLARY = socket.CMSG_SPACE(_CREDENTIALS.size)
_SO_RCVBUFFORCE, _SO_MEMINFO = 33, 55
_MEMINFO = struct.Struct("=9I")
_IN_ATTRIB, _IN_MOVE_SELF = 0x4, 0x800
RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024


class Taken(OSError):
    """The path belongs to somebody else, or is nothing that may be replaced; the text says which."""


class Credentials(NamedTuple):
    """Who sent it, as the kernel tells. Root may name others."""

    pid: int
    uid: int


class Datagram(NamedTuple):
    """One message."""

    data: bytes
    truncated: bool
    credentials: Credentials | None
    address: str | None
    """``192.0.2.1:514``; of UDP."""


class DatagramSocket:
    """A socket that is read without waiting."""

    def __init__(self, opened: socket.socket, message_bytes: int) -> None:
        self._socket = opened
        self._buffer = bytearray(message_bytes)

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._socket.fileno()

    def receive(self) -> Datagram | None:
        """The next message, ``None`` where none waits."""
        try:
            size, ancillary, flags, address = self._socket.recvmsg_into([self._buffer], _ANCILLARY)
        except BlockingIOError:
            return None
        credentials = None
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS) and len(data) >= _CREDENTIALS.size:
                pid, uid, _gid = _CREDENTIALS.unpack_from(data)
                credentials = Credentials(pid, uid)
        shown = at(cast("tuple[object, ...]", address)) if isinstance(address, tuple) else None
        return Datagram(bytes(self._buffer[:size]), bool(flags & socket.MSG_TRUNC), credentials, shown)

    @property
    def port(self) -> int:
        """Of UDP."""
        return int(self._socket.getsockname()[1])

    @property
    def dropped(self) -> int:
        """How many messages the kernel had no room for, since the socket was opened."""
        raw = self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
        return int(_MEMINFO.unpack(raw)[8])

    def close(self) -> None:
        """Close it; idempotent."""
        self._socket.close()


class LogSocket(DatagramSocket):
    """``/dev/log``: everybody may write, and the kernel tells who did. Who writes faster than is read waits."""

    def __init__(self, path: str, message_bytes: int) -> None:
        """Bind it; raise ``Taken``, or ``OSError`` where that is not allowed."""
        _refuse_taken(path)
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        before = os.umask(0o111)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
            opened.bind(path)
        except OSError as error:
            opened.close()
            raise OSError(error.errno, os.strerror(error.errno or 0), path) from error
        finally:
            os.umask(before)
        super().__init__(opened, message_bytes)
        self._path = path
        self._inode = _inode(path)
        self._watch = os_libc.inotify_init1()
        os_libc.inotify_add_watch(self._watch, path, _IN_ATTRIB | os_libc.IN_DELETE_SELF | _IN_MOVE_SELF)

    @property
    def watch(self) -> int:
        """A descriptor that becomes readable when somebody may have removed or replaced the path."""
        return self._watch

    def still_ours(self) -> bool:
        """Whether messages to the path still come to us. Ask when ``watch`` is readable."""
        with suppress(BlockingIOError):
            os.read(self._watch, 4096)
        return self._inode is not None and _inode(self._path) == self._inode

    def close(self) -> None:
        """Close it, and take away the path while it is ours; idempotent."""
        if self._socket.fileno() < 0:
            return
        if self.still_ours():
            with suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108 - named as the call
        super().close()
        os.close(self._watch)


def udp(address: str, port: int, message_bytes: int) -> DatagramSocket:
    """A socket of UDP that is bound to an address; raise ``OSError``."""
    opened = _bound(address, port, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return DatagramSocket(opened, message_bytes)


def tcp(address: str, port: int) -> socket.socket:
    """A socket of TCP that is bound to an address and listens; raise ``OSError``."""
    opened = _bound(address, port, socket.SOCK_STREAM)
    opened.listen(64)
    return opened


def at(address: tuple[object, ...]) -> str:
    """``192.0.2.1:514`` or ``[2001:db8::1]:514``. An IPv4 address that came by a socket of IPv6 is one of IPv4."""
    host = str(address[0]).removeprefix("::ffff:")
    return f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}"


def _bound(address: str, port: int, kind: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
    except OSError as error:
        opened.close()
        raise OSError(error.errno, os.strerror(error.errno or 0), f"{address} port {port}") from error
    return opened


def _inode(path: str) -> tuple[int, int] | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def probe(path: str) -> str | None:
    """Why the path could not be bound, ``None`` where it could. Nothing is changed."""
    try:
        _taken(path)
        if os.access(Path(path).parent, os.W_OK | os.X_OK):
            return None
    except Taken as error:
        return str(error)
    return f"{path}: {os.strerror(errno.EACCES)}"


def _refuse_taken(path: str) -> None:
    """Raise ``Taken`` where somebody listens there; a socket that nobody listens to any more is removed."""
    if _taken(path):
        os.unlink(path)  # noqa: PTH108 - named as the call


def _taken(path: str) -> bool:
    """Raise ``Taken`` where somebody listens there; otherwise tell whether a socket is left over."""
    try:
        kind = os.lstat(path).st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISSOCK(kind) and not stat.S_ISLNK(kind):
        raise Taken(f"{path} is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        try:
            asking.connect(path)
        except ConnectionRefusedError:
            if stat.S_ISSOCK(kind):
                return True
        except OSError:
            pass  # A stream, a link to nothing, or a path that we may not reach: it is somebody's.
    raise Taken(f"{path} belongs to another program")
