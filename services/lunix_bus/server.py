"""The server around the clients: sockets, the configuration and its renewal, the log, the end.

socket → Connection → Client → Hub: accounts, permissions → other Clients → Connection.flush → socket
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lunix_bus import accounts, config, os_peer
from lunix_bus.client import Origin
from lunix_bus.config import Names, Settings
from lunix_bus.connection import Connection
from lunix_bus.hub import Hub
from lunix_bus.signature import verify

if TYPE_CHECKING:
    import ssl

PROTOCOL_VERSION = "2.15.1"
"""The nats-server whose protocol is spoken; clients decide by it what they may use."""
BUFFER_BYTES = 64 * 1024


class Server:
    """A server that runs on the loop of the moment."""

    def __init__(self, load: Callable[[], tuple[Settings, Names]], version: str) -> None:
        """``load`` reads the configuration, now and when it is asked to; it raises ``OSError`` or ``ValueError``."""
        self.loop = asyncio.get_running_loop()
        self.settings, self._names = load()
        self.connections: dict[Connection, None] = {}
        self.buffer = memoryview(bytearray(BUFFER_BYTES))
        self.addresses: list[str] = []
        self.tls = _context(self.settings)
        self._load, self._version = load, version
        self._numbers = 0
        self._listeners: list[asyncio.Server] = []
        self._paths: list[Path] = []
        self._left = asyncio.Event()
        self._info: dict[str, Any] = {}
        self.hub = self._make_hub()

    def _make_hub(self) -> Hub:
        settings = self.settings
        users = settings.users(self._names.keys, verify)
        made = accounts.build(settings.accounts)
        limits = config.bounded(settings.limits, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        self._info = {
            "server_id": self._info.get("server_id") or "N" + os.urandom(28).hex().upper()[:55],
            "server_name": settings.server_name,
            "version": f"{PROTOCOL_VERSION}-lunix-bus.{self._version}",
            "proto": 1,
            "host": settings.host,
            "port": self._info.get("port", max(settings.port, 0)),
            "headers": True,
            "max_payload": limits.max_payload,
        }
        if users.required:
            self._info["auth_required"] = True
        if self.tls:
            self._info |= {"tls_required": True, "tls_verify": True} if settings.tls.verify else {"tls_required": True}  # type: ignore[union-attr]
        return Hub(users, made, limits, self._info)

    # --- sockets ----------------------------------------------------------------------------------------------------

    async def listen(self, host: str, port: int) -> None:
        """Take connections on an address; -1 is any free port."""
        listener = await self.loop.create_server(
            lambda: Connection(self, upgrade=True), host, max(port, 0), backlog=1024
        )
        self._listeners.append(listener)
        taken = listener.sockets[0].getsockname()[1]
        self._info["port"] = taken
        shown = f"[{host}]" if ":" in host else host
        self.addresses.append(f"nats://{shown}:{taken}")
        self.log("INF", f"Listening for client connections on {shown}:{taken}")

    async def listen_unix(self, path: Path) -> None:
        """Take connections on a unix socket that everybody may connect to: the kernel tells who it is."""
        _check_free(path)
        listener = await self.loop.create_unix_server(lambda: Connection(self), str(path), backlog=1024)
        os.chmod(path, 0o666)  # noqa: PTH101, S103 - takes no time, and the kernel tells who connects
        self._listeners.append(listener)
        self._paths.append(path)
        self.addresses.append(f"unix://{path}")
        self.log("INF", f"Listening for client connections on unix://{path}")

    def accepted(self, connection: Connection, sock: Any, peer: Any) -> Origin:
        """Number a connection that has come, and tell what is known of its other end."""
        self.connections[connection] = None
        self._numbers += 1
        host, port, vouched = "", 0, None
        if sock.family == socket.AF_UNIX:
            vouched = os_peer.voucher(sock, self._names.owners)
        else:
            host, port = peer[:2] if peer else ("", 0)  # it may have gone again
        nonce = os.urandom(8).hex().encode()[:15] if self.hub.users.signs else b""
        return Origin(self._numbers, host, port, _rfc3339(time.time_ns()), time.monotonic_ns(), nonce, vouched)

    def forget(self, connection: Connection) -> None:
        """Let a connection go that is over."""
        self.connections.pop(connection, None)
        if not self.connections:
            self._left.set()

    def flush(self, publisher: Connection | None = None) -> None:
        """Write what clients have for each other; have the publisher wait for who does not keep up."""
        touched = self.hub.touched
        while touched:
            self.hub.touched = []
            for client in touched:
                slow: Connection = client.wire
                if slow.flush() and publisher is not None and publisher is not slow:
                    publisher.wait_for(slow)
            touched = self.hub.touched
        for level, text in self.hub.log:
            self.log(level, text)
        self.hub.log.clear()

    # --- what is asked of it ----------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the configuration again: nobody who may still be here is disconnected. A wrong one changes nothing."""
        before = self.settings, self._names, self.hub
        try:
            self.settings, self._names = self._load()
            made = self._make_hub()
        except (KeyError, OSError, TypeError, ValueError) as error:
            self.settings, self._names, _ = before
            self.log("ERR", f"Failed to reload server configuration: {error}")
            return
        hub, older = self.hub, self.hub.accounts
        hub.users, hub.accounts, hub.limits, hub.info = made.users, made.accounts, made.limits, made.info
        hub.stamp += 1
        for name, account in hub.accounts.items():
            if name in older:
                account.adopt(older[name], hub.accounts)
        for connection in list(self.connections):
            connection.client.renew()
        self.flush()
        self.log("INF", "Reloaded server configuration")

    def lame_duck(self) -> None:
        """Take nobody new, and tell those who are here to look for another server."""
        self._stop_listening()
        for connection in list(self.connections):
            connection.client.send(connection.client.greeting(ldm=True))
        self.flush()

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners = []
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths = []

    async def close(self) -> None:
        """End everything."""
        self._stop_listening()
        for connection in list(self.connections):
            connection.drop()
        if self.connections:
            self._left.clear()
            await self._left.wait()

    def log(self, level: str, text: str) -> None:
        """A line as nats-server writes it, so that whoever reads its log can read ours."""
        moment = time.time_ns()
        stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(moment // 1_000_000_000))
        sys.stderr.write(f"[{os.getpid()}] {stamp}.{moment // 1000 % 1_000_000:06d} [{level}] {text}\n")


def _rfc3339(moment_ns: int) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment_ns // 1_000_000_000))
    return f"{whole}.{moment_ns % 1_000_000_000:09d}Z"


def _context(settings: Settings) -> "ssl.SSLContext | None":
    if settings.tls is None:
        return None
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.tls.ca_file)
    context.load_cert_chain(settings.tls.cert_file, settings.tls.key_file)
    if settings.tls.verify:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _check_free(path: Path) -> None:
    """Raise ``OSError`` where somebody listens; asyncio replaces a socket that was left behind, and nothing else."""
    with socket.socket(socket.AF_UNIX) as probe:
        if probe.connect_ex(str(path)) == 0:
            raise FileExistsError(f"another server listens on {path}")
