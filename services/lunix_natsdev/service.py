"""The daemon: the source is opened, sysfs is read, and from then on each event changes the table and is told.

    source → intake → backlog → (look into sysfs) → lanes → (probe) → (node and links) → table → bus

Events that need no probe and wait for no other go through in one step. The others have a task each.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from lunix_common.bus import Bus
from lunix_common.os_netlink import Overflow
from lunix_common.schemas.hardware import Device
from lunix_natsdev import os_sysfs
from lunix_natsdev.device import Contents, FromSysfs, Names, is_device
from lunix_natsdev.intake import Intake, Mark
from lunix_natsdev.lanes import Lanes, Ticket
from lunix_natsdev.manage.link_names import is_worth_probing
from lunix_natsdev.manage.manage import Manage
from lunix_natsdev.probe import Probed, Probes
from lunix_natsdev.source import Source
from lunix_natsdev.table import Change, Seen, Table
from lunix_natsdev.uevent import Uevent

log = logging.getLogger("natsdev")

TURN = 32
"""Events that are handled before other tasks have their turn: one millisecond or so."""
FIRST_PROBES_S = 1.0
"""So long the start waits to know what is on the disks. What is known later is told as a change."""
LOOKS = 4


@dataclass(eq=False, slots=True)
class _Job:
    event: Uevent
    found: FromSysfs | None
    node: str = ""
    """Of the device, once it is looked at."""
    probing: asyncio.Task[Probed | None] | None = None
    late: bool = False
    """No event: a look at a device that is in the table already."""
    answer: Probed | None = None
    """What that device has answered, where it did so after its time."""


_Place = Ticket[_Job | asyncio.Future[None]]


class Natsdev:
    """The devices of this machine, and what is to be told about them."""

    def __init__(
        self,
        bus: Bus,
        source: Source,
        tasks: asyncio.TaskGroup,
        names: Names,
        *,
        probes: Probes | None,
        probe_timeout_s: float = 10.0,
        manage: Manage | None = None,
    ) -> None:
        self.source = source
        self.table = Table(names, keeps_contents=not source.probed)
        self.intake = Intake(source)
        self._bus = bus
        self._tasks = tasks
        self._probes = None if source.probed else probes
        self._probe_timeout_s = probe_timeout_s
        self._manage = manage
        self._lanes: Lanes[_Job | asyncio.Future[None]] = Lanes()
        self._echoes: dict[str, asyncio.Future[None]] = {}
        self._unanswered: dict[bytes, _Job] = {}
        """The last look at each device that has not answered: not yet, or never will."""
        self._started = False

    async def start(self) -> None:
        """Take in what is there. The source is open: what comes or goes meanwhile waits in its socket."""
        self.intake.open()
        seen = self._enumerate()
        if not self.intake.read_all():
            self.intake.lost()
        self.table.fill(seen, self.intake.backlog.paths())
        if self._manage is None:
            # Otherwise the coldplug looks at them.
            self._look_at_disks(self.table.paths())
        if self._lanes:
            await asyncio.wait({self._idle()}, timeout=FIRST_PROBES_S)
        self._started = True
        log.info("devices are known", extra={"devices": len(self.table), "source": self.source.name})

    async def run(self) -> None:
        """Handle events for ever."""
        while True:
            await self._handle(await self.intake.next())
            for _ in range(TURN):
                if not self.intake.backlog:
                    break
                await self._handle(self.intake.take())
            await asyncio.sleep(0)

    async def settle(self) -> None:
        """Return when every event from before the call is told."""
        await self.source.caught_up(self._echo)
        await self.intake.drain()
        await self.intake.mark()

    # --- events -----------------------------------------------------------------------------------------------------

    async def _handle(self, item: Uevent | Mark) -> None:
        if isinstance(item, Overflow):
            await self._resync()
        elif isinstance(item, asyncio.Future):
            self._start(self._lanes.barrier(item))
        else:
            self._accept(item)

    def _accept(self, event: Uevent) -> None:
        mark = event.synthetic
        if mark is not None and mark in self._echoes:
            self._complete(self._echoes[mark])
            return
        if not is_device(event):
            return
        if self._is_probed(event) or _is_removal(event):
            self._expect_no_answer(event.devpath)
        job = _Job(event, None if event.action == "remove" else self._look(event))
        if not self._lanes and not self._takes_time(job):
            self._finish(job)
            return
        self._enter(job)

    def _enter(self, job: _Job) -> None:
        event = job.event
        paths = (event.devpath,) if event.old_devpath is None else (event.devpath, event.old_devpath)
        major, minor = event.properties.get("MAJOR"), event.properties.get("MINOR")
        keys = (f"{'b' if event.subsystem == 'block' else 'c'}{major}:{minor}",) if major else ()
        news = event.action == "change" and job.answer is None
        ticket = self._lanes.enter(job, paths, keys, supersedes=news or _is_removal(event))
        if _is_removal(event):
            self._give_up(ticket, event.devpath)
        self._start(ticket)

    def _give_up(self, ticket: _Place, removed: bytes) -> None:
        """End the probes of what is gone: they answer nothing, at best late. Its disk's, say, goes on."""
        waiting, seen = [ticket], {ticket}
        while waiting:
            for blocker in waiting.pop().blockers - seen:
                seen.add(blocker)
                waiting.append(blocker)
                job = blocker.item
                if isinstance(job, _Job) and job.probing and (job.event.devpath + b"/").startswith(removed + b"/"):
                    job.probing.cancel()

    def _look(self, event: Uevent) -> FromSysfs | None:
        """The event's device in sysfs, ``None`` when it is gone: see ``backlog`` for why the order matters."""
        where_now = self.intake.backlog.where_now
        for _ in range(LOOKS):
            here = where_now(event.devpath)
            if here is None:
                return None
            found = os_sysfs.look(event if here == event.devpath else event._replace(devpath=here))
            self.intake.read_all()
            if where_now(event.devpath) == here:
                return found
        return None

    def _start(self, first: _Place) -> None:
        """Run what is ready, and then what that held back."""
        ready = [first] if first.ready else []
        while ready:
            ticket = ready.pop(0)
            job = ticket.item
            if isinstance(job, asyncio.Future):
                self._complete(job)
            elif self._takes_time(job) and not _is_worthless(ticket, job):
                self._tasks.create_task(self._work(ticket, job), name=f"natsdev.{job.event.action}")
            else:
                self._finish(job, job.answer, worthless=_is_worthless(ticket, job))
                ready += self._lanes.leave(ticket)

    async def _work(self, ticket: _Place, job: _Job) -> None:
        self._finish(job, await self._probe(job))
        for released in self._lanes.leave(ticket):
            self._start(released)

    def _finish(self, job: _Job, probed: Probed | None = None, *, worthless: bool = False) -> None:
        """Make node and links where that is ours to do, change the table and tell it: all in one step."""
        event = job.event
        if _is_removal(event):
            # Its look may have begun after the removal was read.
            self._expect_no_answer(event.devpath)
        contents = None if worthless or not self._is_probed(event) else _contents(probed)
        if job.late:
            relinked = self.table.relink(event.devpath, self._manage.present(event, probed)) if self._manage else None
            change = (self.table.recontent(event.devpath, contents) if contents else None) or relinked
            self._tell([change] if change and self._started else [])
            return
        if self._manage is not None and not worthless:
            event = self._managed(self._manage, event, probed)
        silent = self._manage is not None and self._manage.round.is_mine(event.properties)
        known = self.table.at(event.devpath) is not None
        changes = self.table.apply(event, job.found, contents)
        self._tell([] if silent and known else changes)

    def _managed(self, manage: Manage, event: Uevent, probed: Probed | None) -> Uevent:
        before = manage.links(event.devpath)
        if event.action == "remove":
            manage.gone(event)
            after: tuple[str, ...] = ()
        else:
            after = manage.present(event, probed)
        if before != after:
            # A name that two devices want has passed from one to the other.
            others = ((path, manage.links(path)) for device, path in list(self.table.paths()) if device.devnode)
            changes = (self.table.relink(path, links) for path, links in others if path != event.devpath)
            self._tell(change for change in changes if change)
        if not after:
            return event
        properties = {**event.properties, "DEVLINKS": " ".join(after)}
        return Uevent(event.action, event.devpath, properties, event.seqnum, event.old_devpath)

    def _tell(self, changes: Iterable[Change]) -> None:
        for change in changes:
            subsystem = change.device.subsystem
            self._bus.emit("hardware.<subsystem>.<action>", change.to_json(), subsystem=subsystem, action=change.action)

    # --- probes -----------------------------------------------------------------------------------------------------

    def _is_probed(self, event: Uevent) -> bool:
        return self._probes is not None and event.subsystem == "block" and event.action in ("add", "change")

    def _takes_time(self, job: _Job) -> bool:
        """Whether something can be on it: not on a loop device without a file, nor in an empty card reader."""
        if job.answer or not self._is_probed(job.event) or job.found is None or "DEVNAME" not in job.event.properties:
            return False
        return is_worth_probing(job.event.properties["DEVNAME"], int(job.found.attributes.get("size") or 0))

    async def _probe(self, job: _Job) -> Probed | None:
        assert self._probes is not None, "only what a probe is for takes time"
        job.node = self._manage.node(job.event) if self._manage else f"/dev/{job.event.properties['DEVNAME']}"
        self._unanswered[job.event.devpath] = job
        probe = self._probes.probe(job.node, self._probe_timeout_s, late=partial(self._answered, job))
        job.probing = self._tasks.create_task(probe, name=f"natsdev.probe.{job.node}")
        await asyncio.wait({job.probing})
        found = None if job.probing.cancelled() else job.probing.result()
        if found is not None and self._unanswered.get(job.event.devpath) is job:
            del self._unanswered[job.event.devpath]
        return found

    def _answered(self, job: _Job, found: Probed) -> None:
        """A device has answered after its event was told: what is on it is told as a change, in its turn."""
        devpath = job.event.devpath
        device = self.table.at(devpath)
        # Otherwise something happened to it meanwhile, and it is looked at anew.
        if device is not None and self._unanswered.get(devpath) is job:
            del self._unanswered[devpath]
            self._enter(_look(device, devpath, found))

    def _expect_no_answer(self, devpath: bytes) -> None:
        """It has gone, or is looked at anew."""
        job = self._unanswered.pop(devpath, None)
        if job is not None and self._probes is not None:
            self._probes.give_up(job.node)

    def _look_at_disks(self, devices: Iterable[tuple[Device, bytes]]) -> None:
        """Probe these, where they are disks, beside the events; order holds all the same."""
        for device, path in list(devices):
            if device.subsystem == "block" and self._takes_time(job := _look(device, path)):
                self._enter(job)

    # --- the whole --------------------------------------------------------------------------------------------------

    def _enumerate(self) -> list[Seen]:
        pairs = ((event, os_sysfs.look(event)) for event in self.source.present())
        return [Seen(event, found) for event, found in pairs if found is not None]

    async def _resync(self) -> None:
        """Find out what was lost: compare with sysfs when all is told that came before."""
        await self._idle()
        seen = self._enumerate()
        if not self.intake.read_all():
            self.intake.lost()
        changes = self.table.resync(seen, self.intake.backlog.paths())
        for gone in [path for path in self._unanswered if self.table.at(path) is None]:
            self._expect_no_answer(gone)
        if self._manage is not None:
            changes = [self._made(self._manage, change) for change in changes]
        self._tell(changes)
        self._bus.lost("hardware", "kernel overflow")
        log.warning("the kernel dropped events; sysfs was compared", extra={"differences": len(changes)})
        disks = (self.table.get(change.device.id) for change in changes if change.action in ("add", "change"))
        self._look_at_disks(found for found in disks if found is not None)

    def _made(self, manage: Manage, change: Change) -> Change:
        """A difference that sysfs showed, when its node and those links exist that need no probe."""
        device = change.device
        properties = device.properties | {"SUBSYSTEM": device.properties.get("SUBSYSTEM", device.subsystem)}
        here = self.table.get(device.id)
        event = Uevent(change.action, here[1] if here else os.fsencode(device.devpath), properties, 0)
        if change.action == "remove":
            manage.gone(event)
            return change
        relinked = self.table.relink(event.devpath, manage.present(event, None))
        return change._replace(device=relinked.device) if relinked else change

    def _idle(self) -> asyncio.Future[None]:
        """Done when all events that entered have been told."""
        idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._start(self._lanes.barrier(idle))
        return idle

    async def _echo(self, ask: Callable[[str], None]) -> None:
        mark = str(uuid4())
        echo = self._echoes[mark] = asyncio.get_running_loop().create_future()
        try:
            ask(mark)
            await echo
        finally:
            del self._echoes[mark]

    @staticmethod
    def _complete(future: asyncio.Future[None]) -> None:
        # Who waited may have given up.
        if not future.done():
            future.set_result(None)


def _look(device: Device, devpath: bytes, answer: Probed | None = None) -> _Job:
    """A look at what is on a block device of the table."""
    event = Uevent("change", devpath, device.properties | {"SUBSYSTEM": "block"}, 0)
    return _Job(event, os_sysfs.look(event), late=True, answer=answer)


def _is_removal(event: Uevent) -> bool:
    """A program that asks for a ``remove`` takes nothing away."""
    return event.action == "remove" and event.synthetic is None


def _is_worthless(ticket: _Place, job: _Job) -> bool:
    """A later event of the device tells more, and waits: there is no use in a probe for this one."""
    return ticket.superseded and job.event.action == "change"


def _contents(probed: Probed | None) -> Contents:
    if probed is None:
        return Contents()
    return Contents(
        probed.type, probed.label, probed.uuid, probed.usage, probed.table, probed.part_uuid, probed.part_label
    )
