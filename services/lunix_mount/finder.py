"""Which volume a request means: by natsdev's block devices, which are followed, or else by links below ``/dev/disk``.

A stick is told of a second before its file system is. So the volume of a device is waited for, by events and with a
deadline. Once it is there natsdev is asked to settle: then all partitions of the stick are known, and the first is
taken whichever was looked at first.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import cast

from lunix_common.bus import Bus, BusAway, Change, Mirror, RequestError
from lunix_common.schemas.hardware import Device
from lunix_common.schemas.mount import MountRequest
from lunix_mount import volumes
from lunix_mount.apart import apart
from lunix_mount.refusal import BAD, CORRUPT, MISSING, NO_NATSDEV, UNKNOWN, Refused
from lunix_mount.volumes import Meant, Volume

log = logging.getLogger("mount")

PART = "devices"
AWAY = "natsdev is not on the bus: nothing is mounted by the id of a device, and nothing by itself"
FIRST_S = 1.0
"""So long a daemon that was started together with natsdev does not complain."""
SETTLE_S = 20.0
"""A probe may take ten; before that a second partition can be known, and the first one not."""


class Finder:
    """Follows natsdev's block devices, and looks for volumes among them."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._mirror: Mirror | None = None
        self._is_away = False
        """Nobody answered for natsdev when it was asked last."""

    @property
    def devices(self) -> Mapping[str, Device]:
        """The block devices by id; none where natsdev does not answer."""
        return cast("Mapping[str, Device]", self._mirror.items) if self._mirror else {}

    async def follow(self, start: Callable[[], None], take: Callable[[Change], None]) -> None:
        """Follow for ever: ``start`` is called when all devices are known, ``take`` with each change from then on."""
        waiting = asyncio.get_running_loop().call_later(FIRST_S, self._gone)
        self._bus.subscribe("hardware.ready", lambda _message: self._back())
        mirror = self._bus.follow("hardware", {"subsystem": "block"})
        try:
            async with mirror:
                waiting.cancel()
                self._mirror = mirror
                self._back()
                log.info("the devices are known", extra={"devices": len(self.devices)})
                start()
                async for change in mirror.changes():
                    take(change)
        finally:
            waiting.cancel()

    def _gone(self) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("natsdev does not answer: devices are known by their nodes alone")
            self._bus.part_is_off(PART, AWAY)

    def _back(self) -> None:
        if self._is_away and self._mirror is not None:
            self._is_away = False
            log.info("natsdev is back")
            self._bus.part_is_off(PART, None)

    async def find(self, asked: MountRequest) -> Volume:
        """The volume that a request means; raise ``Refused``. Takes as long as it takes: the caller has a deadline."""
        if sum(what is not None for what in (asked.device, asked.uuid, asked.label)) != 1:
            raise Refused(BAD, "name one of device, uuid and label")
        if asked.uuid is not None:
            return await self._wait(volumes.with_uuid(asked.uuid), f"UUID {asked.uuid}", _link("by-uuid", asked.uuid))
        if asked.label is not None:
            return await self._wait(
                volumes.with_label(asked.label), f"label {asked.label!r}", _link("by-label", asked.label)
            )
        assert asked.device is not None, "one of the three is there"
        if asked.device.startswith("/"):
            return await self._of_node(asked.device, asked.fs_type)
        return await self._of_id(asked.device)

    async def _of_node(self, node: str, fs_type: str | None) -> Volume:
        plain = volumes.node_path(node)
        path = None if plain is None else await apart(lambda: _block_device(plain), "mount.look")
        if path is None:
            raise Refused(MISSING, f"there is no block device {node}")
        # What natsdev told before it went may be of another disk by now.
        devices = list(self.devices.values()) if self._mirror and await self._settled(self._mirror) else []
        mine = [device for device in devices if volumes.at(path)(device)]
        if not mine:
            return Volume(path)
        (device, *_) = mine
        if fs_type is not None or volumes.is_volume(device):
            return volumes.volume(device)
        if device.part_table:
            return await self._wait(volumes.below(device.id, device.devpath), node)
        raise Refused(*_nothing(devices, volumes.at(path), node))

    async def _of_id(self, id_: str) -> Volume:
        if self._mirror is None:
            raise Refused(NO_NATSDEV, f"{AWAY}; name a device node, a UUID or a label")
        try:
            answer = await self._bus.request("hardware.get", {"device": id_}, timeout=SETTLE_S)
            found = Device.model_validate(answer)
        except RequestError as error:
            if error.code == MISSING:
                raise Refused(MISSING, f"there is no device {id_!r}") from None
            raise Refused(NO_NATSDEV, f"natsdev does not tell of {id_!r}: {error.message}") from None
        except (BusAway, TimeoutError) as error:
            raise Refused(NO_NATSDEV, f"natsdev does not tell of {id_!r}: {error}") from None
        return await self._wait(volumes.below(id_, found.devpath), f"device {id_}")

    async def _wait(self, meant: Meant, what: str, without: Callable[[], Volume | None] = lambda: None) -> Volume:
        """The first volume that is meant, when it is there and natsdev has told all that belongs to it."""
        mirror = self._mirror
        while True:
            if mirror is not None:
                await self._settled(mirror)
            if mirror is None or self._is_away:
                volume = await apart(without, "mount.look")
                if volume is None:
                    raise Refused(MISSING, f"there is no volume of {what}, as far as /dev/disk tells without natsdev")
                return volume
            devices = list(self.devices.values())
            found = volumes.found(devices, meant)
            if found:
                return volumes.volume(found[0])
            why = volumes.why_none(devices, meant)
            if why is not None:
                raise Refused(UNKNOWN, why)
            await mirror.until(lambda _items: self._is_decided(meant))

    def _is_decided(self, meant: Meant) -> bool:
        devices = self.devices.values()
        return bool(volumes.found(devices, meant)) or volumes.why_none(devices, meant) is not None

    async def _settled(self, mirror: Mirror) -> bool:
        """Return when the devices are known as of now, and whether they are: natsdev may not answer."""
        try:
            await self._bus.request("hardware.settle", {"timeout_ms": int(SETTLE_S * 1000)}, timeout=SETTLE_S + 1)
        except (BusAway, RequestError, TimeoutError) as error:
            log.debug("natsdev does not settle", extra={"error": str(error)})
            if isinstance(error, RequestError) and error.code == NO_NATSDEV:
                self._gone()
            return False
        self._back()
        # One that was started anew has not told anything yet.
        await mirror.refresh()
        return True


def _block_device(node: str) -> str | None:
    """Where a node or a link to one leads."""
    return os.path.realpath(node) if Path(node).is_block_device() else None


def _nothing(devices: Iterable[Device], meant: Meant, what: str) -> tuple[int, str]:
    why = volumes.why_none(devices, meant)
    return (UNKNOWN, why) if why else (CORRUPT, f"there is no file system on {what} that is known")


def _link(folder: str, text: str) -> Callable[[], Volume | None]:
    """Where udev or natsdev has put a link of this name."""

    def look() -> Volume | None:
        path = Path("/dev/disk") / folder / link_name(text)
        return Volume(str(path.resolve())) if path.is_block_device() else None

    return look


def link_name(text: str) -> str:
    r"""A label as udev writes it in the name of a link: all but letters, digits and a few marks as ``\xNN``."""
    plain = frozenset("#+-.:=@_")
    return "".join(
        one if one in plain or (one.isascii() and one.isalnum()) or not one.isascii() else f"\\x{ord(one):02x}"
        for one in text
    )
