"""The daemon: sockets in front, the bus behind, and who may pass between them.

Every request passes the door (``Host``, ``Origin``), then shows its token, then has what that may. Each
refusal is logged.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.http11 import Request, Response

from lunix_common import __version__, declarations
from lunix_common.access import identities, tokens
from lunix_common.access.roles import Client as Identity
from lunix_common.access.tokens import Token
from lunix_common.bus.options import state_directory
from lunix_common.daemon import Context
from lunix_common.schemas.websocket import Client, ListRequest
from lunix_common.subjects import TABLE, Table
from lunix_websocket import door, os_limits, os_listen
from lunix_websocket.door import Door, Place, Refused
from lunix_websocket.hub import Hub
from lunix_websocket.keyring import Keyring
from lunix_websocket.policy import Policy
from lunix_websocket.refusals import Refusals
from lunix_websocket.settings import Settings
from lunix_websocket.site import Site, refuse
from lunix_websocket.visitor import Visitor

log = logging.getLogger("websocket")

CLOSE_S = 1.0
MOST_FRAME_BYTES = 1536 * 1024
"""A payload of the bus's 1 MiB as base64, and what is around it."""


async def serve(context: Context[Settings]) -> None:
    """Listen, answer, and pass messages until the daemon is asked to stop."""
    os_limits.raise_open_files()
    desk = Desk(context)
    await desk.open()
    context.bus.serve_list("websocket", desk.listed)
    try:
        await context.ready()
        while True:
            await context.reload.wait()
            context.reload.clear()
            desk.reload(context.settings)
    finally:
        await desk.close()


class Desk:
    """What all visitors share."""

    def __init__(self, context: Context[Settings]) -> None:
        self.settings = context.settings
        self.state = context.options.state or state_directory()
        self.host, self.version = socket.gethostname(), __version__
        if context.options.key is None:  # a server of somebody's own: nobody else makes tokens then
            tokens.ensure(self.state)
        self.keyring = Keyring(self.state)
        self.keyring.read()
        if not self.keyring.names:
            log.error("there is no token, and so nobody may come in: `lunix token add NAME` makes one")
        self.table = _table()
        self.hub = Hub(context.options, self.table, context.tasks)
        self.hub.refused = self._forget
        self.url = ""
        self._bus = context.bus
        self._visitors: dict[str, Visitor] = {}
        self._policies: dict[Identity, Policy] = {}
        self._refusals = Refusals()
        self._site = Site(self.table, self.policy, lambda: {"bus": self._bus.connected})
        self._door: Door
        self._server: Server | None = None
        self._said: Path = self.state / "websocket.json"

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Listen, and write where; raise ``OSError``."""
        settings = self.settings
        tls = os_listen.certificate(settings.certificate, settings.certificate_key)
        listener = os_listen.listen(settings)
        port: int = listener.getsockname()[1]
        self._door = Door(settings.address, port, settings.origins, tls=tls is not None)
        self._server = await serve_websockets(
            self._visit,
            sock=listener,
            ssl=tls,
            process_request=self._enter,
            # A context of its own for each client's compression would cost ten times what the rest of it does.
            compression=None,
            server_header=None,
            open_timeout=settings.auth_timeout_s,
            close_timeout=CLOSE_S,
            ping_interval=settings.ping_interval_s,
            ping_timeout=60,
            max_size=MOST_FRAME_BYTES,
            max_queue=4,
            logger=_quiet(),
        )
        self.url = f"{'https' if tls else 'http'}://{door.bracketed(settings.address)}:{port}/"
        text = json.dumps({"url": self.url, "pid": os.getpid()}).encode()
        identities.replace(self._said, text + b"\n", 0o644)
        log.info("listening", extra={"url": self.url, "tokens": ",".join(self.keyring.names)})

    async def close(self) -> None:
        """Send everybody away and listen no more. Idempotent."""
        if self._server is not None:
            self._said.unlink(missing_ok=True)
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def reload(self, settings: Settings) -> None:
        """Take over what can change while it runs: limits, lists and tokens, but not where it listens."""
        self.settings = settings
        self._policies.clear()
        self.keyring.read(always=True)
        for visitor in tuple(self._visitors.values()):
            if visitor.token and not self.keyring.has(visitor.token.client):
                self._forget(visitor.token.client)

    def _forget(self, identity: Identity) -> None:
        """Send those with a token away that is gone."""
        self.keyring.read(always=True)
        if self.keyring.has(identity):
            return
        for visitor in tuple(self._visitors.values()):
            if visitor.token and visitor.token.client == identity:
                visitor.dismiss("the token was removed")
        self.hub.drop(identity)

    # --- who comes --------------------------------------------------------------------------------------------------

    def _enter(self, connection: ServerConnection, request: Request) -> Response | None:
        """Let a request on to its websocket, or answer it."""
        try:
            place, token = self._admit(request)
            if place.kind == "file":
                return self._site.answer(place, request, token)
            if self._server and len(self._server.connections) >= self.settings.most_clients:
                raise Refused(503, f"{self.settings.most_clients} clients are here")
        except Refused as error:
            self.refused(f"{error.why} (HTTP {error.status})", connection)
            return refuse(error)
        return None

    def _admit(self, request: Request) -> tuple[Place, Token | None]:
        headers = request.headers
        self._door.check(request.method, headers.get_all("Host"), headers.get_all("Origin"))
        place = door.place(request.path)
        secret = door.secret(headers.get_all("Authorization"))
        token = self.keyring.find(secret) if secret else None
        if secret and token is None:
            raise Refused(401, "a bad token")
        return place, token

    async def _visit(self, connection: ServerConnection) -> None:
        assert connection.request is not None, "the handshake is over"
        try:
            place, token = self._admit(connection.request)
            await Visitor(self, connection, place, token).run()
        except Refused as error:  # its token went while it came in
            self.refused(error.why, connection)
        except Exception:
            log.exception("a client met a defect")
            raise

    def refused(self, why: str, connection: ServerConnection, token: Token | None = None) -> None:
        """Log that somebody was turned away."""
        untold = self._refusals.tell(time.monotonic())
        if untold is None:
            return
        about = {"why": why, "address": self.address_of(connection), "token": token.name if token else None}
        if untold:
            about["untold"] = str(untold)
        log.warning("refused", extra={key: value for key, value in about.items() if value is not None})

    @staticmethod
    def address_of(connection: ServerConnection) -> str:
        """Where a client comes from."""
        remote = connection.remote_address
        return str(remote[0]) if remote else "gone"

    def policy(self, token: Token) -> Policy:
        """What a token may."""
        client = token.client
        if client not in self._policies:
            publish, subscribe = self.settings.publish.get(client.role), self.settings.subscribe.get(client.role)
            self._policies[client] = Policy(self.table, client, publish, subscribe)
        return self._policies[client]

    # --- who is there -----------------------------------------------------------------------------------------------

    def opened(self, visitor: Visitor) -> None:
        """Take note of one who has shown a token."""
        self._visitors[visitor.id] = visitor
        self._bus.emit("websocket.opened", visitor.event())
        about = visitor.about()
        log.info("opened", extra={"client": about.id, "token": about.token, "path": about.path, "from": about.address})

    def closed(self, visitor: Visitor) -> None:
        """Take note that it went."""
        del self._visitors[visitor.id]
        event = visitor.event()
        self._bus.emit("websocket.closed", event)
        log.info("closed", extra={"client": event.id, "sent": event.sent, "dropped": event.dropped})

    def listed(self, asked: ListRequest) -> Iterable[Client]:
        """The items of ``websocket.list``."""
        found = (visitor.about() for visitor in self._visitors.values())
        return [client for client in found if asked.token in (None, client.token)]


def _table() -> Table:
    try:
        return declarations.load(declarations.directory())
    except ValueError as error:
        log.error("the declarations of others are left out", extra={"error": str(error)})
        return TABLE


def _quiet() -> logging.Logger:
    """The library tells a traceback of whoever speaks no HTTP; what matters is logged here."""
    logger = logging.getLogger("websocket.wire")
    logger.setLevel(logging.CRITICAL)
    return logger
