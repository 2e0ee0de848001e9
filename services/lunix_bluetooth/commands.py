"""What may be done: each command is a call of BlueZ's, or some, and its errors are answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from lunix_bluetooth import refusal
from lunix_bluetooth.bluez import Bluez
from lunix_bluetooth.names import ADAPTER, DEVICE, adapter_of
from lunix_bluetooth.registry import Registry
from lunix_bluetooth.settings import Settings
from lunix_common.bus import Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.bluetooth import (
    DeviceRequest,
    Done,
    Powered,
    PowerRequest,
    Scanning,
    ScanRequest,
    TrustRequest,
)
from lunix_common.subjects import TABLE
from lunix_dbus import DbusAway, DbusError

log = logging.getLogger("bluetooth")

CONNECT_S, PAIR_S = (TABLE[f"bluetooth.{verb}"].takes_s for verb in ("connect", "pair"))


class Commands:
    """Answers the commands."""

    def __init__(self, context: Context[Settings], bluez: Bluez, registry: Registry) -> None:
        self._context = context
        self._bluez = bluez
        self._registry = registry
        self._scans: dict[str, asyncio.TimerHandle] = {}
        bus = context.bus
        bus.serve("bluetooth.scan", self.scan)
        bus.serve("bluetooth.connect", self.connect)
        bus.serve("bluetooth.disconnect", self.disconnect)
        bus.serve("bluetooth.pair", self.pair)
        bus.serve("bluetooth.trust", self.trust)
        bus.serve("bluetooth.remove", self.remove)
        bus.serve("bluetooth.power", self.power)
        context.stack.callback(self.close)

    def close(self) -> None:
        """Scan no more: BlueZ ends what we began when we are gone."""
        for timer in self._scans.values():
            timer.cancel()

    async def scan(self, request: Request[ScanRequest]) -> Scanning:
        """Answer ``bluetooth.scan``."""
        asked = request.payload
        adapters = self._adapters(asked.adapter)
        if asked.timeout_ms == 0:
            ended = {address: path for address, path in adapters.items() if path in self._scans}
            for path in ended.values():
                await self._stop(path)
            return Scanning(adapters=list(ended))
        powered = {address: path for address, path in adapters.items() if self._is_on(address)}
        if not powered:
            raise RequestError(refusal.IN_THE_WAY, "no adapter is powered: bluetooth.power switches one on")
        loop, seconds = asyncio.get_running_loop(), asked.timeout_ms / 1000
        for path in powered.values():
            await self._do("StartDiscovery", partial(self._bluez.discover, path, asked.transport), path=path)
            if path in self._scans:
                self._scans[path].cancel()
            self._scans[path] = loop.call_later(seconds, self._stop_soon, path)
        return Scanning(adapters=list(powered), until=datetime.now(UTC) + timedelta(seconds=seconds))

    async def connect(self, request: Request[DeviceRequest]) -> Done:
        """Answer ``bluetooth.connect``."""
        path, done = self._device(request.payload)
        await self._do("Connect", partial(self._bluez.call, path, DEVICE, "Connect", timeout=CONNECT_S), path=path)
        return done

    async def disconnect(self, request: Request[DeviceRequest]) -> Done:
        """Answer ``bluetooth.disconnect``."""
        path, done = self._device(request.payload)
        id_ = f"device:{done.device}"
        self._registry.asked(id_, True)
        ends = False
        try:
            ends = await self._do("Disconnect", partial(self._bluez.call, path, DEVICE, "Disconnect"), path=path)
        finally:
            if not ends:
                self._registry.asked(id_, False)
        return done

    async def pair(self, request: Request[DeviceRequest]) -> Done:
        """Answer ``bluetooth.pair``."""
        path, done = self._device(request.payload)
        paired = False
        try:
            await self._do("Pair", partial(self._bluez.call, path, DEVICE, "Pair", timeout=PAIR_S), path=path)
            paired = True
        finally:
            if not paired:
                # It may go on without us, and nobody would know what for.
                await self._quietly(self._bluez.call(path, DEVICE, "CancelPairing"))
        return done

    async def trust(self, request: Request[TrustRequest]) -> Done:
        """Answer ``bluetooth.trust``."""
        path, done = self._device(request.payload)
        await self._do("Trusted", partial(self._bluez.set, path, DEVICE, "Trusted", request.payload.trusted), path=path)
        return done

    async def remove(self, request: Request[DeviceRequest]) -> Done:
        """Answer ``bluetooth.remove``: every adapter forgets it, or the one that is named."""
        path, done = self._device(request.payload)
        paths = [path] if request.payload.adapter else self._registry.paths(f"device:{done.device}")
        for one in paths:
            call = partial(self._bluez.call, adapter_of(one), ADAPTER, "RemoveDevice", "o", (one,))
            await self._do("RemoveDevice", call, path=one)
        return done

    async def power(self, request: Request[PowerRequest]) -> Powered:
        """Answer ``bluetooth.power``."""
        asked = request.payload
        adapters = self._adapters(asked.adapter)
        for path in adapters.values():
            await self._do("Powered", partial(self._bluez.set, path, ADAPTER, "Powered", asked.powered), path=path)
        return Powered(adapters=list(adapters), powered=asked.powered)

    # --- what they share --------------------------------------------------------------------------------------------

    def _adapters(self, address: str | None) -> dict[str, str]:
        """The adapters that are meant, by address; raise ``RequestError``."""
        self._bluez_is_here()
        found = self._registry.adapter_paths()
        if address is not None:
            found = {one: path for one, path in found.items() if one == address}
        if not found:
            raise RequestError(refusal.MISSING, f"there is no adapter {address}" if address else "there is no adapter")
        return found

    def _device(self, asked: DeviceRequest) -> tuple[str, Done]:
        """Where BlueZ has the device that is meant, and what is answered then; raise ``RequestError``."""
        self._bluez_is_here()
        paths = self._registry.paths(f"device:{asked.device}")
        adapters = {path: address for address, path in self._registry.adapter_paths().items()}
        fitting = [path for path in paths if asked.adapter in (None, adapters.get(adapter_of(path)))]
        if not fitting:
            by = f" by the adapter {asked.adapter}" if asked.adapter else ""
            raise RequestError(refusal.MISSING, f"{asked.device} is not known{by}: bluetooth.scan looks for devices")
        return fitting[0], Done(device=asked.device, adapter=adapters.get(adapter_of(fitting[0])))

    def _bluez_is_here(self) -> None:
        if self._bluez.owner is None:
            raise RequestError(refusal.NOBODY, "BlueZ does not run")

    def _is_on(self, address: str) -> bool:
        told = self._registry.told(f"adapter:{address}")
        return told is not None and told.powered is True

    async def _do(self, member: str, call: Callable[[], Awaitable[None]], *, path: str) -> bool:
        """Whether the call did something; raise ``RequestError``."""
        if self._context.dry_run:
            log.info("would ask BlueZ", extra={"member": member, "path": path})
            return False
        try:
            await call()
        except DbusError as error:
            if not refusal.is_done(member, error.name):
                raise RequestError(refusal.code(error.name), str(error)) from error
            return False
        except DbusAway as error:
            raise RequestError(refusal.NOBODY, str(error)) from error
        return True

    async def _quietly(self, call: Awaitable[None]) -> None:
        try:
            await call
        except (DbusError, DbusAway) as error:
            log.debug("BlueZ refused", extra={"error": str(error)})

    def _stop_soon(self, path: str) -> None:
        self._context.tasks.create_task(self._stop(path), name="bluetooth.scan")

    async def _stop(self, path: str) -> None:
        if (timer := self._scans.pop(path, None)) is not None:
            timer.cancel()
        if not self._context.dry_run:
            await self._quietly(self._bluez.call(path, ADAPTER, "StopDiscovery"))
