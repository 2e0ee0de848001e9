"""The daemon: the kernel's list of mounts is followed, requests are answered, sticks are mounted and cleared away.

mountinfo changed ─┬→ what differs is told        request → find the volume → mount it → read mountinfo → answer
natsdev's change ──┘   our empty folders go       natsdev's change → mount by itself, or unmount what was pulled
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

from lunix_common.bus import Bus, Change, Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.hardware import Device
from lunix_common.schemas.mount import (
    Failed,
    ListRequest,
    Mount,
    MountRequest,
    UnmountReply,
    UnmountRequest,
)
from lunix_common.subjects import Role
from lunix_mount import os_block, place, volumes
from lunix_mount.finder import Finder
from lunix_mount.mounter import Done, Job, Mounter, apart
from lunix_mount.mountinfo import text
from lunix_mount.mounts import Fact, Mounts, Reason, Row
from lunix_mount.refusal import BAD, DENIED, MISSING, TOO_LATE, Refused
from lunix_mount.settings import Settings
from lunix_mount.volumes import Index, Volume
from lunix_mount.watch import Watch

log = logging.getLogger("mount")

PULLED_KEPT = 64


async def serve(context: Context[Settings]) -> None:
    """Tell, answer and mount until the daemon is asked to stop. What is mounted stays so."""
    service = MountService(context)
    context.stack.enter_context(service.watch)
    service.start()
    bus = context.bus
    bus.serve("mount.list", service.listed)
    bus.serve("mount.mount", service.mount)
    bus.serve("mount.unmount", service.unmount)
    await context.ready()
    context.tasks.create_task(service.finder.follow(service.known, service.take), name="mount.devices")
    while True:
        await context.reload.wait()
        context.reload.clear()
        service.use(context.settings)


class MountService:
    """Holds the table of mounts, the finder of volumes and the mounter together."""

    def __init__(self, context: Context[Settings]) -> None:
        self.finder = Finder(context.bus)
        self.watch = Watch(self.read)
        self._bus: Bus = context.bus
        self._tasks = context.tasks
        self._settings = context.settings
        self._mounter = Mounter(context.settings, context.dry_run)
        self._mounts = Mounts([context.settings.media, *context.settings.allow_where])
        self._reasons: dict[str, Reason] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._pulled: dict[str, list[Mount]] = {}
        """What was unmounted because its device went, by the ids of device and USB device: the last of them."""

    def use(self, settings: Settings) -> None:
        """Take over changed settings; what is mounted stays as it is."""
        self._settings = self._mounter.settings = settings
        self._mounts.places = [settings.media, *settings.allow_where]
        self.known()

    # --- what there is ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Learn what is mounted, and clear away what an earlier run left behind. Nothing of it is told."""
        self._mounter.load()
        self._update()
        self._clear()
        for row in list(self._mounts.rows.values()):
            self._look_whether_pulled(row)

    def read(self) -> None:
        """Tell what differs from before."""
        facts = self._update()
        for pattern, payload in facts:
            self._bus.emit(pattern, payload)
        if any(pattern == "mount.unmounted" for pattern, _ in facts):
            self._clear()

    def _update(self) -> list[Fact]:
        records = self.watch.read()
        index = Index(self.finder.devices)
        return self._mounts.update(records, index.of, self._mounter.points.of, self._reasons)

    def _clear(self) -> None:
        idle = self._mounter.idle(row.record for row in self._mounts.rows.values())
        if idle:
            self._own(apart(lambda: self._mounter.clear(idle), "mount.clear"), "mount.clear")

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.create_task(work, name=name)

    # --- requests ---------------------------------------------------------------------------------------------------

    async def listed(self, request: Request[ListRequest]) -> bytes:
        """Answer ``mount.list``."""
        everything = request.role.includes(Role.ADMIN)
        return self._bus.page(request.payload, lambda asked: self._mounts.listed(asked, everything=everything))

    async def mount(self, request: Request[MountRequest]) -> Mount:
        """Answer ``mount.mount``."""
        asked = request.payload
        volume: Volume | None = None
        try:
            async with asyncio.timeout(asked.timeout_ms / 1000):
                volume = await self.finder.find(asked)
                job = Job(
                    volume,
                    request.role.includes(Role.ADMIN),
                    asked.where,
                    asked.fs_type,
                    asked.read_only,
                    tuple(asked.options),
                )
                return await self._mount(job)
        except Refused as refused:
            raise RequestError(refused.code, refused.why) from None
        except TimeoutError:
            what = asked.device or asked.uuid or asked.label
            late = f"there is no volume of {what} yet" if volume is None else f"{volume.node} is still being mounted"
            raise RequestError(TOO_LATE, f"{late} after {asked.timeout_ms} ms") from None

    async def _mount(self, job: Job) -> Mount:
        """Mount and return the mount; one that is there already where it is as it is asked for."""
        async with self._locks.setdefault(job.volume.node, asyncio.Lock()):
            there = self._there(job)
            if there is not None:
                return there
            done = await apart(lambda: self._mounter.mount(job), "mount.mount")
            self.read()
            row = self._mounts.at(done.where)
            if self._mounter.dry_run or row is None:
                return _planned(job, done)
            log.info("mounted", extra={"source": job.volume.node, "where": text(done.where), "fs_type": done.driver})
            return row.mount

    def _there(self, job: Job) -> Mount | None:
        ours = [row.mount for row in self._mounts.of_device(job.volume.node) if row.mount.ours]
        for mount in ours:
            if job.where is None or mount.where == _normal(job.where):
                return mount
        return None

    async def unmount(self, request: Request[UnmountRequest]) -> UnmountReply:
        """Answer ``mount.unmount``."""
        asked = request.payload
        # Whoever renames a folder above a mount point changes its path, and nothing tells.
        self.read()
        rows = self._meant(asked)
        if not rows:
            if asked.device in self._pulled:
                return UnmountReply(unmounted=self._pulled[asked.device])
            raise RequestError(MISSING, f"nothing of {asked.where or asked.device or asked.id} is mounted")
        if not request.role.includes(Role.ADMIN):
            self._check_unmount(rows)
        try:
            # What is inside of another goes before it.
            for row in reversed(rows):
                await self._unmount(row, "asked", lazy=asked.lazy)
        except Refused as refused:
            raise RequestError(refused.code, refused.why) from None
        return UnmountReply(unmounted=[row.mount for row in rows])

    def _meant(self, asked: UnmountRequest) -> list[Row]:
        if sum(what is not None for what in (asked.where, asked.device, asked.id)) != 1:
            raise RequestError(BAD, "name one of where, device and id")
        if asked.id is not None:
            row = self._mounts.rows.get(asked.id)
            return [] if row is None else [row]
        if asked.device is not None:
            return self._mounts.of_device(asked.device)
        assert asked.where is not None, "one of the three is there"
        try:
            row = self._mounts.at(place.joined(place.parts(asked.where)))
        except place.NoPlace as error:
            raise RequestError(BAD, str(error)) from None
        return [] if row is None else [row]

    def _check_unmount(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if not row.mount.ours or self._mounts.shown(row.mount).where is None:
                raise RequestError(DENIED, "only an admin may unmount what lunix-mount did not mount for users")

    async def _unmount(self, row: Row, reason: Reason, *, lazy: bool) -> None:
        self._reasons[row.mount.id] = reason
        try:
            await apart(lambda: self._mounter.unmount(row.record.where, row.record.id, lazy=lazy), f"mount.{reason}")
            self.read()
        finally:
            self._reasons.pop(row.mount.id, None)
        log.info("unmounted", extra={"where": row.mount.where, "reason": reason})

    # --- removable media --------------------------------------------------------------------------------------------

    def known(self) -> None:
        """Natsdev has told all block devices: fill in what is known of them, and mount what is to be mounted."""
        self.read()
        for device in volumes.found(self.finder.devices.values(), lambda _device: True):
            self._mount_by_itself(device)

    def take(self, change: Change) -> None:
        """A block device came, changed or went."""
        self.read()
        if isinstance(change.after, Device):
            self._mount_by_itself(change.after)
            return
        for row in self._mounts.of_device(change.id):
            self._look_whether_pulled(row)

    def _look_whether_pulled(self, row: Row) -> None:
        """Unmount what we mounted of a device that is gone; a synthetic ``remove`` takes nothing away."""
        point = self._mounter.points.of(row.record)
        if point is None or os_block.is_there(point.major, point.minor, point.diskseq):
            return
        for key in {row.mount.device, row.mount.usb} - {None}:
            self._pulled.setdefault(str(key), []).append(row.mount)
        while len(self._pulled) > PULLED_KEPT:
            del self._pulled[next(iter(self._pulled))]
        self._own(self._clear_pulled(row), "mount.pulled")

    async def _clear_pulled(self, row: Row) -> None:
        log.warning("pulled out while it was mounted", extra={"source": row.mount.source, "where": row.mount.where})
        try:
            await self._unmount(row, "pulled", lazy=True)
        except Refused as refused:
            log.warning("it stays mounted", extra={"where": row.mount.where, "error": refused.why})

    def _mount_by_itself(self, device: Device) -> None:
        if not self._settings.automount or not self._is_for_automount(device):
            return
        volume = volumes.volume(device)
        # One that a person unmounted is left alone, after a restart of ours as well.
        if self._mounter.points.see(f"{device.id} {volume.diskseq} {device.fs_type} {device.fs_uuid}"):
            self._own(self._automount(volume), "mount.automount")

    def _is_for_automount(self, device: Device) -> bool:
        if (
            not volumes.looks_removable(device, self._settings.removable)
            or device.fs_type not in self._settings.fs_types
        ):
            return False
        meant = volumes.found(self.finder.devices.values(), lambda one: one.id == device.id)
        return bool(meant) and not self._mounts.of_device(device.devnode or "")

    async def _automount(self, volume: Volume) -> None:
        try:
            async with asyncio.timeout(self._settings.mount_timeout_s):
                await self._mount(Job(volume))
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


def _planned(job: Job, done: Done) -> Mount:
    """What a dry run would have made, or a mount that somebody has unmounted already."""
    volume = job.volume
    return Mount(
        id="-",
        where=text(done.where),
        source=volume.node,
        fs_type=done.driver,
        read_only=job.read_only,
        device=volume.device,
        usb=volume.usb,
        fs_label=volume.fs_label,
        fs_uuid=volume.fs_uuid,
        ours=True,
    )


def _normal(where: str) -> str | None:
    try:
        return text(place.joined(place.parts(where)))
    except place.NoPlace:
        return None
