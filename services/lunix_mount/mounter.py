"""Mounting and unmounting: what a request or a new stick comes to, step by step.

    volume → open the device → what the caller may → a place → note it → mount(2) → note the mount
    mount → the place's folder → umount(2) → remove the folder that we made → forget it

Each goes on in a thread of its own: a dying stick can hold up a system call for ever, and then holds up nobody else.
Whoever waits has a deadline; what comes to its end later is told as an event.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TypeVar

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

T = TypeVar("T")


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
        # The threads that look for a place and write the note down.
        self._lock = threading.RLock()

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
        with self._lock:
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
            block.removable or matches(block.disk, self.settings.removable),
            chosen=where is not None,
            allowed=where is not None and place.is_below(where, self.settings.allow_where),
        )
        try:
            policy.check(wanted, self.settings.fs_types)
        except Denied as error:
            raise Refused(DENIED, str(error)) from None

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
        with self._lock:
            if number is not None:
                self.points.mounted(spot.path, number)
            self.save()
        return Done(spot.path, number, driver)

    # --- places -----------------------------------------------------------------------------------------------------

    def _place(self, job: Job, block: Block) -> tuple[Spot, bool]:
        """The open place, busy now and noted, and whether its folder was made; raise ``Refused``."""
        with self._lock:
            if job.where is not None:
                return self._chosen(job, block, place.joined(_parts(job.where)))
            plain = place.name(job.volume.fs_label, job.volume.fs_uuid, job.volume.node)
            for name in place.numbered(plain):
                path = place.joined([*place.parts(self.settings.media), os.fsencode(name)])
                spot = self._open(path, make_parents=not self.dry_run)
                try:
                    if path not in self.busy and (found := self._taken(spot)) is not None:
                        return self._take(spot, job, block, found)
                except BaseException:
                    spot.close()
                    raise
                spot.close()
        raise Refused(IN_THE_WAY, f"all places {plain}, {plain}-2, … below {self.settings.media} are taken")

    def _open(self, path: bytes, *, make_parents: bool = False) -> Spot:
        try:
            return os_place.spot(path, make_parents=make_parents)
        except OSError as error:
            raise of_place(error, error.filename or text(path)) from None

    def _taken(self, spot: Spot) -> bool | None:
        """Whether the folder has to be made; ``None`` where the place is somebody else's."""
        try:
            found = spot.look()
        except FileNotFoundError:
            return True
        except OSError:  # a symbolic link, a file, or a mount whose device is gone
            return None
        return False if found.empty and not found.mounted and found.uid == os.geteuid() else None

    def _chosen(self, job: Job, block: Block, path: bytes) -> tuple[Spot, bool]:
        if path in self.busy:
            raise Refused(IN_THE_WAY, f"{text(path)}: somebody mounts or unmounts there at this moment")
        spot = self._open(path)
        try:
            try:
                found = spot.look()
            except FileNotFoundError:
                return self._take(spot, job, block, make=True)
            if found.mounted:
                raise Refused(IN_THE_WAY, f"something is mounted on {text(path)} already")
            if not found.empty and not job.admin:
                raise Refused(IN_THE_WAY, f"{text(path)} is not empty, and only an admin may hide what is in it")
            return self._take(spot, job, block, make=False)
        except OSError as error:
            spot.close()
            raise of_place(error, error.filename or text(path)) from None
        except BaseException:
            spot.close()
            raise

    def _take(self, spot: Spot, job: Job, block: Block, make: bool) -> tuple[Spot, bool]:
        """Note the place before its folder is made: after a crash in between there is nothing to remove."""
        self.busy.add(spot.path)
        if self.dry_run:
            return spot, False
        volume = job.volume
        self.points.put(
            Point(spot.path, block.node, make, block.major, block.minor, block.diskseq, volume.device, volume.usb)
        )
        self.save()
        try:
            made = make and spot.make()
        except OSError as error:
            self.busy.discard(spot.path)
            self.points.points.pop(spot.path, None)
            raise of_place(error, error.filename or text(spot.path)) from None
        return spot, made

    def _leave(self, spot: Spot, *, made: bool) -> None:
        if made:
            with suppress(OSError):
                spot.remove()
        with self._lock:
            self.points.points.pop(spot.path, None)
            self.save()

    # --- unmount ----------------------------------------------------------------------------------------------------

    def unmount(self, where: bytes, number: int, *, lazy: bool) -> None:
        """Unmount what is there and has this number; raise ``Refused``. Blocks."""
        if self.dry_run:
            log.info("would unmount", extra={"where": text(where), "lazy": lazy})
            return
        try:
            with closing(os_place.spot(where)) as spot:
                spot.unmount(number, lazy=lazy)
        except place.NoPlace as error:
            raise Refused(MISSING, str(error)) from None
        except OSError as error:
            raise of_unmount(error, text(where)) from None

    def clear(self, idle: Iterable[Point]) -> None:
        """Remove the folders that we made for what is mounted there no more, and forget these places. Blocks."""
        for point in idle:
            with self._lock:
                if point.where in self.busy or self.points.points.get(point.where) is not point:
                    continue
                if point.made:
                    _remove(point)
                del self.points.points[point.where]
                self.save()

    def idle(self, records: Iterable[Record]) -> list[Point]:
        """Places that are noted, and at which nothing of ours is mounted."""
        with self._lock:
            return self.points.idle(records, self.busy)


def _remove(point: Point) -> None:
    try:
        with closing(os_place.spot(point.where)) as spot:
            spot.remove()
    except OSError as error:
        log.debug("a mount point stays", extra={"where": text(point.where), "error": str(error)})
    else:
        log.info("a mount point was removed", extra={"where": text(point.where)})


def _parts(where: str) -> tuple[bytes, ...]:
    try:
        return place.parts(where)
    except place.NoPlace as error:
        raise Refused(400, str(error)) from None


async def apart(work: Callable[[], T], name: str) -> T:
    """Run something that blocks in a thread that nobody waits for at the end of the daemon."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - it is the caller's
            problem = error
        with suppress(RuntimeError):  # the loop is closed: the daemon has ended meanwhile
            loop.call_soon_threadsafe(tell, result, problem)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
