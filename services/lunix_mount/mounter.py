"""Mounting and unmounting: what a request or a new stick comes to, step by step.

    volume → open the device → what the caller may → a place → note it → mount(2) → note the mount
    mount → the place's folder → umount(2) → remove the folder that we made → forget it

All of it blocks, and is done in threads (``apart``). Whoever works at a place claims it first. No lock is held while a
device or a path is looked at: either can take for ever.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

from lunix_mount import os_block, os_mount, os_place, place, points, policy
from lunix_mount.mountinfo import Record, text
from lunix_mount.os_block import Block
from lunix_mount.os_mount import How
from lunix_mount.os_place import Spot
from lunix_mount.points import Point, Points
from lunix_mount.policy import Denied, Wanted
from lunix_mount.refusal import DENIED, IN_THE_WAY, MISSING, NO_RIGHTS, Refused, of_mount, of_place, of_unmount
from lunix_mount.settings import Settings
from lunix_mount.volumes import Volume, matches

log = logging.getLogger("mount")


@dataclass(frozen=True)
class Job:
    """What is to be mounted, for whom."""

    volume: Volume
    admin: bool = False
    where: str | None = None
    fs_type: str | None = None
    read_only: bool = False
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """What was mounted, or would be."""

    where: bytes
    number: int | None
    driver: str


@dataclass
class Mounter:
    """Does it, one thing at a time for each place, and keeps the note of our mount points."""

    settings: Settings
    dry_run: bool = False
    points: Points = field(default_factory=Points)
    busy: set[bytes] = field(default_factory=set[bytes])
    """Places at which somebody is at work."""

    def __post_init__(self) -> None:
        self._claiming = threading.Lock()
        self._saving = threading.Lock()

    def _claim(self, path: bytes) -> bool:
        with self._claiming:
            if path in self.busy:
                return False
            self.busy.add(path)
            return True

    def load(self) -> None:
        """Read what an earlier run has noted."""
        try:
            self.points = points.decode(self.settings.state_file.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            log.warning("the note of mount points is of no use", extra={"error": str(error)})

    def save(self) -> None:
        """Write the note: the whole of it, in one step. Without it mounting goes on, and a crash leaves folders."""
        if self.dry_run:
            return
        file = self.settings.state_file
        fresh = file.with_suffix(".new")
        with self._saving:
            try:
                file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                fresh.write_bytes(self.points.encode())
                fresh.replace(file)
            except OSError as error:
                log.warning("the mount points cannot be noted", extra={"file": str(file), "error": error.strerror})

    # --- mount ------------------------------------------------------------------------------------------------------

    def mount(self, job: Job) -> Done:
        """Mount; raise ``Refused``. Blocks."""
        if not os_mount.may_mount():
            raise Refused(DENIED, NO_RIGHTS)
        try:
            block = os_block.open_block(job.volume.node)
        except OSError as error:
            raise of_mount(error, job.volume.node, "file system") from None
        with closing(block):
            self._check(job, block)
            spot, made = self._place(job, block)
            try:
                return self._mount(job, block, spot, made=made)
            finally:
                self.busy.discard(spot.path)
                spot.close()

    def _check(self, job: Job, block: Block) -> None:
        volume = job.volume
        if volume.number not in (None, (block.major, block.minor)) or (
            volume.diskseq is not None and block.diskseq is not None and volume.diskseq != block.diskseq
        ):
            raise Refused(MISSING, f"{volume.node} is another device now than the one that was meant")
        if job.admin:
            return
        where = None if job.where is None else _parts(job.where)
        wanted = Wanted(
            volume.fs_type,
            job.fs_type,
            job.options,
            self._is_removable(block),
            chosen=where is not None,
            allowed=where is not None and place.is_below(where, self.settings.allow_where),
        )
        try:
            policy.check(wanted, self.settings.fs_types)
        except Denied as error:
            raise Refused(DENIED, str(error)) from None

    def _is_removable(self, block: Block) -> bool:
        return block.removable or matches(block.disk, self.settings.removable)

    def _drivers(self, job: Job) -> tuple[str, ...]:
        fs_type = job.fs_type or job.volume.fs_type
        if fs_type is not None:
            return policy.drivers(fs_type)
        # Nobody tells what it is: what is usual is tried, as mount(8) does.
        known = [driver for one in self.settings.fs_types for driver in policy.drivers(one)]
        return tuple(driver for driver in known if driver not in policy.HELPERS)

    def _mount(self, job: Job, block: Block, spot: Spot, *, made: bool) -> Done:
        drivers = self._drivers(job)
        if self.dry_run:
            log.info("would mount", extra={"source": block.node, "where": text(spot.path), "drivers": drivers})
            return Done(spot.path, None, drivers[0])
        how = How(
            drivers,
            self.settings.owner,
            job.read_only,
            self.settings.noexec and not job.admin,
            job.options,
            # It looks the path up by itself: below a folder of a person's that may lead elsewhere by then.
            helpers=job.admin or job.where is None,
        )
        try:
            driver = os_mount.mount(block, spot, how)
        except BaseException:
            self._leave(spot, made=made)
            raise
        number = spot.number()
        if number is not None:
            self.points.mounted(spot.path, number)
        self.save()
        return Done(spot.path, number, driver)

    # --- places -----------------------------------------------------------------------------------------------------

    def _place(self, job: Job, block: Block) -> tuple[Spot, bool]:
        """The open place, claimed and noted, and whether its folder was made; raise ``Refused``."""
        if job.where is not None:
            path = place.joined(_parts(job.where))
            if not self._claim(path):
                raise Refused(IN_THE_WAY, f"{text(path)}: somebody mounts or unmounts there at this moment")
            found = self._claimed(path, lambda spot: _is_missing(spot, job), job, block)
            assert found is not None, "a chosen place will do, or is refused"
            return found
        plain = place.name(job.volume.fs_label, job.volume.fs_uuid, job.volume.node)
        for name in place.numbered(plain):
            path = place.joined([*place.parts(self.settings.media), os.fsencode(name)])
            if self._claim(path) and (found := self._claimed(path, _is_free, job, block)):
                return found
        raise Refused(IN_THE_WAY, f"all places {plain}, {plain}-2, … below {self.settings.media} are taken")

    def _claimed(
        self, path: bytes, look: Callable[[Spot], bool | None], job: Job, block: Block
    ) -> tuple[Spot, bool] | None:
        """A place if it will do; else it is released. ``look`` tells whether to make it, ``None``: it is taken."""
        spot: Spot | None = None
        try:
            spot = os_place.spot(path, make_parents=job.where is None and not self.dry_run)
            make = look(spot)
            if make is not None:
                return spot, self._take(spot, job, block, make=make)
        except OSError as error:
            self._release(path, spot)
            raise of_place(error, error.filename or text(path)) from None
        except BaseException:
            self._release(path, spot)
            raise
        self._release(path, spot)
        return None

    def _release(self, path: bytes, spot: Spot | None) -> None:
        self.busy.discard(path)
        if spot is not None:
            spot.close()

    def _take(self, spot: Spot, job: Job, block: Block, *, make: bool) -> bool:
        """Note the place before its folder is made: after a crash in between there is nothing to remove."""
        if self.dry_run:
            return False
        volume = job.volume
        point = Point(spot.path, block.node, make, block.major, block.minor, block.diskseq, volume.device, volume.usb)
        self.points.put(replace(point, removable=self._is_removable(block)))
        self.save()
        try:
            return make and spot.make()
        except OSError:
            self.points.drop(spot.path)
            raise

    def _leave(self, spot: Spot, *, made: bool) -> None:
        if made:
            with suppress(OSError):
                spot.remove()
        self.points.drop(spot.path)
        self.save()

    # --- unmount ----------------------------------------------------------------------------------------------------

    def unmount(self, where: bytes, number: int, *, lazy: bool) -> None:
        """Unmount what is there and has this number; raise ``Refused``. Blocks."""
        if self.dry_run:
            log.info("would unmount", extra={"where": text(where), "lazy": lazy})
            return
        if not self._claim(where):
            raise Refused(IN_THE_WAY, f"{text(where)}: somebody mounts or unmounts there at this moment")
        try:
            with closing(os_place.spot(where)) as spot:
                spot.unmount(number, lazy=lazy)
                point = self.points.points.get(where)
                if point is not None and point.number in (None, number):
                    self._tidy(spot, point)
                    self._drop(point)
        except place.NoPlace as error:
            raise Refused(MISSING, str(error)) from None
        except OSError as error:
            raise of_unmount(error, text(where)) from None
        finally:
            self.busy.discard(where)

    def clear(self, idle: Iterable[Point]) -> None:
        """Remove the folders that we made for what is mounted there no more, and forget these places. Blocks."""
        for point in idle:
            if not self._claim(point.where):
                continue
            try:
                if self.points.points.get(point.where) is point:
                    self._forget(point)
            finally:
                self.busy.discard(point.where)

    def _forget(self, point: Point) -> None:
        try:
            with closing(os_place.spot(point.where)) as spot:
                if point.number is not None and spot.number() == point.number:
                    return  # It was mounted after the look at mountinfo.
                self._tidy(spot, point)
        except OSError as error:
            log.debug("a mount point is gone", extra={"where": text(point.where), "error": str(error)})
        self._drop(point)

    def _tidy(self, spot: Spot, point: Point) -> None:
        """Remove the folder where it is ours and empty."""
        if point.made:
            try:
                spot.remove()
            except OSError as error:
                log.debug("a mount point stays", extra={"where": text(point.where), "error": str(error)})
            else:
                log.info("a mount point was removed", extra={"where": text(point.where)})

    def _drop(self, point: Point) -> None:
        self.points.drop(point.where)
        self.save()

    def idle(self, records: Iterable[Record]) -> list[Point]:
        """Places that are noted, and at which nothing of ours is mounted."""
        return self.points.idle(records, frozenset(self.busy))


def _is_missing(spot: Spot, job: Job) -> bool:
    """Whether a place that somebody chose has to be made; raise ``Refused`` where it is taken."""
    try:
        found = spot.look()
    except FileNotFoundError:
        return True
    if found.mounted:
        raise Refused(IN_THE_WAY, f"something is mounted on {text(spot.path)} already")
    if not found.empty and not job.admin:
        raise Refused(IN_THE_WAY, f"{text(spot.path)} is not empty, and only an admin may hide what is in it")
    return False


def _is_free(spot: Spot) -> bool | None:
    """Whether the folder has to be made; ``None`` where the place is somebody else's."""
    try:
        found = spot.look()
    except FileNotFoundError:
        return True
    except OSError:  # a symbolic link, a file, or a mount whose device is gone
        return None
    return False if found.empty and not found.mounted and found.uid == os.geteuid() else None


def _parts(where: str) -> tuple[bytes, ...]:
    try:
        return place.parts(where)
    except place.NoPlace as error:
        raise Refused(400, str(error)) from None
