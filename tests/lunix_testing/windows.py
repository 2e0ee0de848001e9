"""Windows of tests' own, and somebody on the bus who is told of windows.

window = Window(desktop.environ, b"title")     a client of the display's with one window
await seen.event("opened", title="title")      waits for what is told
"""

import select
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from lunix_common.access.roles import Client
from lunix_common.subjects import Role
from lunix_testing.client import Nats
from lunix_testing.deadline import Inbox
from lunix_testing.events import hear
from lunix_testing.server import BusServer
from lunix_wm import ewmh
from lunix_x11 import wire
from lunix_x11.connection import Connection
from lunix_x11.wire import Rect

SECONDS = 30.0
PLACE = Rect(100, 100, 300, 200)


class Window:
    """A mapped window with these properties; a program as any other, which does as little as one can."""

    def __init__(
        self,
        environ: dict[str, str],
        title: bytes,
        kind: bytes = b"probe",
        pid: int | None = None,
        *,
        dialog: bool = False,
    ) -> None:
        self._display = Connection(environ)
        setup = self._display.setup
        self.number = self._display.new_id()
        self._send(wire.create_window(self.number, setup.root, PLACE, setup.opaque, {}))
        self._send(wire.set_property(self.number, wire.WM_CLASS, wire.STRING, b"instance\0" + kind + b"\0"))
        if pid is not None:
            self.set("_NET_WM_PID", "CARDINAL", [pid])
        if dialog:
            name = wire.intern_atom("_NET_WM_WINDOW_TYPE_DIALOG")
            self.set("_NET_WM_WINDOW_TYPE", "ATOM", [wire.number(self._display.ask(name))])
        self.title(title)
        self._send(wire.map_window(self.number))
        self.sync()

    @property
    def id(self) -> str:
        return f"x11:{self.number:x}"

    def title(self, text: bytes) -> None:
        """Set the title."""
        self.set("_NET_WM_NAME", "UTF8_STRING", text)

    def set(self, name: str, kind: str, value: bytes | list[int]) -> None:
        """Set a property."""
        atoms = [wire.number(self._display.ask(wire.intern_atom(one))) for one in (name, kind)]
        self._send(wire.set_property(self.number, atoms[0], atoms[1], value))
        self.sync()

    def place(self) -> Rect:
        """Where the display has it, without its frame."""
        corner = wire.corner(self._display.ask(wire.translate(self.number, self._display.setup.root)))
        return Rect(*corner, *wire.size(self._display.ask(wire.get_geometry(self.number))))

    def numbers(self, name: str) -> tuple[int, ...]:
        """A property of it, as the window manager set it."""
        atom = wire.number(self._display.ask(wire.intern_atom(name)))
        return wire.property_numbers(self._display.ask(wire.get_property(self.number, atom, 400)))

    def root_numbers(self, name: str) -> tuple[int, ...]:
        """A property of the root window."""
        atom = wire.number(self._display.ask(wire.intern_atom(name)))
        return wire.property_numbers(self._display.ask(wire.get_property(self._display.setup.root, atom, 400)))

    def ask_state(self, action: int, *names: str) -> None:
        """Ask the window manager to add (1) or remove (0) states."""
        kind, *states = (wire.number(self._display.ask(wire.intern_atom(one))) for one in ("_NET_WM_STATE", *names))
        data = (action, *states, *[0] * (2 - len(states)), 2)
        self._send(ewmh.message(self._display.setup.root, self.number, kind, data))
        self.sync()

    def wait_managed(self) -> None:
        """Return when the window manager has it."""
        mask = {wire.EVENT_MASK: wire.LISTEN_PROPERTIES}
        self._send(wire.change_window(self._display.setup.root, mask))
        while self.number not in self.root_numbers("_NET_CLIENT_LIST"):
            assert select.select([self._display.fileno()], [], [], SECONDS)[0], "the window manager does not take it"

    def sync(self) -> None:
        """Return when the display has done what was asked for."""
        self._display.ask(wire.get_input_focus())

    def close(self) -> None:
        """End the client, and its window with it."""
        self._display.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, request: bytes) -> None:
        self._display.send(request)


@asynccontextmanager
async def launcher(server: BusServer) -> AsyncGenerator["Watcher"]:
    """Somebody of the role user, who may start programs as well, and hears of windows."""
    server.add(Client("launcher", Role.USER, frozenset({"wm.exec"})))
    one = Watcher(server, "launcher")
    await one.open()
    yield one
    await one.client.close()


class Watcher:
    """Somebody on the bus who hears of windows."""

    client: Nats

    def __init__(self, server: BusServer, identity: str) -> None:
        self._server = server
        self._identity = identity
        self.heard: Inbox[tuple[str, dict[str, Any], dict[str, str]]] = Inbox()
        """Every event of wm: the last token of its subject, its payload and its headers."""

    async def open(self) -> None:
        """Connect, and hear from then on."""
        self.client = await self._server.connect(self._identity)

        await hear(self.client, "wm", lambda event: self.heard.put((event.kind, event.payload, event.headers)))

    async def ask(self, subject: str, payload: object = None) -> dict[str, Any]:
        """The answer to a request."""
        return await self.client.ask(subject, payload)

    async def items(self, **filters: object) -> list[dict[str, Any]]:
        """What is listed."""
        found: list[dict[str, Any]] = (await self.ask("wm.list", filters))["items"]
        return found

    async def event(self, verb: str, **fields: object) -> dict[str, Any]:
        """Wait for an event with these fields; its payload."""
        found = await self.heard.until(
            lambda one: one[0] == verb and all(one[1].get(key) == value for key, value in fields.items()), SECONDS
        )
        return found[1]
