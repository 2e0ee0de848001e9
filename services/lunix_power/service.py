"""The daemon: supplies are read when the kernel or the clock says so, and told where they changed."""

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from lunix_common.alarm import Alarm
from lunix_common.bus import Bus
from lunix_common.daemon import Context
from lunix_common.schemas.power import ListRequest, Part, PartEvent, Pressed
from lunix_power import levels, os_sysfs, switches
from lunix_power.inputs import Inputs
from lunix_power.levels import Gauge, Thresholds
from lunix_power.os_uevent import Uevents
from lunix_power.parts import Fact, Parts
from lunix_power.settings import Settings
from lunix_power.sleep import Sleep
from lunix_power.supply import Supply
from lunix_power.uevent import Uevent

log = logging.getLogger("power")


async def serve(context: Context[Settings]) -> None:
    """Tell what changes until the daemon is asked to stop."""
    bus, settings = context.bus, context.settings
    service = PowerService(bus, settings)
    context.stack.callback(service.close)
    inputs = Inputs(lambda: service.lids(inputs), service.pressed)
    context.stack.callback(inputs.close)
    _listen(context, service, inputs)
    sleep = Sleep(context, service.look_again)
    bus.serve_list("power", service.listed)
    bus.serve("power.suspend", sleep.suspend)
    if settings.inputs:
        inputs.scan()
        if inputs.refused:
            bus.part_is_off("inputs", "lids and buttons are not told: /dev/input is closed to us")
    await service.read()
    service.starting = False
    await sleep.follow()
    context.tasks.create_task(service.run(), name="power.read")
    await context.ready()
    while True:
        await context.reload.wait()
        context.reload.clear()
        service.use(context.settings)


def _listen(context: Context[Settings], service: "PowerService", inputs: Inputs) -> None:
    def heard(event: Uevent) -> None:
        if event.subsystem == "power_supply":
            service.look_again()
        elif context.settings.inputs and event.node is not None:
            path = Path("/dev") / event.node
            if event.action == "add":
                inputs.add(path)
            elif event.action == "remove":
                inputs.remove(path)

    def overflown() -> None:
        log.warning("the kernel had no room for events: everything is read again")
        context.bus.lost("power", "kernel overflow")
        service.look_again(resync=True)
        if context.settings.inputs:
            inputs.scan()

    try:
        uevents = Uevents(heard, overflown)
    except OSError as error:
        log.warning("the kernel's uevents are closed here", extra={"error": str(error)})
        context.bus.part_is_off(
            "uevents", f"changes are seen late: the kernel's uevents are closed here ({error.strerror})"
        )
        return
    context.stack.callback(uevents.close)


class PowerService:
    """Holds what there is, and the moment at which to look again."""

    def __init__(self, bus: Bus, settings: Settings) -> None:
        self.starting = True
        """What is found now was there before, and is listed but not told."""
        self._bus = bus
        self._settings = settings
        self._parts = Parts(_thresholds(settings))
        self._gauges: dict[str, Gauge] = {}
        self._wanted = asyncio.Event()
        self._resync = False
        self._alarm = Alarm(lambda _now: self.look_again())

    def listed(self, asked: ListRequest) -> Iterable[Part]:
        """The items of ``power.list``."""
        return [part for part in self._parts if asked.kind in (None, part.kind)]

    def use(self, settings: Settings) -> None:
        """Take over changed thresholds; what else there is counts from the next start."""
        self._settings = settings
        self._parts.thresholds = _thresholds(settings)
        self.look_again()

    def look_again(self, *, resync: bool = False) -> None:
        """Have the supplies read soon."""
        self._resync = self._resync or resync
        self._wanted.set()

    async def run(self) -> None:
        """Read whenever that is wanted, for ever."""
        while True:
            await self._wanted.wait()
            await self.read()

    async def read(self) -> None:
        """Read the supplies and tell what changed; a driver may take its time for an answer."""
        self._wanted.clear()
        resync, self._resync = self._resync, False
        found = await asyncio.to_thread(lambda: list(os_sysfs.read(self._settings.supplies)))
        self._tell(self._parts.supplies(found), resync=resync)
        self._set_alarm(found)

    def lids(self, inputs: Inputs) -> None:
        """A lid moved, came or went."""
        self._tell(self._parts.lids(inputs.found()))

    def pressed(self, pressed: switches.Pressed, device: str) -> None:
        """Somebody pressed a button."""
        self._bus.emit("power.button.pressed", Pressed(button=pressed.button, device=device))

    def close(self) -> None:
        """Look no more."""
        self._alarm.set(None)

    def _tell(self, facts: Iterable[Fact], *, resync: bool = False) -> None:
        for event, part in facts:
            if not self.starting:
                told = PartEvent(**part.model_dump(), resync=resync)
                self._bus.emit(f"power.{part.kind}.<event>", told, event=event)

    def _set_alarm(self, found: list[Supply]) -> None:
        """Look again when the battery that is first may cross a threshold; never where none discharges."""
        now_s = asyncio.get_running_loop().time()
        looks: list[float] = []
        gauges: dict[str, Gauge] = {}
        for supply in found:
            gauge = gauges[supply.name] = self._gauges.get(supply.name, Gauge())
            rate = levels.percent_per_s(supply, gauge.rate(supply, now_s))
            if (look_s := levels.next_look_s(supply, rate, self._parts.thresholds)) is not None:
                looks.append(look_s)
        self._gauges = gauges
        self._alarm.set(now_s + min(looks) if looks else None)
        log.debug("supplies were read", extra={"supplies": len(found), "next_s": min(looks, default=None)})


def _thresholds(settings: Settings) -> Thresholds:
    return Thresholds(settings.low_percent, settings.critical_percent, settings.hysteresis_percent)
