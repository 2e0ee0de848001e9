"""What other machines say, by UDP and by TCP. RFC 5426, RFC 6587.

Who sends by TCP waits while the bus is away or slow; by UDP nobody can wait, and what the kernel had no room for is
counted and told.
"""

import asyncio
import logging
import socket
from contextlib import ExitStack
from datetime import UTC, datetime, tzinfo

from lunix_common.daemon import Context
from lunix_log import os_socket, syslog
from lunix_log.framing import Deframer, Frame
from lunix_log.intake import Intake, Origin
from lunix_log.os_socket import DatagramSocket
from lunix_log.settings import Settings

log = logging.getLogger("log")

AT_ONCE = 64
READ_BYTES = 8 * 1024
BREATH_S = 1.0
"""Where the process has no descriptor left, nobody can be accepted before others go."""


def listen(context: Context[Settings], world: ExitStack, intake: Intake, zone: tzinfo | None) -> None:
    """Open what the settings ask for; raise ``OSError`` where that is not possible."""
    settings = context.settings
    if settings.udp_port is not None:
        udp = os_socket.udp(settings.listen, settings.udp_port, settings.message_bytes)
        world.callback(udp.close)
        reader = UdpReader(udp, intake, zone)
        world.callback(reader.close)
        reader.open()
        log.info("other machines are heard", extra={"by": "udp", "address": settings.listen, "port": udp.port})
    if settings.tcp_port is not None:
        tcp = os_socket.tcp(settings.listen, settings.tcp_port)
        context.tasks.create_task(TcpServer(tcp, context, intake, zone).run(), name="log.tcp")
        port = tcp.getsockname()[1]
        log.info("other machines are heard", extra={"by": "tcp", "address": settings.listen, "port": port})


class UdpReader:
    """Reads datagrams."""

    def __init__(self, udp: DatagramSocket, intake: Intake, zone: tzinfo | None) -> None:
        self._udp = udp
        self._intake = intake
        self._zone = zone
        self._dropped = udp.dropped
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Begin."""
        self._loop.add_reader(self._udp.fileno(), self._readable)

    def close(self) -> None:
        """End it, with what waits. Call it once, before the socket is closed."""
        self._loop.remove_reader(self._udp.fileno())
        self._readable()

    def _readable(self) -> None:
        now = datetime.now(UTC)
        for _ in range(AT_ONCE):
            datagram = self._udp.receive()
            if datagram is None:
                break
            address = datagram.address or "unknown"
            sender = address.rpartition(":")[0]
            parsed = syslog.parse(datagram.data, now, self._zone, local=False)
            self._intake.take(parsed, Origin("udp", sender, address, truncated=datagram.truncated), now)
        if (dropped := self._udp.dropped) != self._dropped:
            self._intake.lost("udp", "unknown", dropped - self._dropped, "overflow")
            self._dropped = dropped


class TcpServer:
    """Takes connections, at most so many, each for as long as whole messages come by it."""

    def __init__(
        self, listening: socket.socket, context: Context[Settings], intake: Intake, zone: tzinfo | None
    ) -> None:
        self._listening = listening
        self._tasks = context.tasks
        self._settings = context.settings
        self._intake = intake
        self._zone = zone
        self._connections = 0
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Accept until cancelled; then close the socket."""
        with self._listening:
            while True:
                await self._accept()

    async def _accept(self) -> None:
        try:
            accepted, address = await self._loop.sock_accept(self._listening)
        except OSError as error:
            # Of these only some pass by themselves; none may make us ask again and again without a pause.
            log.warning("nobody can be accepted", extra={"error": str(error)})
            await asyncio.sleep(BREATH_S)
            return
        who = os_socket.at(address)
        if self._connections >= self._settings.tcp_connections:
            accepted.close()
            self._intake.dropped("tcp", who.rpartition(":")[0], "too many connections")
            return
        self._connections += 1
        self._tasks.create_task(self._serve(accepted, who), name="log.tcp.connection")

    async def _serve(self, connection: socket.socket, who: str) -> None:
        lines = Deframer(self._settings.message_bytes)
        try:
            with connection:
                connection.setblocking(False)
                # The kernel itself finds out that a machine is gone, which then holds no connection for ever.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                await self._read(connection, lines, who)
        except TimeoutError:
            log.warning("a connection was closed: no whole message came by it", extra={"sender": who})
        except OSError as error:
            log.info("a connection broke", extra={"sender": who, "error": str(error)})
        finally:
            self._connections -= 1
            if (rest := lines.close()) is not None:
                self._take(rest, who)

    async def _read(self, connection: socket.socket, lines: Deframer, who: str) -> None:
        """Take messages until the sender ends the connection; raise ``TimeoutError`` when none came for too long."""
        while True:
            whole = False
            async with asyncio.timeout(self._settings.tcp_idle_s):
                while not whole:
                    data = await self._loop.sock_recv(connection, READ_BYTES)
                    if not data:
                        return
                    for frame in lines.feed(data):
                        self._take(frame, who)
                        whole = True
            await self._intake.room()

    def _take(self, frame: Frame, who: str) -> None:
        now = datetime.now(UTC)
        parsed = syslog.parse(frame.data, now, self._zone, local=False)
        self._intake.take(parsed, Origin("tcp", who.rpartition(":")[0], who, truncated=frame.truncated), now)
