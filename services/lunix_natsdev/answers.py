"""What natsdev answers: ``hardware.list``, ``hardware.get``, ``hardware.settle``, ``hardware.trigger``."""

import asyncio
from collections.abc import Iterator

from lunix_common.bus import Bus, Request, RequestError
from lunix_common.schemas.hardware import (
    Device,
    GetRequest,
    ListRequest,
    Settled,
    SettleRequest,
    Triggered,
    TriggerRequest,
)
from lunix_natsdev import os_sysfs
from lunix_natsdev.service import Natsdev

_FILTERS = tuple(name for name in ListRequest.model_fields if name in Device.model_fields)


class Answers:
    """The endpoints of natsdev."""

    def __init__(self, bus: Bus, natsdev: Natsdev) -> None:
        self._bus = bus
        self._natsdev = natsdev

    def declare(self) -> None:
        """Take them up on the bus; call it before the daemon is ready."""
        self._bus.serve_list("hardware", self._list)
        self._bus.serve("hardware.get", self._get)
        self._bus.serve("hardware.settle", self._settle)
        self._bus.serve("hardware.trigger", self._trigger)

    def _list(self, asked: ListRequest) -> Iterator[Device]:
        wanted = {name: value for name in _FILTERS if (value := getattr(asked, name)) is not None}
        return (
            device
            for device in self._natsdev.table
            if all(getattr(device, name) == value for name, value in wanted.items())
        )

    async def _get(self, request: Request[GetRequest]) -> Device:
        return self._find(request.payload.device)[0]

    async def _settle(self, request: Request[SettleRequest]) -> Settled:
        limit_ms = request.payload.timeout_ms
        try:
            async with asyncio.timeout(limit_ms / 1000):
                await self._natsdev.settle()
        except TimeoutError:
            raise RequestError(504, f"events from before the request are in work after {limit_ms} ms") from None
        return Settled(seq=self._bus.seq)

    async def _trigger(self, request: Request[TriggerRequest]) -> Triggered:
        asked = request.payload
        if asked.device is not None:
            paths = [self._find(asked.device)[1]]
        else:
            wanted = ListRequest(subsystem=asked.subsystem)
            chosen = {device.id for device in self._list(wanted)}
            paths = [path for device, path in self._natsdev.table.paths() if device.id in chosen]
        # A driver may take its time to answer, power supplies for one; so this is no work for the loop.
        errors = await asyncio.to_thread(_trigger, paths, asked.action)
        if errors and len(errors) == len(paths):
            first = errors[0]
            code = 403 if isinstance(first, PermissionError) else 409
            raise RequestError(code, f"the kernel refuses the event: {first.strerror}")
        return Triggered(devices=len(paths) - len(errors))

    def _find(self, wanted: str) -> tuple[Device, bytes]:
        found = self._natsdev.table.get(wanted)
        if found is None:
            raise RequestError(404, f"there is no device {wanted!r}")
        return found


def _trigger(paths: list[bytes], action: str) -> list[OSError]:
    errors: list[OSError] = []
    for path in paths:
        try:
            os_sysfs.trigger(path, action)
        except OSError as error:
            errors.append(error)
    return errors
