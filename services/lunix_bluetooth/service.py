"""The daemon: BlueZ's objects are followed and told where they changed, its questions asked, its methods offered."""

import asyncio
import logging
from collections.abc import Iterable

from lunix_bluetooth.agent import Agent
from lunix_bluetooth.bluez import Bluez
from lunix_bluetooth.commands import Commands
from lunix_bluetooth.registry import Fact, Registry
from lunix_bluetooth.settings import Settings
from lunix_common.alarm import Alarm
from lunix_common.bus import Bus
from lunix_common.daemon import Context
from lunix_common.schemas.bluetooth import Disconnected, ListRequest, Outcome, Part, PartEvent

log = logging.getLogger("bluetooth")

_SHOWN_UNTIL: dict[str, Outcome] = {"paired": "accepted", "disconnected": "cancelled", "removed": "cancelled"}


async def serve(context: Context[Settings]) -> None:
    """Follow BlueZ until the daemon is asked to stop."""
    bus = context.bus
    registry = Registry(context.settings.rules)
    service = BluetoothService(bus, registry)
    context.stack.callback(service.close)
    bluez = Bluez(registry, service.changed, service.state)
    agent = service.agent = Agent(context, bluez, registry.seen_at)
    Commands(context, bluez, registry)
    bus.serve_list("bluetooth", service.listed, lambda: {"pairing": agent.open})
    bus.serve("bluetooth.pair.answer", agent.answer)
    await context.stack.enter_async_context(bluez.dbus)
    context.tasks.create_task(bluez.run(agent.register), name="bluetooth.bluez")
    await bluez.settled()
    service.starting = False
    await context.ready()
    while True:
        await context.reload.wait()
        context.reload.clear()
        registry.rules = context.settings.rules


class BluetoothService:
    """Tells what changed in the step that takes it in."""

    def __init__(self, bus: Bus, registry: Registry) -> None:
        self.starting = True
        """What is found now was there before, and is listed but not told."""
        self.agent: Agent
        self._bus = bus
        self._registry = registry
        self._alarm = Alarm(self._look)

    def listed(self, asked: ListRequest) -> Iterable[Part]:
        """The items of ``bluetooth.list``."""
        return [part for part in self._registry if asked.kind in (None, part.kind)]

    def state(self, why: str | None) -> None:
        """Whether BlueZ is followed, and why not."""
        if why is not None:
            self.agent.cancel()
        log.info("BlueZ is followed" if why is None else "BlueZ is not followed", extra={"why": why} if why else None)
        self._bus.part_is_off("bluez", why)

    def changed(self, resync: bool = False) -> None:
        """Something may have to be told, now or later."""
        self._look(asyncio.get_running_loop().time(), resync=resync)

    def close(self) -> None:
        """Look no more."""
        self._alarm.set(None)

    def _look(self, now_s: float, *, resync: bool = False) -> None:
        for fact in self._registry.facts(now_s, resync=resync):
            if not self.starting:
                self._tell(fact)
        self._alarm.set(self._registry.next_s)

    def _tell(self, fact: Fact) -> None:
        event, part = fact.event, fact.part
        told = PartEvent(**part.model_dump(), resync=fact.resync)
        if event == "disconnected":
            payload = Disconnected(**told.model_dump(), reason=fact.reason or "unknown")
            self._bus.emit("bluetooth.disconnected", payload)
        elif event == "connected":
            self._bus.emit("bluetooth.connected", told)
        elif event in ("low", "high"):
            self._bus.emit("bluetooth.signal.<level>", told, level=event)
        else:
            self._bus.emit(f"bluetooth.{part.kind}.<event>", told, event=event)
        if event in _SHOWN_UNTIL:
            self.agent.over(part.address, _SHOWN_UNTIL[event])
