"""Device nodes below ``/dev``, their owners and modes, and the links to them.

    event → rules → node made or found, owner and mode set → links claimed and made → (the event is told)
                  ↘ modalias → modprobe, in the background

``present`` and ``gone`` are plain functions of some ten system calls, without anything that could wait: what takes time
(the probe before, modprobe behind) has its own processes. Nothing that fails here stops the event.
"""

import logging
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from lunix_natsdev.manage import rules
from lunix_natsdev.manage.link_names import NAMED, Ancestor, diskseq, is_worth_probing, names
from lunix_natsdev.manage.links import Change, Links
from lunix_natsdev.manage.modalias import Modules, alias_of
from lunix_natsdev.manage.os_ancestors import SYSFS, chain
from lunix_natsdev.manage.os_mknod import DevRoot
from lunix_natsdev.manage.watch import Watch
from lunix_natsdev.probed import Probed
from lunix_natsdev.uevent import Uevent

_LINK_FOLDERS = ("disk", "serial")
_PROBED = frozenset({"add", "change"})
"""The actions after which a device is looked at; after others what was found before still holds."""


@dataclass(frozen=True)
class _Node:
    """A device node as an event names it."""

    name: str
    kind: int
    number: int


def _node(event: Uevent) -> _Node | None:
    properties = event.properties
    name = properties.get("DEVNAME", "").removeprefix("/dev/")
    try:
        number = os.makedev(int(properties.get("MAJOR", "")), int(properties.get("MINOR", "")))
    except (ValueError, OverflowError):
        return None
    return _Node(name, stat.S_IFBLK if event.subsystem == "block" else stat.S_IFCHR, number) if name else None


class Nodes:
    """The nodes below ``/dev`` and their links."""

    def __init__(
        self,
        decided: rules.Rules,
        log: logging.Logger,
        *,
        dev_root: Path = Path("/dev"),
        sysfs: Path = SYSFS,
        modules: Modules | None = None,
        watch: Watch | None = None,
        dry_run: bool = False,
    ) -> None:
        self._rules = decided
        self._log = log
        self._dev = DevRoot(dev_root)
        self._sysfs = sysfs
        self._modules = modules
        self._watch = watch
        self._dry_run = dry_run
        self._links = Links()
        self._contents: dict[bytes, Probed | None] = {}

    def path(self, name: str) -> Path:
        """The path of a node."""
        return self._dev.path(name)

    def reload(self, decided: rules.Rules) -> None:
        """Use other rules from now on; present devices follow at their next event."""
        self._rules = decided

    def node(self, event: Uevent) -> str:
        """Make the device's node where the kernel makes none; return its path, which may not exist all the same."""
        node = _node(event)
        if node is None:
            return ""
        self._make(node)
        return str(self._dev.root / node.name)

    def present(self, event: Uevent, probed: Probed | None) -> tuple[str, ...]:
        """Bring the node and the links of an event's device up to date; return the paths of its links, sorted.

        When it returns they exist, and so the event may be told.
        """
        if event.old_devpath is not None:
            self._forget(event.old_devpath)
        node = _node(event)
        alias = alias_of(event.properties) if event.action == "add" and self._modules is not None else None
        if node is None and alias is None:
            return ()
        parents = chain(event.devpath, self._sysfs, whole=event.subsystem in NAMED)
        if not parents[0].subsystem:
            # It is gone already; its removal is on the way.
            return self.links(event.devpath)
        found = rules.Found(replace(parents[0], subsystem=event.subsystem), event.properties)
        verdict = self._rules.decide(found)
        if alias is not None and verdict.modalias and self._modules is not None:
            self._modules.want(alias)
        if event.subsystem == "block":
            if event.action in _PROBED:
                self._contents[event.devpath] = probed
            probed = self._contents.get(event.devpath)
        if node is not None and self._own(node, verdict):
            self._claim(event, node, parents, verdict, probed)
        return self.links(event.devpath)

    def gone(self, event: Uevent) -> None:
        """Remove the links of a device that went, and its node where the kernel does not."""
        if event.synthetic is not None:
            return
        self._forget(event.devpath)
        node = _node(event)
        if node is not None and not self._dev.is_devtmpfs:
            self._do(f"remove {node.name}", partial(self._dev.unlink_node, node.name, node.kind, node.number))

    def links(self, devpath: bytes) -> tuple[str, ...]:
        """The paths of the links that this device has now. Another device's coming or going may change them."""
        # Of a list: of a generator it would be one more tuple for the interpreter to keep, each time.
        return tuple([f"{self._dev.root}/{name}" for name in self._links.of(os.fsdecode(devpath))])

    def sweep(self) -> None:
        """After the coldplug: remove links that an earlier run left and that no present device has."""
        for name in self._dev.stale(_LINK_FOLDERS, set(self._links.owners)):
            self._do(f"remove {name}", partial(self._dev.unlink, name))

    def _forget(self, devpath: bytes) -> None:
        key = os.fsdecode(devpath)
        self._contents.pop(devpath, None)
        if self._watch is not None:
            self._watch.remove(key)
        self._apply(self._links.release(key))

    def _own(self, node: _Node, verdict: rules.Verdict) -> bool:
        """Make the node where the kernel does not, and set what the rules say; whether there is a node."""
        if not self._make(node):
            return False
        self._chown(node, self._dev.status(node.name), verdict)
        return True

    def _make(self, node: _Node) -> bool:
        """Whether there is this device's node, which is made where the kernel makes none."""
        try:
            status = self._dev.status(node.name)
        except (OSError, ValueError) as error:
            self._log.warning("node left alone", extra={"node": node.name, "reason": str(error)})
            return False
        if status is not None and (stat.S_IFMT(status.st_mode), status.st_rdev) == (node.kind, node.number):
            return True
        if self._dev.is_devtmpfs:
            self._log.debug("node is not there, or another device's", extra={"node": node.name})
            return False
        letter = "b" if node.kind == stat.S_IFBLK else "c"
        text = f"mknod {node.name} {letter} {os.major(node.number)} {os.minor(node.number)}"
        return self._do(text, partial(self._dev.mknod, node.name, node.kind, node.number))

    def _chown(self, node: _Node, status: os.stat_result | None, verdict: rules.Verdict) -> None:
        before = (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) if status else (0, 0, 0o600)
        wanted = (verdict.uid, verdict.gid, verdict.mode)
        after = tuple([new if new is not None else old for new, old in zip(wanted, before, strict=True)])
        if after != before:
            uid, gid, mode = after
            self._do(
                f"chown {uid}:{gid} mode {mode:04o} {node.name}", partial(self._dev.own, node.name, uid, gid, mode)
            )

    def _claim(
        self, event: Uevent, node: _Node, parents: list[Ancestor], verdict: rules.Verdict, probed: Probed | None
    ) -> None:
        key = os.fsdecode(event.devpath)
        wanted = [*names(parents, probed), *verdict.symlinks]
        self._apply(self._links.claim(key, node.name, wanted, priority=verdict.link_priority, diskseq=diskseq(parents)))
        if self._watch is not None and event.subsystem == "block" and is_worth_probing(parents[0].name, 1):
            self._watch.add(key, str(self._dev.path(node.name)))

    def _apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if change.target is None:
                self._do(f"remove {change.name}", partial(self._dev.unlink, change.name))
            else:
                make = partial(self._dev.symlink, change.name, change.target)
                self._do(f"link {change.name} -> {change.target}", make)

    def _do(self, text: str, act: Callable[[], None]) -> bool:
        """Do it, or say that it would be done; whether the world is as wanted, or would be."""
        if self._dry_run:
            self._log.info("would %s", text)
            return True
        try:
            act()
        except (OSError, ValueError) as error:
            self._log.warning("cannot %s", text, extra={"reason": str(error)})
            return False
        self._log.debug("%s", text)
        return True
