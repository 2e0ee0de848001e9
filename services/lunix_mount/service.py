"""The daemon: the kernel's list of mounts is followed, requests are answered, sticks are mounted and cleared away.

mountinfo changed ─┬→ what differs is told        request → find the volume → mount it → read mountinfo → answer
natsdev's change ──┘   our empty folders go       natsdev's change → mount by itself, or unmount what was pulled
"""

import asyncio
import logging
import os

from lunix_common.bus import Bus, Request, RequestError
from lunix_common.daemon import Context
from lunix_common.schemas.mount import ListRequest, Mount, MountRequest, UnmountReply, UnmountRequest
from lunix_common.subjects import Role
from lunix_mount import os_mount, place, volumes
from lunix_mount.acts import Acts
from lunix_mount.finder import Finder
from lunix_mount.media import Media
from lunix_mount.mounter import Job
from lunix_mount.mounts import Row
from lunix_mount.refusal import BAD, DENIED, MISSING, NO_RIGHTS, TOO_LATE, Refused
from lunix_mount.settings import Settings
from lunix_mount.volumes import Volume

log = logging.getLogger("mount")


async def serve(context: Context[Settings]) -> None:
    """Tell, answer and mount until the daemon is asked to stop. What is mounted stays so."""
    bus, settings = context.bus, context.settings
    finder = Finder(bus)
    acts = Acts(bus, context.tasks, settings, lambda: finder.devices, dry_run=context.dry_run)
    media = Media(bus, acts, finder, settings)
    context.stack.enter_context(acts.watch)
    acts.start()
    media.look_for_pulled(list(acts.mounts.rows.values()))
    if not os_mount.may_mount():
        bus.part_is_off("mounting", NO_RIGHTS)
    answers = Answers(bus, acts, finder, media)
    bus.serve("mount.list", answers.listed)
    bus.serve("mount.mount", answers.mount)
    bus.serve("mount.unmount", answers.unmount)
    await context.ready()
    context.tasks.create_task(finder.follow(media.known, media.take), name="mount.devices")
    while True:
        await context.reload.wait()
        context.reload.clear()
        acts.use(context.settings)
        media.settings = context.settings
        media.known()


class Answers:
    """Answers requests."""

    def __init__(self, bus: Bus, acts: Acts, finder: Finder, media: Media) -> None:
        self._bus = bus
        self._acts = acts
        self._finder = finder
        self._media = media

    async def listed(self, request: Request[ListRequest]) -> bytes:
        """Answer ``mount.list``."""
        everything = request.role.includes(Role.ADMIN)
        return self._bus.page(request.payload, lambda asked: self._acts.mounts.listed(asked, everything=everything))

    async def mount(self, request: Request[MountRequest]) -> Mount:
        """Answer ``mount.mount``."""
        asked = request.payload
        if not os_mount.may_mount():  # before the volume is waited for, which nothing here could mount
            raise RequestError(DENIED, NO_RIGHTS)
        volume: Volume | None = None
        try:
            async with asyncio.timeout(asked.timeout_ms / 1000):
                volume = await self._finder.find(asked)
                return await self._acts.mount(_job(request, volume))
        except Refused as refused:
            raise RequestError(refused.code, refused.why) from None
        except TimeoutError:
            devices = self._finder.devices.values()
            late = volumes.missing(asked, devices) if volume is None else f"{volume.node} is still being mounted"
            raise RequestError(TOO_LATE, f"after {asked.timeout_ms / 1000:g} s {late}") from None

    async def unmount(self, request: Request[UnmountRequest]) -> UnmountReply:
        """Answer ``mount.unmount``."""
        asked = request.payload
        # Whoever renames a folder above a mount point changes its path, and nothing tells.
        self._acts.read()
        rows = self._meant(asked)
        admin = request.role.includes(Role.ADMIN)
        if not admin:
            rows = self._allowed(asked, rows)
        if not rows:
            rows = self._media.pulled(asked.device or "")
            if not rows:
                raise RequestError(MISSING, f"nothing of {asked.where or asked.device or asked.id} is mounted")
        else:
            await self._unmount_all(rows, lazy=asked.lazy)
        mounts = [row.mount if admin else self._acts.mounts.shown(row.mount) for row in rows]
        return UnmountReply(unmounted=mounts)

    def _meant(self, asked: UnmountRequest) -> list[Row]:
        if sum(what is not None for what in (asked.where, asked.device, asked.id)) != 1:
            raise RequestError(BAD, "name one of where, device and id")
        mounts = self._acts.mounts
        if asked.device is not None:
            node = volumes.node_path(asked.device)
            return mounts.of_device(asked.device if node is None else os.path.realpath(node))
        try:
            row = mounts.at(_place(asked.where)) if asked.where is not None else mounts.rows.get(asked.id or "")
        except place.NoPlace as error:
            raise RequestError(BAD, str(error)) from None
        return [] if row is None else [row]

    def _allowed(self, asked: UnmountRequest, rows: list[Row]) -> list[Row]:
        """What no admin may unmount is refused; where else something is mounted is not even told."""
        if asked.where is not None:
            rows = [row for row in rows if self._acts.is_for_all(row)]
        points = [self._acts.mounter.points.of(row.record) if self._acts.is_for_all(row) else None for row in rows]
        if not all(point is not None and point.removable for point in points):
            raise RequestError(DENIED, "only an admin may unmount what is no removable medium that lunix-mount mounted")
        return rows

    async def _unmount_all(self, rows: list[Row], *, lazy: bool) -> None:
        try:
            # What is inside of another goes before it.
            for row in reversed(rows):
                gone = self._acts.is_gone(row)
                await self._acts.unmount(row, "pulled" if gone else "asked", lazy=lazy or gone)
        except Refused as refused:
            raise RequestError(refused.code, refused.why) from None


def _job(request: Request[MountRequest], volume: Volume) -> Job:
    asked = request.payload
    admin = request.role.includes(Role.ADMIN)
    return Job(volume, admin, asked.where, asked.fs_type, asked.read_only, tuple(asked.options))


def _place(where: str) -> bytes:
    return place.joined(place.parts(where))
