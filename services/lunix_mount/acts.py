"""What is mounted, as the kernel tells it, and what we do about it: each change is told in the step that makes it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from lunix_common.bus import Bus
from lunix_common.schemas.hardware import Device
from lunix_common.schemas.mount import Mount
from lunix_mount import os_block, place
from lunix_mount.apart import apart
from lunix_mount.mounter import Done, Job, Mounter
from lunix_mount.mountinfo import text
from lunix_mount.mounts import Fact, Mounts, Reason, Row
from lunix_mount.refusal import MISSING, TOO_MANY, Refused
from lunix_mount.settings import Settings
from lunix_mount.volumes import Index
from lunix_mount.watch import Watch

log = logging.getLogger("mount")

MOST_CHOSEN = 16
"""At once: a user's folder may be on a file system of the user's own, where a look takes for ever."""

MOST_MADE_S = 5
"""For what is left to do of a mount that is there already."""


class Acts:
    """The table of mounts, the watch that keeps it, and the mounter."""

    def __init__(
        self,
        bus: Bus,
        tasks: asyncio.TaskGroup,
        settings: Settings,
        devices: Callable[[], Mapping[str, Device]],
        *,
        dry_run: bool,
    ) -> None:
        self.watch = Watch(self.read)
        self.mounts = Mounts([settings.media, *settings.allow_where])
        self.mounter = Mounter(settings, dry_run)
        self._bus = bus
        self._tasks = tasks
        self._devices = devices
        self._reasons: dict[str, Reason] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._chosen = 0

    def use(self, settings: Settings) -> None:
        """Take over changed settings; what is mounted stays as it is."""
        self.mounter.settings = settings
        self.mounts.places = [settings.media, *settings.allow_where]

    def start(self) -> None:
        """Learn what is mounted, and clear away what an earlier run left behind. Nothing of it is told."""
        self.mounter.load()
        self._update()
        self._clear()

    def read(self) -> None:
        """Tell what differs from before."""
        facts = self._update()
        for pattern, payload in facts:
            self._bus.emit(pattern, payload)
        if any(pattern == "mount.unmounted" for pattern, _ in facts):
            self._clear()

    def own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something beside the requests, for as long as the daemon runs."""
        self._tasks.create_task(work, name=name)

    def _update(self) -> list[Fact]:
        index = Index(self._devices())
        return self.mounts.update(self.watch.read(), index.of, self.mounter.points.of, self._reasons)

    def _clear(self) -> None:
        idle = self.mounter.idle(row.record for row in self.mounts.rows.values())
        if idle:
            self.own(apart(lambda: self.mounter.clear(idle), "mount.clear"), "mount.clear")

    # --- mount ------------------------------------------------------------------------------------------------------

    async def mount(self, job: Job) -> Mount:
        """Mount and return the mount, or that which is there already; raise ``Refused``.

        Whoever waits may give up: it goes on, and its device is left to it until it ends.
        """
        chosen = job.where is not None and not job.admin
        if chosen and self._chosen >= MOST_CHOSEN:
            raise Refused(TOO_MANY, f"{MOST_CHOSEN} mounts at places that users chose are under way: none of them ends")
        self._chosen += chosen
        answer: asyncio.Future[Mount] = asyncio.get_running_loop().create_future()
        self.own(self._mount_for(job, answer), "mount.mount")
        return await answer

    async def _mount_for(self, job: Job, answer: asyncio.Future[Mount]) -> None:
        try:
            mount = await self._mount(job)
        except Exception as error:  # noqa: BLE001 - who waits for it gets it
            if not answer.done():
                answer.set_exception(error)
            else:
                log.warning("not mounted, and nobody waits any more", extra={"error": str(error)})
        else:
            if not answer.done():
                answer.set_result(mount)
        finally:
            self._chosen -= job.where is not None and not job.admin

    async def _mount(self, job: Job) -> Mount:
        async with self._locks.setdefault(job.volume.node, asyncio.Lock()):
            there = self._there(job)
            if there is not None:
                return there
            done = await apart(lambda: self.mounter.mount(job), "mount.mount")
            self.read()
            row = self.mounts.at(done.where)
            if self.mounter.dry_run or row is None:
                return _planned(job, done)
            log.info("mounted", extra={"source": job.volume.node, "where": text(done.where), "fs_type": done.driver})
            return row.mount

    def _there(self, job: Job) -> Mount | None:
        """What we mounted of the volume already, at the place that is asked for, where the caller may see that."""
        for row in self.mounts.of_device(job.volume.node):
            visible = job.admin or self.is_for_all(row)
            if row.mount.ours and visible and (job.where is None or row.mount.where == _normal(job.where)):
                return row.mount
        return None

    def is_for_all(self, row: Row) -> bool:
        """Whether it is in a place of removable media."""
        return self.mounts.shown(row.mount).where is not None

    # --- unmount ----------------------------------------------------------------------------------------------------

    def is_gone(self, row: Row) -> bool:
        """Whether the device of a mount of ours is."""
        point = self.mounter.points.of(row.record)
        return point is not None and not os_block.is_there(point.major, point.minor, point.diskseq)

    async def unmount(self, row: Row, reason: Reason, *, lazy: bool) -> None:
        """Unmount; raise ``Refused``. What has gone meanwhile is what was asked for."""
        await self._made(row)
        self._reasons[row.mount.id] = reason
        try:
            await apart(lambda: self.mounter.unmount(row.record.where, row.record.id, lazy=lazy), f"mount.{reason}")
        except Refused as refused:
            self.read()
            if refused.code != MISSING or row.mount.id in self.mounts.rows:
                raise
        else:
            self.read()
            log.info("unmounted", extra={"where": row.mount.where, "reason": reason})
        finally:
            self._reasons.pop(row.mount.id, None)

    async def _made(self, row: Row) -> None:
        """Wait for who mounted it: the kernel tells of a mount, and we do, a moment before its place is noted as ours.

        Not for long, since another mount of the same device may never end.
        """
        lock = self._locks.get(row.mount.source or "")
        if lock is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST_MADE_S), lock:
                    pass


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
