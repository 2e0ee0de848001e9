"""What the tests of lunix-bluetooth share: BlueZ by python-dbusmock, a BlueZ that asks its agent, and those who hear.

``BlueZ`` is dbusmock's template, which has adapters and devices and asks nobody. ``Asking`` is a BlueZ of a few objects
at the same private message bus that calls the agent that registers with it, as bluetoothd does; that the two sides
understand each other with the real one is seen in ``tests/vm``.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lunix_dbus import Call, Dbus, DbusError, Interface, Method, Variant
from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.dbus import DbusDaemon
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.events import Event, hear
from lunix_testing.server import BusServer

PHONE, HEADSET = "11:22:33:44:55:66", "AA:BB:CC:DD:EE:FF"
DEVICE, ADAPTER = "org.bluez.Device1", "org.bluez.Adapter1"
SECONDS = 30.0
MOST_PATIENT = 60.0


@dataclass
class Desk:
    """A running lunix-bluetooth, and somebody of the role user."""

    daemon: Daemon
    user: Nats
    heard: Inbox[Event] = field(default_factory=Inbox[Event])

    async def next(self, subject: str) -> dict[str, Any]:
        """The payload of the next event, which has to be of this subject."""
        return (await self.event(subject)).payload

    async def event(self, subject: str) -> Event:
        event = await self.heard.next(SECONDS)
        assert event.subject == subject, event
        return event

    async def ask(self, verb: str, payload: object = None) -> dict[str, Any]:
        data = (
            b"" if payload is None else payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
        )
        answer = await self.user.request(f"bluetooth.{verb}", data, timeout=MOST_PATIENT)
        found: dict[str, Any] = json.loads(answer.data)
        return found

    async def refused(self, verb: str, payload: object = None) -> tuple[int, str]:
        error = (await self.ask(verb, payload))["error"]
        return error["code"], error["message"]

    async def listed(self, payload: object = None) -> dict[str, dict[str, Any]]:
        return {one["id"]: one for one in (await self.ask("list", payload))["items"]}


@asynccontextmanager
async def desk(
    server: BusServer, starter: DaemonStarter, dbus: DbusDaemon, *arguments: str, config: str = ""
) -> AsyncGenerator[Desk]:
    """Start lunix-bluetooth and listen."""
    text = "[bluetooth]\nsettle_s = 0\n" if "settle_s" not in config else "[bluetooth]\n"
    daemon = await asyncio.to_thread(starter, "lunix_bluetooth", *arguments, config=text + config, env=dbus.environ)
    found = Desk(daemon, await server.connect("user"))
    await hear(found.user, "bluetooth", found.heard.put)
    try:
        yield found
    finally:
        await found.user.close()


@pytest.fixture
async def here(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: "BlueZ | Asking"
) -> AsyncIterator[Desk]:
    """A running lunix-bluetooth and who hears it, where the test's BlueZ runs already."""
    assert bluez.running
    async with desk(bus_server, daemon_process, dbus_daemon) as found:
        yield found


class BlueZ:
    """python-dbusmock's BlueZ, and what it is told to do. Everything blocks."""

    def __init__(self, daemon: DbusDaemon) -> None:
        self._mock = daemon.mock("bluez5")
        self.emit, self.end = self._mock.emit, self._mock.end

    @property
    def running(self) -> bool:
        return self._mock.running

    def mock(self, method: str, *arguments: str) -> None:
        """A method of the template."""
        self._mock.call("/", f"org.bluez.Mock.{method}", *(json.dumps(one) for one in arguments))

    def adapter(self, name: str = "hci0") -> None:
        self.mock("AddAdapter", name, "box")

    def device(self, address: str, alias: str, adapter: str = "hci0") -> None:
        self.mock("AddDevice", adapter, address, alias)

    def update(self, path: str, interface: str, values: str) -> None:
        """Change properties; ``values`` is a GVariant's text, such as ``{'RSSI': <int16 -40>}``."""
        self._mock.call(path, "org.freedesktop.DBus.Mock.UpdateProperties", interface, values)


def at(address: str, adapter: str = "hci0") -> str:
    """The path of a device."""
    return f"/org/bluez/{adapter}/dev_{address.replace(':', '_')}"


class Asking:
    """A BlueZ with one adapter and one device, which calls its agent."""

    def __init__(self, dbus: DbusDaemon, name: str = "phone") -> None:
        self.registered = Inbox[tuple[str, str]]()
        self.called = Inbox[str]()
        self.silent = False
        """Whether it refuses to tell its objects."""
        self.agent = ("", "")
        self._objects = {
            "/org/bluez/hci0": {ADAPTER: {"Address": "00:01:02:03:04:05", "Alias": "box", "Powered": True}},
            at(PHONE): {DEVICE: {"Address": PHONE, "Alias": name, "Icon": "phone", "Paired": False}},
        }
        self.dbus = Dbus(dbus.address)
        self._owned = asyncio.Event()
        self.dbus.own("org.bluez", lambda has: self._owned.set() if has else None)
        listing = Method("", "a{oa{sa{sv}}}", self._list)
        self.dbus.export(Interface("/", "org.freedesktop.DBus.ObjectManager", {"GetManagedObjects": listing}))
        manager = {
            "RegisterAgent": Method("os", "", self._register),
            "RequestDefaultAgent": Method("o", "", self._note),
        }
        self.dbus.export(Interface("/org/bluez", "org.bluez.AgentManager1", manager))
        methods = {name: Method("", "", self._note) for name in ("Connect", "CancelPairing")}
        self.dbus.export(Interface(at(PHONE), DEVICE, methods | {"Pair": Method("", "", self._pair)}))

    @property
    def running(self) -> bool:
        return self.dbus.connected

    @asynccontextmanager
    async def here(self) -> AsyncGenerator["Asking"]:
        """As long as it runs."""
        async with self.dbus:
            async with deadline("the name org.bluez"):
                await self._owned.wait()
            yield self

    async def ask(self, member: str, signature: str = "o", *more: object, timeout: float = MOST_PATIENT) -> list[Any]:
        """Call the agent, as BlueZ does when a device pairs; raise ``DbusError``."""
        if self.agent == ("", ""):
            await self.registered.next(SECONDS)
        body = [at(PHONE), *more] if signature.startswith("o") else list(more)
        owner, path = self.agent
        return await self.dbus.call(owner, path, "org.bluez.Agent1", member, signature, body, timeout=timeout)

    def change(self, **properties: Variant) -> None:
        """Say that properties of the device changed."""
        body = [DEVICE, properties, list[str]()]
        self.dbus.emit(at(PHONE), "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", body)

    def disconnected(self, reason: str) -> None:
        """The signal of BlueZ 5.82."""
        self.dbus.emit(at(PHONE), DEVICE, "Disconnected", "ss", [reason, "told to people"])

    async def _list(self, _call: Call) -> Sequence[object]:
        if self.silent:
            raise DbusError("org.bluez.Error.Failed", "not now")
        kinds = {str: "s", bool: "b"}
        objects = {
            path: {
                interface: {name: Variant(kinds[type(value)], value) for name, value in properties.items()}
                for interface, properties in interfaces.items()
            }
            for path, interfaces in self._objects.items()
        }
        return [objects]

    async def _register(self, call: Call) -> Sequence[object]:
        path, capability = call.body
        self.agent = (call.sender, path)
        self.registered.put((path, capability))
        return []

    async def _note(self, call: Call) -> Sequence[object]:
        self.called.put(call.member)
        return []

    async def _pair(self, call: Call) -> Sequence[object]:
        """As bluetoothd: the agent is asked, and what it says is what becomes of it."""
        self.called.put(call.member)
        try:
            await self.ask("RequestConfirmation", "ou", 48301)
        except DbusError as error:
            raise DbusError("org.bluez.Error.AuthenticationRejected", "Authentication Rejected") from error
        self.change(Paired=Variant("b", True))
        return []
