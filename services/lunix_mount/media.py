"""Removable media: mounted by themselves where that is asked for, and unmounted when they were pulled out."""

import asyncio
import logging

from lunix_common.bus import Bus, Change
from lunix_common.schemas.hardware import Device
from lunix_common.schemas.mount import Failed
from lunix_mount import volumes
from lunix_mount.acts import Acts
from lunix_mount.finder import Finder
from lunix_mount.mounter import Job
from lunix_mount.mounts import Row
from lunix_mount.refusal import TOO_LATE, Refused
from lunix_mount.settings import Settings
from lunix_mount.volumes import Volume

log = logging.getLogger("mount")

PULLED_KEPT = 64


class Media:
    """Takes what natsdev tells of block devices."""

    def __init__(self, bus: Bus, acts: Acts, finder: Finder, settings: Settings) -> None:
        self.settings = settings
        self._bus = bus
        self._acts = acts
        self._finder = finder
        self._pulled: dict[str, list[Row]] = {}

    def known(self) -> None:
        """All block devices are known: fill in what is known of them, and mount what is to be mounted."""
        self._acts.read()
        self.look_for_pulled(list(self._acts.mounts.rows.values()))
        for device in volumes.found(self._finder.devices.values(), lambda _device: True):
            self._mount_by_itself(device)

    def take(self, change: Change) -> None:
        """A block device came, changed or went."""
        self._acts.read()
        if isinstance(change.after, Device):
            self._mount_by_itself(change.after)
        else:
            self.look_for_pulled(self._acts.mounts.of_device(change.id))

    # --- pulled out -------------------------------------------------------------------------------------------------

    def look_for_pulled(self, rows: list[Row]) -> None:
        """Unmount what we mounted of devices that are gone; a synthetic ``remove`` takes nothing away."""
        for row in rows:
            if self._acts.is_gone(row):
                self._remember(row)
                self._acts.own(self._clear(row), "mount.pulled")

    def pulled(self, device: str) -> list[Row]:
        """What was unmounted because this device went, by its id or that of the USB device."""
        return self._pulled.get(device, [])

    def _remember(self, row: Row) -> None:
        for key in (row.mount.device, row.mount.usb):
            if key is not None:
                self._pulled.setdefault(key, []).append(row)
        while len(self._pulled) > PULLED_KEPT:
            del self._pulled[next(iter(self._pulled))]

    async def _clear(self, row: Row) -> None:
        log.warning("pulled out while it was mounted", extra={"source": row.mount.source, "where": row.mount.where})
        try:
            await self._acts.unmount(row, "pulled", lazy=True)
        except Refused as refused:
            log.warning("it stays mounted", extra={"where": row.mount.where, "error": refused.why})

    # --- by itself --------------------------------------------------------------------------------------------------

    def _mount_by_itself(self, device: Device) -> None:
        if not self.settings.automount or not self._is_wanted(device):
            return
        volume = volumes.volume(device)
        # One that a person unmounted is left alone, after a restart of ours as well.
        if self._acts.mounter.points.see(f"{device.id} {volume.diskseq} {device.fs_type} {device.fs_uuid}"):
            self._acts.own(self._automount(volume), "mount.automount")

    def _is_wanted(self, device: Device) -> bool:
        if device.fs_type not in self.settings.fs_types:
            return False
        if not volumes.looks_removable(device, self.settings.removable):
            return False
        every = self._finder.devices
        if not volumes.found(every.values(), lambda one: one.id == device.id):
            return False
        # The system may run from a disk on USB: one of which somebody else has mounted something is left to them.
        return not any(
            not row.mount.ours and volumes.are_of_one_disk(every.get(row.mount.device or ""), device)
            for row in self._acts.mounts.rows.values()
        )

    async def _automount(self, volume: Volume) -> None:
        try:
            async with asyncio.timeout(self.settings.mount_timeout_s):
                await self._acts.mount(Job(volume))
        except Refused as refused:
            self._tell_failure(volume, refused.code, refused.why)
        except TimeoutError:
            self._tell_failure(volume, TOO_LATE, f"{volume.node} does not answer")

    def _tell_failure(self, volume: Volume, code: int, why: str) -> None:
        log.warning("not mounted", extra={"source": volume.node, "error": why})
        failed = Failed(
            device=volume.device or "",
            source=volume.node,
            usb=volume.usb,
            fs_type=volume.fs_type,
            fs_label=volume.fs_label,
            code=code,
            why=why,
        )
        self._bus.emit("mount.failed", failed)
