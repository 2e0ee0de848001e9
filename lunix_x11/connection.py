"""A connection to a display: questions while it is opened, and from then on nothing that waits.

The socket is the loop's: what the display tells wakes us, and what it does not take at once waits until it does.
"""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from lunix_x11 import greeting, wire
from lunix_x11.display import Display, cookie, parse

log = logging.getLogger("x11")

OPEN_S = 5.0
MOST_WAITING_BYTES = 64 * 1024 * 1024
"""A display that is so far behind has stopped."""

Answer = Callable[[bytes], None]


class Connection:
    """Opened as it is made; raise ``OSError`` where there is no display or it does not let us in."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        try:
            self.display = parse(environ.get("DISPLAY", ""))
        except ValueError as error:
            raise OSError(str(error)) from error
        self._socket = _connect(self.display)
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._answers: dict[int, Answer] = {}
        self._early: list[wire.Packet] = []
        self._sequence = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing = False
        self._on_event: Answer = lambda _event: None
        self._on_gone: Callable[[str], None] = lambda _why: None
        self.closed = False
        try:
            self.setup = self._greet(environ)
        except BaseException:
            self._socket.close()
            raise
        self._ids = iter(range(0, self.setup.id_mask + 1, self.setup.id_mask & -self.setup.id_mask))
        self._free: deque[int] = deque()

    def fileno(self) -> int:
        """The socket, for who waits for it before ``watch``."""
        return self._socket.fileno()

    def new_id(self) -> int:
        """A number for a window or pixmap of ours; one that was given back only when all others were used.

        A click on a window that is gone may still be under way: it must not meet the next one.
        """
        id_ = next(self._ids, None)
        return self._free.popleft() if id_ is None else self.setup.id_base | id_

    def give_back(self, id_: int) -> None:
        """A number whose window or pixmap is gone: there are two millions, and a year is long."""
        self._free.append(id_)

    def send(self, request: bytes) -> None:
        """Have the display do something."""
        self._sequence = self._sequence + 1 & 0xFFFF
        self._outgoing += request

    def ask(self, request: bytes) -> bytes:
        """Send a question and wait for its answer; raise ``OSError``. For the time before ``watch``."""
        assert self._loop is None, "the loop must not wait"
        self.send(request)
        self._socket.sendall(self._outgoing)
        self._outgoing.clear()
        while True:
            try:
                packet = wire.take(self._incoming)
            except wire.Truncated:
                self._incoming += self._read()
                continue
            except wire.Refused as error:
                raise OSError(f"display {self.display}: {error}") from error
            if packet.kind > 1:
                self._early.append(packet)
            elif packet.sequence == self._sequence:
                if packet.kind == 0:
                    raise OSError(f"display {self.display}: {wire.error_text(packet.data)}")
                return packet.data

    def later(self, request: bytes, answer: Answer) -> None:
        """Send a question; its answer comes by the loop."""
        self.send(request)
        self._answers[self._sequence] = answer

    def watch(self, on_event: Answer, on_gone: Callable[[str], None]) -> None:
        """Hand over to the running loop: events, and the end of the connection, are told from then on."""
        self._on_event, self._on_gone = on_event, on_gone
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._readable)
        early, self._early = self._early, []
        for packet in early:
            on_event(packet.data)
        self._dispatch()

    def flush(self) -> None:
        """Send what was handed over; what the display does not take now follows when it does."""
        if self.closed or self._loop is None:
            return
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            if len(self._outgoing) > MOST_WAITING_BYTES:
                self._gone("it takes nothing any more")
            elif not self._writing:
                self._writing = True
                self._loop.add_writer(self._socket, self.flush)
            return
        except OSError as error:
            self._gone(error.strerror or str(error))
            return
        self._stop_writing()

    def close(self) -> None:
        """End it; the display takes our windows away. Idempotent."""
        if self.closed:
            return
        self.closed = True
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
            self._stop_writing()
        self._socket.close()

    def _stop_writing(self) -> None:
        if self._writing and self._loop is not None:
            self._writing = False
            self._loop.remove_writer(self._socket)

    def _greet(self, environ: Mapping[str, str]) -> greeting.Setup:
        self._socket.settimeout(OPEN_S)
        self._socket.sendall(greeting.hello(*_cookie(self.display, environ)))
        head = self._read_exactly(8)
        try:
            return greeting.parse_setup(head, self._read_exactly(greeting.setup_size(head)), self.display.screen)
        except wire.Refused as error:
            raise PermissionError(f"display {self.display}: {error}") from error

    def _read(self) -> bytes:
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise OSError(f"display {self.display} does not answer") from None
        if not data:
            raise OSError(f"display {self.display} hung up")
        return data

    def _read_exactly(self, size: int) -> bytes:
        while len(self._incoming) < size:
            self._incoming += self._read()
        data = bytes(self._incoming[:size])
        del self._incoming[:size]
        return data

    def _readable(self) -> None:
        try:
            self._incoming += self._read()
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(error.strerror or str(error))
            return
        self._dispatch()

    def _dispatch(self) -> None:
        while not self.closed:
            try:
                packet = wire.take(self._incoming)
            except wire.Truncated:
                break
            except wire.Refused as error:
                self._gone(str(error))
                return
            self._hand_out(packet)
        self.flush()

    def _hand_out(self, packet: wire.Packet) -> None:
        if packet.kind > 1:
            self._on_event(packet.data)
            return
        answer = self._answers.pop(packet.sequence, None)
        if packet.kind == 0:
            # A window may be gone before a request about it arrives; nothing of ours depends on it.
            log.debug("the display refused a request", extra={"error": wire.error_text(packet.data)})
        elif answer is not None:
            answer(packet.data)

    def _gone(self, why: str) -> None:
        if not self.closed:
            self.close()
            self._on_gone(why)


def _connect(display: Display) -> socket.socket:
    if display.host:
        return socket.create_connection((display.host, 6000 + display.number), OPEN_S)
    path = f"/tmp/.X11-unix/X{display.number}"  # noqa: S108 - the place that X(7) names
    error: OSError | None = None
    # The abstract name first, as libxcb does: a private /tmp does not hide it.
    for address in (f"\0{path}", path):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        connection.settimeout(OPEN_S)
        try:
            connection.connect(address)
        except OSError as refused:
            connection.close()
            error = refused
        else:
            return connection
    raise OSError(f"no display {display}: {error.strerror if error else ''}")


def _cookie(display: Display, environ: Mapping[str, str]) -> tuple[bytes, bytes]:
    path = Path(environ.get("XAUTHORITY") or Path.home() / ".Xauthority")
    try:
        authority = path.read_bytes()
    except OSError:
        return b"", b""
    return cookie(authority, display, socket.gethostname())
