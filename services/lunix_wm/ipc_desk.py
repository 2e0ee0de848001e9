"""The windows of i3 or sway, by their socket. Whatever they tell, the tree is asked for, once for a burst of events."""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from lunix_common.os_socket import getsockopt_peercred
from lunix_common.schemas.wm import MoveRequest, Window
from lunix_wm import ipc, tree
from lunix_wm.desk import Unable
from lunix_wm.ipc import Malformed
from lunix_wm.text import clean
from lunix_wm.tree import Found

log = logging.getLogger("wm")

OPEN_S, ANSWER_S = 5.0, 5.0
MOST_WAITING_BYTES = 256 * 1024


class IpcDesk:
    """The windows of whoever listens at a socket."""

    lacking: str | None = None

    def __init__(self, path: Path) -> None:
        """Ask who it is, and subscribe; blocks, and raises ``OSError``. Nothing is told before ``watch``."""
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._found = Found({}, frozenset())
        self._commands: deque[asyncio.Future[str | None]] = deque()
        self._asking = self._ask_again = self._writing = self._stopped = False
        self._changed: Callable[[], None] = lambda: None
        self._gone: Callable[[str], None] = lambda _why: None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(OPEN_S)
            self._socket.connect(str(path))
            self._check_peer(path)
            version = ipc.mapping(ipc.decoded(self._ask(ipc.GET_VERSION)))
            if ipc.mapping(ipc.decoded(self._ask(ipc.SUBSCRIBE, ipc.EVENTS))).get("success") is not True:
                raise OSError(f"{path}: it tells no events of windows")
        except Malformed as error:
            self._socket.close()
            raise OSError(f"{path}: {error}") from error
        except BaseException:
            self._socket.close()
            raise
        self._prefix = "sway" if version.get("variant") == "sway" else "i3"
        self.name = f"{self._prefix} {clean(version.get('human_readable'))}"

    def watch(self, changed: Callable[[], None], gone: Callable[[str], None]) -> None:
        """Begin."""
        self._changed, self._gone = changed, gone
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._readable)
        self._ask_tree()
        self._dispatch()

    def windows(self) -> Mapping[str, Window]:
        """As they were answered last."""
        return self._found.windows

    async def focus(self, window: Window) -> None:
        """By the command ``focus``."""
        await self._command(ipc.focus(window))

    async def close_window(self, window: Window) -> None:
        """By the command ``kill``, which asks the window."""
        await self._command(ipc.close(window))

    async def move(self, window: Window, to: MoveRequest) -> None:
        """By the commands ``move`` and ``resize``."""
        placed = any(each is not None for each in (to.x, to.y, to.width, to.height))
        if placed and window.id not in self._found.floating:
            raise Unable(f"it is tiled: {self._prefix} decides where it is; a floating window can be placed")
        try:
            command = ipc.move(window, to)
        except ValueError as error:
            raise Unable(str(error)) from None
        await self._command(command)

    def stop(self) -> None:
        """End the connection; idempotent."""
        if self._stopped:
            return
        self._stopped = True
        if self._socket.gettimeout() == 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
        self._socket.close()
        for waiting in self._commands:
            if not waiting.done():
                waiting.set_result(f"{self._prefix} is gone")

    # --- before the loop has it ---------------------------------------------------------------------------------------

    def _check_peer(self, path: Path) -> None:
        """The name of the socket may come from any program on the display: who listens has to be ourselves."""
        _pid, uid, _gid = getsockopt_peercred(self._socket)
        if os.geteuid() not in (0, uid) and uid != 0:
            raise PermissionError(f"{path}: another user ({uid}) listens there")

    def _ask(self, kind: int, payload: bytes = b"") -> bytes:
        self._socket.sendall(ipc.message(kind, payload))
        while True:
            packet = ipc.take(self._incoming)
            if packet is None:
                data = self._socket.recv(65536)
                if not data:
                    raise OSError("it hung up")
                self._incoming += data
            elif not packet.is_event and packet.kind == kind:
                return packet.payload

    # --- from then on -------------------------------------------------------------------------------------------------

    async def _command(self, text: str) -> None:
        if len(self._outgoing) > MOST_WAITING_BYTES:
            raise Unable(f"{self._prefix} takes nothing any more")
        answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._commands.append(answered)
        self._send(ipc.RUN_COMMAND, text.encode())
        try:
            async with asyncio.timeout(ANSWER_S):
                why = await asyncio.shield(answered)
        except TimeoutError:
            raise Unable(f"{self._prefix} does not answer") from None
        if why is not None:
            raise Unable(f"{self._prefix}: {why}")

    def _ask_tree(self) -> None:
        if self._asking:
            self._ask_again = True
            return
        self._asking = True
        self._send(ipc.GET_TREE)

    def _send(self, kind: int, payload: bytes = b"") -> None:
        self._outgoing += ipc.message(kind, payload)
        self._flush()

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                loop.add_writer(self._socket, self._flush)
            return
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        if self._writing:
            self._writing = False
            loop.remove_writer(self._socket)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error.strerror or str(error))
            return
        if not data:
            self._end("it hung up")
            return
        self._incoming += data
        self._dispatch()

    def _dispatch(self) -> None:
        try:
            while not self._stopped and (packet := ipc.take(self._incoming)) is not None:
                self._take(packet)
        except Malformed as error:
            self._end(str(error))

    def _take(self, packet: ipc.Packet) -> None:
        if packet.is_event:
            self._ask_tree()
        elif packet.kind == ipc.GET_TREE:
            self._found = tree.windows(ipc.decoded(packet.payload), self._prefix)
            self._asking = False
            if self._ask_again:
                self._ask_again = False
                self._ask_tree()
            self._changed()
        elif packet.kind == ipc.RUN_COMMAND and self._commands:
            answered = self._commands.popleft()
            if not answered.done():
                answered.set_result(ipc.refusal(packet.payload))
            # A floating window that is placed is told by no event.
            self._ask_tree()

    def _end(self, why: str) -> None:
        if not self._stopped:
            self.stop()
            self._gone(why)
