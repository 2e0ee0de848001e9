"""The bus server under ``lunix up``: started on a port that is free, and started again on the same one when it dies."""

import asyncio
import re
import socket
from collections.abc import Callable
from pathlib import Path

from lunix_cli import proc, server
from lunix_cli.supervise import Unit
from lunix_common.access import serverconf
from lunix_common.access.identities import replace
from lunix_common.errors import UsageError
from lunix_common.subjects import Table

STANDARD_PORT = 4222
NAME = "bus"
_START = 'conf=$0 port=$1; shift; exec "$@" -c "$conf" $([ -e "$port" ] && echo "-p $(cat "$port")")'
_FIRST = re.compile(r"\[(\d+)\] .* Starting (?:nats-server|lunix-bus)$")


def choose_port(wanted: int | None, said: Callable[[str], None], standard: int = STANDARD_PORT) -> int:
    """The port to start on: the one that is wanted, any for 0, and for ``None`` the standard one where it is free.

    Raises ``UsageError`` where the wanted one is taken.
    """
    if wanted == 0:
        return serverconf.ANY_PORT
    if wanted is not None and not 0 < wanted < 65536:
        raise UsageError(f"--port {wanted}: a port is a number from 1 to 65535, or 0 for any")
    port = standard if wanted is None else wanted
    if _free(port):
        return port
    holder = proc.listener(port) or "somebody"
    if wanted is not None:
        raise UsageError(f"port {port} is taken by {holder}: name another one with --port, or 0 for any that is free")
    said(f"port {port} is taken by {holder}: taking a free one")
    return serverconf.ANY_PORT


def websocket(port: int | None, origins: list[str]) -> dict[str, object]:
    """The settings of the server's own listener for websockets, on loopback and for these pages; none for ``None``."""
    if port is None:
        return {}
    listener: dict[str, object] = {"host": "127.0.0.1", "port": port or serverconf.ANY_PORT, "no_tls": True}
    return {"websocket": listener | {"allowed_origins": origins, "handshake_timeout": "5s"}}


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class KeptServer:
    """A server that a lunix-init keeps. What it says in its log is given to ``heard``: that tells where it serves.

    A server that took any free port comes back on the same one: it is kept in a file that its start reads.
    """

    def __init__(
        self,
        program: server.Program,
        state: Path,
        table: Table,
        settings: serverconf.Settings,
        log: Callable[[str], None],
    ) -> None:
        self._program = program
        self._configuration = serverconf.write(state, table, settings)
        self._state, self._log = state, log
        self._port = state / "server.port"
        self._port.unlink(missing_ok=True)
        self._started = server.Started()
        self._serves: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.url = ""
        self.pid: int | None = None

    @property
    def title(self) -> str:
        """The program and its version."""
        return server.title(self._program.text)

    def unit(self) -> Unit:
        """The server as a unit; what needs it waits for the bus by itself."""
        words = (str(self._configuration), str(self._port), *self._program.words)
        return Unit(NAME, ("sh", "-c", _START, *words), {}, notifies=False, pause_s=0.02)

    def heard(self, line: str) -> None:
        """Take in a line of its log."""
        self._log(line)
        if match := _FIRST.match(line):
            self._started, self.pid = server.Started(), int(match[1])
        self._started.read(line)
        if self._started.ready:
            self._started.ready = False
            self._serve()

    def _serve(self) -> None:
        self.url = self._started.url
        try:
            replace(self._port, self.url.rpartition(":")[2].encode(), 0o644)
            server.announce(self._state, self.url, self._program.text, self.pid, self._started.websocket)
        except OSError as error:
            # Of a server that comes back, what is written already holds but for the pid.
            if not self._serves.done():
                self._serves.set_exception(error)
            return
        if not self._serves.done():
            self._serves.set_result(None)

    def ended(self, detail: str) -> None:
        """Take note that its first start has failed."""
        if not self._serves.done():
            said = "; ".join(self._started.complaints) or detail
            self._serves.set_exception(OSError(f"{self._program.name} did not start: {said}"))

    async def wait_ready(self) -> None:
        """Return when it serves for the first time; raise ``OSError`` where it does not start."""
        try:
            async with asyncio.timeout(server.START_SECONDS):
                await self._serves
        except TimeoutError:
            raise TimeoutError(f"{self._program.name} did not serve within {server.START_SECONDS:.0f} s") from None
