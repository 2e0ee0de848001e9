"""Two sides of a message bus: somebody who owns a name, answers and emits, and somebody who listens."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from lunix_dbus import Call, Dbus, DbusError, Interface, Match, Method
from lunix_testing.deadline import Inbox

NAME, PATH, NOTES = "org.example.Notes", "/org/example/Notes", "org.example.Notes"
DAEMON, DAEMON_PATH = "org.freedesktop.DBus", "/org/freedesktop/DBus"


class Server:
    """Somebody on the bus who owns a name, answers and emits."""

    def __init__(self, address: str, name: str = NAME, *, replace: bool = False, yields: bool = False) -> None:
        self.dbus = Dbus(address, descriptors=True)
        self.owns: Inbox[bool] = Inbox()
        self.calls: Inbox[Call] = Inbox()
        self.release = asyncio.Event()
        methods = {
            "Echo": Method("sv", "s", self.echo),
            "Refuse": Method("", "", self.refuse),
            "Break": Method("", "", self.fail),
            "Wait": Method("", "", self.wait),
            "Lie": Method("", "u", self.lie),
        }
        self.dbus.export(Interface(PATH, NOTES, methods, {"Changed": "s"}))
        self.dbus.own(name, self.owns.put, replace=replace, yields=yields)

    async def echo(self, call: Call) -> list[object]:
        self.calls.put(call)
        return [f"{call.body[0]} {call.body[1]}"]

    async def refuse(self, _call: Call) -> list[object]:
        raise DbusError("org.example.Error.Full", "there is no more paper")

    async def fail(self, _call: Call) -> list[object]:
        raise RuntimeError("a secret of ours")

    async def wait(self, call: Call) -> list[object]:
        self.calls.put(call)
        await self.release.wait()
        return []

    async def lie(self, _call: Call) -> list[object]:
        return ["no number"]


@asynccontextmanager
async def serving(
    address: str, name: str = NAME, *, replace: bool = False, yields: bool = False
) -> AsyncGenerator[Server]:
    server = Server(address, name, replace=replace, yields=yields)
    async with server.dbus:
        assert await server.owns.next()
        yield server


@asynccontextmanager
async def listening(address: str) -> AsyncGenerator[tuple[Inbox[str], Inbox[str | None]]]:
    """Who follows the notes of the server: what they changed to, and who owns the name."""
    heard: Inbox[str] = Inbox()
    owners: Inbox[str | None] = Inbox()
    dbus = Dbus(address)
    dbus.subscribe(Match(NAME, NOTES, "Changed"), lambda signal: heard.put(signal.body[0]))
    dbus.watch(NAME, owners.put)
    async with dbus:
        yield heard, owners
