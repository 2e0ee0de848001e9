"""BlueZ on D-Bus: its objects, as they are listed and change, and its methods.

A listing and the signals meanwhile come in an order that nobody knows: signals that arrive while it is under way are
applied after it, all of them before anything is told.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from lunix_bluetooth.names import (
    ADAPTER,
    BASE,
    BLUEZ,
    DEVICE,
    FOLLOWED,
    OBJECTS,
    PROPERTIES,
    ROOT,
)
from lunix_bluetooth.registry import REASONS, Registry
from lunix_dbus import Dbus, DbusAway, DbusError, Match, Signal, Variant

log = logging.getLogger("bluetooth")

LIST_S = 30.0


class Bluez:
    """Keeps a registry like BlueZ's objects for as long as D-Bus is open."""

    def __init__(
        self, registry: Registry, changed: Callable[[bool], None], state: Callable[[str | None], None]
    ) -> None:
        """``changed`` is called after each change, with whether everything was read again.

        ``state`` is called with why BlueZ cannot be followed, or ``None`` where it is.
        """
        self._registry = registry
        self._changed = changed
        self._state = state
        self._came = asyncio.Event()
        self._settled = asyncio.Event()
        self._waiting: list[Signal] | None = None
        """Signals that came while it is listed."""
        self._unlisted = False
        """The last listing failed; the next signal is a reason to try again."""
        self.owner: str | None = None
        """By what D-Bus knows BlueZ; ``None`` while it does not run."""
        self.dbus = Dbus("system")
        self.dbus.watch(BLUEZ, self._owner)
        for member in ("InterfacesAdded", "InterfacesRemoved"):
            self.dbus.subscribe(Match(BLUEZ, OBJECTS, member, path=ROOT), self._heard)
        for name in FOLLOWED:
            match = Match(BLUEZ, PROPERTIES, "PropertiesChanged", path_namespace=BASE, arg0=name)
            self.dbus.subscribe(match, self._heard)
        self.dbus.subscribe(Match(BLUEZ, DEVICE, "Disconnected", path_namespace=BASE), self._heard)

    async def settled(self) -> None:
        """Return when it is known whether BlueZ runs and, where it does, what it has."""
        await self.dbus.tried()
        if self.dbus.connected:
            await self._settled.wait()

    async def run(self, here: Callable[[], Any]) -> None:
        """List whenever BlueZ came, and await ``here()`` after it; for ever."""
        while True:
            await self._came.wait()
            self._came.clear()
            self._waiting, self._unlisted = [], False
            try:
                [found] = await self.dbus.call(BLUEZ, ROOT, OBJECTS, "GetManagedObjects", timeout=LIST_S)
            except (DbusError, DbusAway) as error:
                log.warning("BlueZ does not tell its objects", extra={"error": str(error)})
                self._state(str(error))
                self._waiting, self._unlisted = None, True
            else:
                if self.owner is not None:
                    self._registry.replace(found)
                    self._state(None)
                    self._catch_up()
                    await here()
            self._settled.set()

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", body: tuple[object, ...] = (), *,
        timeout: float = 30.0,
    ) -> None:  # fmt: skip
        """Call a method of BlueZ's; raise ``DbusError`` or ``DbusAway``."""
        await self.dbus.call(BLUEZ, path, interface, member, signature, list(body), timeout=timeout)

    async def set(self, path: str, interface: str, name: str, value: bool) -> None:
        """Set a property."""
        await self.call(path, PROPERTIES, "Set", "ssv", (interface, name, Variant("b", value)))

    async def discover(self, path: str, transport: str) -> None:
        """Have an adapter look for devices."""
        await self.call(path, ADAPTER, "SetDiscoveryFilter", "a{sv}", ({"Transport": Variant("s", transport)},))
        await self.call(path, ADAPTER, "StartDiscovery")

    def _owner(self, owner: str | None) -> None:
        if self.owner is not None:
            self._registry.away(asyncio.get_running_loop().time())
            self._changed(False)
        self.owner = owner
        self._waiting, self._unlisted = [] if owner is not None else None, False
        if owner is not None:
            self._came.set()
            return
        self._state("BlueZ does not run: nobody on D-Bus is called org.bluez")
        self._settled.set()

    def _heard(self, signal: Signal) -> None:
        if self._unlisted:
            self._unlisted, self._waiting = False, []
            self._came.set()
        elif self._waiting is not None:
            self._waiting.append(signal)
        else:
            self._apply(signal)
            self._changed(False)

    def _catch_up(self) -> None:
        waited, self._waiting = self._waiting or [], None
        for signal in waited:
            self._apply(signal)
        self._changed(True)

    def _apply(self, signal: Signal) -> None:
        body = signal.body
        if signal.member == "InterfacesAdded":
            self._registry.added(body[0], body[1])
        elif signal.member == "InterfacesRemoved":
            self._registry.removed(body[0], body[1])
        elif signal.member == "PropertiesChanged":
            self._registry.changed(signal.path, body[0], body[1], body[2])
        else:
            self._registry.reason(signal.path, REASONS.get(body[0], "unknown"))
