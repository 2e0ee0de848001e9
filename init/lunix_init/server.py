"""The control socket: a connection each for commands, events and log lines.

Who may connect is told by the kernel (peer credentials): root, and the user that init runs as.
Nothing here blocks: what a slow reader does not take waits in its outbox, and is bounded there.
"""

import os
import select
import socket
import struct
import time
from pathlib import Path
from typing import Any

from lunix_init.commands import Commands, Waiting
from lunix_init.journal import Journal, now
from lunix_init.loop import Loop
from lunix_init.outbox import Outbox
from lunix_init.protocol import (
    Decoder,
    Refusal,
    Request,
    answer,
    encode,
    flag_of,
    number_of,
    refuse,
)
from lunix_init.ring import Line
from lunix_init.service import Service

MAX_CONNECTIONS, MAX_STRANGERS = 64, 8
"""At once, of those who may ask and of those who are told that they may not: none takes a place of the others."""
BOTH = select.EPOLLIN | select.EPOLLOUT


def listen(path: str) -> socket.socket:
    """Make the listening socket. Raises `OSError`."""
    # Made beside its place and moved there: a client finds the old one or the new one, never none.
    draft = f"{path}.new"
    Path(draft).unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    made.setblocking(False)
    made.bind(draft)
    Path(draft).chmod(0o666)  # the credentials of the peer decide, and get a polite answer
    made.listen(64)
    Path(draft).rename(path)
    return made


class Connection:
    """One client."""

    def __init__(self, server: "Server", sock: socket.socket, *, allowed: bool) -> None:
        self.server, self.sock, self.allowed = server, sock, allowed
        self.decoder = Decoder()
        self.outbox = Outbox(server.journal.boot)
        self.waiting: list[tuple[object, Waiting]] = []
        self.events = False
        self.logs: set[str] = set()
        self.closed = False
        sock.setblocking(False)
        server.loop.add(sock.fileno(), self.on_ready)

    def on_ready(self) -> None:
        """Read what came and write what waits."""
        if not self.outbox.full:
            try:
                data = self.sock.recv(1 << 16)
            except BlockingIOError:
                data = None
            except OSError:
                data = b""
            if data == b"":
                self.close()
                return
            for item in self.decoder.feed(data or b""):
                self._heed(item)
        self.flush()

    def _heed(self, item: Request | Refusal) -> None:
        if isinstance(item, Refusal):
            self.outbox.put(refuse(item))
            return
        try:
            if not self.allowed:
                raise Refusal(403, "only root and the user that init runs as may ask")
            if item.do == "events":
                self._subscribe(item)
                return
            result = self.server.commands.do(item.do, item.args)
            if item.do == "logs" and flag_of(item.args, "follow"):
                self.logs.add(str(item.args["name"]))
        except Refusal as refusal:
            self.outbox.put(refuse(refusal, item.id))
            return
        if isinstance(result, Waiting):
            self.waiting.append((item.id, result))
        else:
            self.outbox.put(answer(item.id, result))

    def _subscribe(self, request: Request) -> None:
        """Stream the events from now on, after those since a number that it has seen."""
        journal = self.server.journal
        since = number_of(request.args, "since", journal.seq)
        if request.args.get("boot", journal.boot) != journal.boot:
            since = 0
        head: dict[str, Any] = {"boot": journal.boot, "seq": journal.seq}
        self.outbox.put(answer(request.id, head))
        first, kept = journal.since(since)
        if first > since + 1:
            self.outbox.lose(since + 1, first - 1)
        for seq, line in kept:
            self.outbox.put_event(seq, line)
        self.events = True

    def look(self) -> None:
        """Answer the requests whose services have come to rest."""
        services = self.server.commands.s.services
        for item in list(self.waiting):
            request_id, wait = item
            if wait.name not in services:
                self.outbox.put(refuse(Refusal(404, f"{wait.name!r} is gone"), request_id))
            elif services[wait.name].state in wait.states and (services[wait.name].starts > wait.starts):
                described = self.server.commands.describe(wait.name)
                self.outbox.put(answer(request_id, described))
            else:
                continue
            self.waiting.remove(item)

    def flush(self) -> None:
        """Write as much as the peer takes now."""
        while self.outbox and not self.closed:
            try:
                self.outbox.wrote(self.sock.send(self.outbox.peek(), socket.MSG_NOSIGNAL))
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
        if not self.closed:
            # A full outbox is written before more is read: else a fast asker fills the memory.
            events = select.EPOLLIN if not self.outbox else BOTH
            events = select.EPOLLOUT if self.outbox.full else events
            self.server.loop.modify(self.sock.fileno(), events)

    def close(self) -> None:
        """Close the connection; harmless when it is closed."""
        if not self.closed:
            self.closed = True
            self.server.loop.remove(self.sock.fileno())
            self.sock.close()
            self.server.connections.discard(self)


class Server:
    """The listening socket and its connections."""

    def __init__(self, loop: Loop, journal: Journal, commands: Commands, listener: socket.socket) -> None:
        self.loop, self.journal, self.commands, self.listener = loop, journal, commands, listener
        self.connections: set[Connection] = set()
        loop.add(listener.fileno(), self.on_connect)
        journal.listeners.append(self._on_event)
        commands.s.runner.lines.append(self._on_lines)
        commands.s.settled.append(self._on_settled)

    def on_connect(self) -> None:
        """Accept whoever comes, as long as there are not too many."""
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _, uid, _ = struct.unpack("iii", raw)
        allowed = uid in (0, os.geteuid())
        if sum(x.allowed == allowed for x in self.connections) >= (MAX_CONNECTIONS if allowed else MAX_STRANGERS):
            sock.close()
            return
        self.connections.add(Connection(self, sock, allowed=allowed))

    def _on_event(self, seq: int, line: bytes) -> None:
        for connection in self.connections:
            if connection.events:
                connection.outbox.put_event(seq, line)

    def _on_lines(self, service: Service, lines: list[Line]) -> None:
        listening = [x for x in self.connections if service.name in x.logs]
        if not listening:
            return
        for line in lines:
            told = {"service": service.name, "time": now(), **line._asdict()}
            data = encode({"log": told})
            for connection in listening:
                connection.outbox.put_if_room(data)

    def _on_settled(self) -> None:
        for connection in list(self.connections):
            if connection.waiting:
                connection.look()
            if connection.outbox:
                connection.flush()

    def drain(self, for_s: float) -> None:
        """Give the clients a moment to take what was answered, before init goes away."""
        deadline = time.monotonic() + for_s
        while time.monotonic() < deadline and any(x.outbox for x in self.connections):
            waiting = [x.sock for x in self.connections if x.outbox]
            select.select([], waiting, [], max(0.0, deadline - time.monotonic()))
            for connection in list(self.connections):
                connection.flush()
