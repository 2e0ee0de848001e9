"""The table of the devices that are there, and what each event changes in it. Pure.

    add      a new row; where the path was taken by another device, whose removal was missed, that one goes first
    remove   the row goes, and is told once more with all that was known
    move     the row and all rows below it change their paths
    others   the row is described anew; a device that was not known becomes known

A row's identity is its id and not its path, which the next device takes again. The id is made of the inode of the
device's directory; a device that was gone before anyone looked is called by its event's number.
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from lunix_common.schemas.hardware import Device
from lunix_natsdev.device import Contents, FromSysfs, Names, describe, filled, is_device, name_of
from lunix_natsdev.lanes import ancestors
from lunix_natsdev.uevent import Uevent, shown

REMEMBERED = 512
"""Ids of devices that are gone, and are not given again: more than live at a time, and 100 kB on a small board."""


class Change(NamedTuple):
    """One event to tell. ``resync``: it was found by a comparison with sysfs and not told by the kernel."""

    device: Device
    action: str
    old_name: str | None = None
    synthetic: bool = False
    resync: bool = False

    def to_json(self) -> bytes:
        """The payload of a ``DeviceEvent``. The device was validated when it was described, and is not once more."""
        return self.device.to_json()[:-1] + _facts(self.action, self.old_name, self.synthetic, self.resync)


@lru_cache(256)
def _facts(action: str, old_name: str | None, synthetic: bool, resync: bool) -> bytes:
    facts: dict[str, str | bool] = {"action": action, "synthetic": synthetic, "resync": resync}
    if old_name is not None:
        facts["old_name"] = old_name
    return b"," + json.dumps(facts).encode()[1:]


class Seen(NamedTuple):
    """A device as an enumeration found it."""

    event: Uevent
    found: FromSysfs


@dataclass(slots=True)
class _Row:
    device: Device
    path: bytes
    inode: int | None


class Table:
    """The devices by id, by path and by inode.

    ``keeps_contents``: events do not tell what is on a block device, so the last probe's finding holds until the next.
    """

    def __init__(self, names: Names, *, keeps_contents: bool) -> None:
        self._names = names
        self._keeps_contents = keeps_contents
        self._rows: dict[str, _Row] = {}
        self._at: dict[bytes, _Row] = {}
        self._by_inode: dict[int, _Row] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._unnumbered = 0

    def __iter__(self) -> Iterator[Device]:
        return (row.device for row in self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, devpath: bytes) -> Device | None:
        """The device at this path."""
        row = self._at.get(devpath)
        return row.device if row else None

    def get(self, wanted: str) -> tuple[Device, bytes] | None:
        """A device and its path, by id, path (with ``/sys`` or without), node or a link to the node."""
        if wanted in self._rows:
            return self._rows[wanted].device, self._rows[wanted].path
        path = wanted.removeprefix("/sys")
        for row in self._rows.values():
            device = row.device
            if path == device.devpath or wanted == device.devnode or wanted in device.links:
                return device, row.path
        return None

    def paths(self) -> Iterator[tuple[Device, bytes]]:
        """Every device with its path."""
        return ((row.device, row.path) for row in self._rows.values())

    def fill(self, seen: Iterable[Seen], pending: set[bytes]) -> None:
        """Take in what is there at the start, parents first; nothing is told.

        Paths in ``pending`` are left to the events that wait: what stands there now may be the successor of the device
        that they are about.
        """
        for event, found in seen:
            if is_device(event) and event.devpath not in pending:
                self._put(event, found, None)

    def apply(self, event: Uevent, found: FromSysfs | None, contents: Contents | None = None) -> list[Change]:
        """Take in an event and return what to tell, in order.

        ``found`` is the device in sysfs at the time of the event, ``None`` where it has gone or another has its place.
        ``contents`` is what a probe found on a block device, ``None`` where it was not probed.
        """
        if not is_device(event):
            return []
        synthetic = event.synthetic is not None
        if event.action == "remove":
            return self._asked_to_remove(event) if synthetic else [self._remove(event)]
        if event.action == "move" and event.old_devpath not in (None, event.devpath):
            return self._move(event, event.old_devpath or b"", found, contents)
        changes: list[Change] = []
        if event.action == "add" and not synthetic:
            changes = self._make_room(event.devpath, found, is_new=True)
        elif event.devpath in self._at:
            found = self._same(self._at[event.devpath], found)
        elif found is None:
            # It came and went before its first event was read, and its removal is told already.
            return []
        return [*changes, Change(self._put(event, found, contents), event.action, synthetic=synthetic)]

    def resync(self, seen: Iterable[Seen], pending: set[bytes]) -> list[Change]:
        """Compare with sysfs, and return what was missed. Paths in ``pending`` are left to events that still wait."""
        present = [one for one in seen if is_device(one.event) and one.event.devpath not in pending]
        changes = self._renamed(present)
        there = {one.event.devpath: one.found for one in present}
        for path in sorted(self._at, reverse=True):
            if path not in pending and self._is_other(self._at[path], there.get(path), if_unknown=path not in there):
                changes.append(self._drop(path))
                # Nobody has told that it is gone: a listing passes over what is renamed meanwhile, and it comes again.
                self._gone.pop(changes[-1].device.id, None)
        for one in present:
            changes += self._compare(one)
        return [change._replace(resync=True) for change in changes]

    def recontent(self, devpath: bytes, contents: Contents) -> Change | None:
        """Take in what a late probe found on the device, and return the change where it is one."""
        row = self._at.get(devpath)
        if row is None:
            return None
        before = row.device
        row.device = before.model_copy(update=filled(contents, before.properties))
        return Change(row.device, "change") if row.device != before else None

    def relink(self, devpath: bytes, links: Iterable[str]) -> Change | None:
        """Take in which links lead to the device's node, and return the change where it is one."""
        row, fresh = self._at.get(devpath), sorted(links)
        if row is None or row.device.links == fresh:
            return None
        properties = row.device.properties | {"DEVLINKS": " ".join(fresh)}
        row.device = row.device.model_copy(update={"links": fresh, "properties": properties})
        return Change(row.device, "change")

    # --- rows -------------------------------------------------------------------------------------------------------

    def _put(self, event: Uevent, found: FromSysfs | None, contents: Contents | None) -> Device:
        row = self._at.get(event.devpath)
        if row is None:
            row = self._insert(event, found, contents)
        elif found is None:
            # It is on its way out, and has no attributes any more: what was known of them stays.
            fresh = self._describe(event, None, row.device.id, contents)
            row.device = row.device.model_copy(update={"properties": fresh.properties, "driver": fresh.driver})
        else:
            if contents is None and self._keeps_contents:
                contents = contents_of(row.device)
            row.device = self._describe(event, found, row.device.id, contents)
            self._know(row, found)
        return row.device

    def _insert(self, event: Uevent, found: FromSysfs | None, contents: Contents | None) -> _Row:
        key = self._id(event, found)
        row = _Row(self._describe(event, found, key, contents), event.devpath, None)
        self._rows[key] = self._at[event.devpath] = row
        if found:
            self._know(row, found)
        return row

    def _know(self, row: _Row, found: FromSysfs) -> None:
        row.inode = found.inode
        self._by_inode[found.inode] = row

    def _describe(self, event: Uevent, found: FromSysfs | None, key: str, contents: Contents | None) -> Device:
        parent = next((self._at[path].device for path in ancestors(event.devpath) if path in self._at), None)
        return describe(event, found, id=key, parent=parent, contents=contents, names=self._names)

    def _id(self, event: Uevent, found: FromSysfs | None) -> str:
        """Of the directory's number; where that is not known, or was another plug's, of the event's own."""
        key = f"d{found.inode:x}" if found else ""
        if key and key not in self._gone and key not in self._rows:
            return key
        if event.seqnum:
            return f"s{event.seqnum:x}"
        # It was found by a comparison, and no event has given it a number.
        self._unnumbered += 1
        return f"u{self._unnumbered:x}"

    def _make_room(self, devpath: bytes, found: FromSysfs | None, *, is_new: bool) -> list[Change]:
        """Let a device go, with all below it, whose path another one has now."""
        row = self._at.get(devpath)
        if row is None or not self._is_other(row, found, if_unknown=is_new):
            return []
        stale = [path for path in self._at if path == devpath or path.startswith(devpath + b"/")]
        return [self._drop(path)._replace(resync=True) for path in sorted(stale, reverse=True)]

    def _is_other(self, row: _Row, found: FromSysfs | None, *, if_unknown: bool) -> bool:
        return if_unknown if found is None or row.inode is None else found.inode != row.inode

    def _same(self, row: _Row, found: FromSysfs | None) -> FromSysfs | None:
        """What was found, where it is this row's device and not the one that already has its path."""
        return None if self._is_other(row, found, if_unknown=False) else found

    def _drop(self, path: bytes) -> Change:
        row = self._at.pop(path)
        del self._rows[row.device.id]
        if row.inode is not None and self._by_inode.get(row.inode) is row:
            del self._by_inode[row.inode]
        self._gone[row.device.id] = None
        if len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)
        return Change(row.device, "remove")

    def _remove(self, event: Uevent) -> Change:
        fresh = self._describe(event, None, f"s{event.seqnum:x}", None)
        known = self.at(event.devpath)
        if known is None:
            return Change(fresh, "remove")
        merged = known.model_copy(update={"properties": known.properties | fresh.properties})
        self._drop(event.devpath)
        return Change(merged, "remove")

    def _asked_to_remove(self, event: Uevent) -> list[Change]:
        """Tell that a program asked for the event, and that the device is there all the same."""
        known = self.at(event.devpath)
        if known is None:
            return [self._remove(event)._replace(synthetic=True)]
        return [Change(known, "remove", synthetic=True), Change(known, "add", synthetic=True, resync=True)]

    def _move(self, event: Uevent, old: bytes, found: FromSysfs | None, contents: Contents | None) -> list[Change]:
        if old in self._at:
            found = self._same(self._at[old], found)
            return self._make_room(event.devpath, found, is_new=True) + self._rename(event, old, found, contents)
        # udevd tells an interface that a rule renames first by its new name.
        changes = self._make_room(event.devpath, found, is_new=False)
        return [*changes, Change(self._put(event, found, contents), "move", old_name=name_of(old))]

    def _rename(self, event: Uevent, old: bytes, found: FromSysfs | None, contents: Contents | None) -> list[Change]:
        row = self._at[event.devpath] = self._at.pop(old)
        row.path = event.devpath
        moved = {"name": name_of(row.path), "devpath": shown(row.path)}
        row.device = row.device.model_copy(update=moved)
        changes = [Change(self._put(event, found, contents), "move", old_name=name_of(old))]
        # The kernel tells nothing of what is below a device that was renamed, but their paths are others now.
        for path in sorted(path for path in self._at if path.startswith(old + b"/")):
            row = self._at.pop(path)
            row.path = event.devpath + path.removeprefix(old)
            row.device = row.device.model_copy(update={"devpath": shown(row.path)})
            self._at[row.path] = row
            changes.append(Change(row.device, "move", old_name=row.device.name))
        return changes

    # --- comparison -------------------------------------------------------------------------------------------------

    def _renamed(self, present: Iterable[Seen]) -> list[Change]:
        """Follow devices to their new names by their inodes, also where an event still waits at the old name.

        If that event is the rename itself, it is told once more; any other one is about a path that is no more.
        """
        changes: list[Change] = []
        for event, found in present:
            row = self._by_inode.get(found.inode)
            if row is not None and row.path != event.devpath:
                changes += self._make_room(event.devpath, found, is_new=True)
                changes += self._rename(event, row.path, found, None)
        return changes

    def _compare(self, one: Seen) -> list[Change]:
        event, found = one
        row = self._at.get(event.devpath)
        if row is None:
            return [Change(self._put(event, found, None), "add")]
        before, after = row.device, self._put(event, found, None)
        # Properties of the last event, such as those of a synthetic one, are not in the uevent file.
        if after.model_copy(update={"properties": before.properties}) == before:
            row.device = before
            return []
        return [Change(after, "change")]


def contents_of(device: Device) -> Contents:
    """What the device's last probe found."""
    return Contents(*[getattr(device, name) for name in Contents._fields])
