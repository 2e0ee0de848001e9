"""What programs of this machine say: by ``/dev/log``, or by the journal where systemd has that."""

import asyncio
import logging
import os
import shutil
from contextlib import ExitStack
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from lunix_common.daemon import Context
from lunix_log import syslog
from lunix_log.intake import Intake, Origin
from lunix_log.keeper import Keeper
from lunix_log.os_socket import LogSocket, Taken
from lunix_log.settings import Settings

log = logging.getLogger("log")

AT_ONCE = 32
AT_THE_END = 1000
JOURNALD = Path("/run/systemd/journal/stdout")


async def follow(
    context: Context[Settings],
    world: ExitStack,
    intake: Intake,
    keeper: Keeper,
    zone: tzinfo | None,
    *,
    kernel_too: bool,
) -> None:
    """Take what programs say from where the settings, and this machine, let us."""
    settings, bus = context.settings, context.bus
    if settings.local == "none":
        bus.part_is_off("programs", "log.local is none in the configuration")
        return
    why = ""
    if settings.local in ("auto", "socket"):
        try:
            socket = LogSocket(settings.socket, settings.message_bytes)
        except OSError as error:
            why = str(error) if isinstance(error, Taken) else f"{settings.socket}: {error.strerror}"
        else:
            world.callback(socket.close)
            reader = SocketReader(context, socket, intake, zone)
            world.callback(reader.close)
            reader.open()
            log.info("programs are heard", extra={"by": settings.socket})
            return
    if settings.local == "socket" or not journal_here(settings):
        log.warning("programs are not heard", extra={"why": why or "there is no journal"})
        bus.part_is_off("programs", f"what programs say is not told: {why or 'there is no journal'}")
        return
    from lunix_log.journal_child import JournalFollower

    follower = JournalFollower(settings, intake, keeper, kernel_too=kernel_too)
    await follower.find_the_end()
    context.tasks.create_task(follower.run(), name="log.journal")
    log.info("programs are heard", extra={"by": "journal", "why": why})
    if why:
        bus.part_is_off("socket", f"the journal is followed instead: {why}")


def journal_here(settings: Settings) -> bool:
    """Whether journalctl is installed, and has something to follow."""
    return shutil.which("journalctl") is not None and (bool(settings.journal_directory) or JOURNALD.exists())


class SocketReader:
    """Reads ``/dev/log``."""

    def __init__(self, context: Context[Settings], socket: LogSocket, intake: Intake, zone: tzinfo | None) -> None:
        self._bus = context.bus
        self._path = context.settings.socket
        self._socket = socket
        self._intake = intake
        self._zone = zone
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Begin."""
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self._loop.add_reader(self._socket.watch, self._touched)

    def close(self) -> None:
        """End it, with what waits; idempotent. Call it before the socket is closed."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_reader(self._socket.watch)
            self._read(AT_THE_END)

    def _readable(self) -> None:
        self._read(AT_ONCE)

    def _read(self, most: int) -> None:
        now = datetime.now(UTC)
        for _ in range(most):
            datagram = self._socket.receive()
            if datagram is None:
                return
            parsed = syslog.parse(datagram.data, now, self._zone, local=True)
            sender, pid, uid = "unknown", None, None
            if datagram.credentials is not None:
                pid, uid = datagram.credentials
                # All that root starts would share one budget; others could make up a program for each message.
                sender = f"uid 0 {parsed.app}" if uid == 0 else f"uid {uid}"
            if pid != os.getpid():
                origin = Origin("socket", sender, pid=pid, uid=uid, truncated=datagram.truncated)
                self._intake.take(parsed, origin, now)

    def _touched(self) -> None:
        if self._socket.still_ours():
            return
        self.close()
        self._socket.close()
        log.error("programs are not heard any more", extra={"why": f"{self._path} was taken away"})
        self._bus.part_is_off("programs", f"{self._path} was taken away by another program: start lunix-log again")
        self._bus.lost("log", f"{self._path} was taken away")
