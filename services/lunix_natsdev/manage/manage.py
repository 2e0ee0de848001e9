"""natsdev as the machine's only device manager: all that ``--manage`` adds to telling what the kernel told.

Nodes and links are made before an event is told (``nodes``), drivers load in the background (``modalias``), a
device that somebody wrote to is looked at again (``manage_watch``), and devices that were there before are asked for
(``coldplug``).
"""

import asyncio
import grp
import logging
import os
import pwd
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from lunix_natsdev.manage import rules
from lunix_natsdev.manage.coldplug import Asked, Coldplug
from lunix_natsdev.manage.modalias import Modules, modprobe
from lunix_natsdev.manage.nodes import Nodes
from lunix_natsdev.manage.watch import Watch
from lunix_natsdev.probe import Probed, Probes
from lunix_natsdev.uevent import Uevent

RULES_FOLDER = Path("/etc/lunix/devices.d")
_SHIPPED = Path(__file__).with_name("rules.toml")


def load(folder: Path = RULES_FOLDER) -> rules.Rules:
    """The shipped rules and behind them those of ``folder``, by file name; raise ``rules.RuleError`` or ``OSError``."""
    parts = [_parse(_SHIPPED, strict=False), *(_parse(path, strict=True) for path in sorted(folder.glob("*.toml")))]
    return rules.joined(parts)


def _parse(path: Path, *, strict: bool) -> rules.Rules:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise rules.RuleError(f"{path}: {error}") from error
    return rules.parse(text, str(path), user=_uid, group=_gid, strict=strict)


def _uid(name: str) -> int:
    return pwd.getpwnam(name).pw_uid


def _gid(name: str) -> int:
    return grp.getgrnam(name).gr_gid


Trigger = Callable[[bytes, str], None]
"""Writes a text to a device's ``uevent`` file; raises ``OSError``."""


class Manage:
    """Everything together. ``run`` is a task beside the one that reads events; all else is called by that one."""

    def __init__(
        self,
        decided: rules.Rules,
        log: logging.Logger,
        *,
        probes: Probes,
        trigger: Trigger,
        dev_root: Path = Path("/dev"),
        dry_run: bool = False,
    ) -> None:
        """Open the watch; raise ``OSError``."""
        self._log = log
        self._probes = probes
        self._trigger = trigger
        self._watch = None if dry_run else Watch(self._written)
        self._written_to: dict[str, None] = {}
        self._wake = asyncio.Event()
        program = modprobe()
        self._modules = Modules(log, program=program, dry_run=dry_run) if program else None
        self._nodes = Nodes(decided, log, dev_root=dev_root, modules=self._modules, watch=self._watch, dry_run=dry_run)
        self._disks: dict[str, str] = {}
        self.round = Coldplug()
        """The coldplug of this run: ``round.is_mine(event.properties)`` tells its events."""
        for line in decided.warnings:
            log.warning("rule let pass", extra={"reason": line})

    def node(self, event: Uevent) -> str:
        """The path of an event's device node, which is made first where the kernel makes none: so it can be probed."""
        return self._nodes.node(event)

    def present(self, event: Uevent, probed: Probed | None) -> tuple[str, ...]:
        """Bring node and links up to date, and return the links' paths; then the event may be told."""
        if event.subsystem == "block" and event.properties.get("DEVTYPE") == "disk":
            self._disks[os.fsdecode(event.devpath)] = event.properties.get("DEVNAME", "").removeprefix("/dev/")
        return self._nodes.present(event, probed)

    def gone(self, event: Uevent) -> None:
        """Remove the links of a device that went; then the event may be told."""
        if event.synthetic is None:
            self._disks.pop(os.fsdecode(event.devpath), None)
        self._nodes.gone(event)

    def links(self, devpath: bytes) -> tuple[str, ...]:
        """The paths of the links that a device has now; another device's coming or going may change them."""
        return self._nodes.links(devpath)

    def reload(self, decided: rules.Rules) -> None:
        """Use these rules from now on."""
        self._nodes.reload(decided)

    async def coldplug(self, devpaths: Iterable[bytes], drained: Callable[[], Awaitable[None]]) -> Asked:
        """Have every device's ``add`` told again, as ``round``; return when all of the answers have been read."""
        return await self.round.run(devpaths, self._trigger, drained)

    def sweep(self) -> None:
        """Remove what an earlier run left; call it when the coldplug's events have been handled."""
        self._nodes.sweep()

    async def idle(self) -> None:
        """Wait until no driver is being loaded."""
        if self._modules is not None:
            await self._modules.idle()

    async def run(self) -> None:
        """Load drivers and look again at what was written to, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._modules is not None:
                tasks.create_task(self._modules.run(), name="natsdev.modules")
            if self._watch is not None:
                tasks.create_task(self._look_again(tasks, self._watch), name="natsdev.watch")

    def _written(self, key: str) -> None:
        self._written_to[key] = None
        self._wake.set()

    async def _look_again(self, tasks: asyncio.TaskGroup, watch: Watch) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(watch.fileno(), watch.read)
        busy: set[str] = set()

        async def look(key: str) -> None:
            await self._announce(key)
            busy.discard(key)
            self._wake.set()

        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for key in [key for key in self._written_to if key not in busy]:
                    del self._written_to[key]
                    busy.add(key)
                    tasks.create_task(look(key), name=f"natsdev.written.{key}")
        finally:
            loop.remove_reader(watch.fileno())
            watch.close()

    async def _announce(self, key: str) -> None:
        """Have the kernel tell of the change; of a whole disk it reads the partitions again first."""
        node = self._disks.get(key)
        if node:
            await self._probes.reread(str(self._nodes.path(node)))
        try:
            self._trigger(os.fsencode(key), "change")
        except OSError as error:
            self._log.debug("device went while it was looked at", extra={"device": key, "reason": error.strerror})
