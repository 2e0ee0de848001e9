"""The mounts that there are, and what is to be told when they change. Pure.

    mountinfo (Record) + natsdev's device + what we mounted → Mount;  before and after → facts

The kernel gives the number of a mount to the next one as soon as it is free. So an id has a check sum of what is
mounted where behind the number: one that is mounted elsewhere in its place is another one.
"""

from binascii import crc32
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from lunix_common.schemas.common import Model
from lunix_common.schemas.hardware import Device
from lunix_common.schemas.mount import ListRequest, Mount, Unmounted
from lunix_mount.mountinfo import Record, text
from lunix_mount.points import Point

Reason = Literal["asked", "pulled", "other"]
_NONE: Mapping[str, Reason] = {}
_OF_DEVICE = ("usb", "fs_label", "fs_uuid", "removable")


class Fact(NamedTuple):
    """Something to publish."""

    pattern: str
    payload: Model


class Row(NamedTuple):
    """A mount: as the kernel tells it, and as it is shown to an admin."""

    record: Record
    mount: Mount


def id_of(record: Record) -> str:
    """As long as the same is mounted at the same place."""
    same = (record.major, record.minor, record.root, record.where, record.fs_type, record.source)
    return f"{record.id}-{crc32(repr(same).encode()):08x}"


def describe(record: Record, device: Device | None, point: Point | None, before: Mount | None) -> Mount:
    """One mount. What was known of its device stays known when that is gone."""
    known = Mount(
        id=id_of(record),
        where=text(record.where),
        source=text(record.source),
        root=None if record.root == b"/" else text(record.root),
        fs_type=record.fs_type,
        options=[one for one in record.options if one not in ("rw", "ro")],
        read_only=record.is_read_only,
        ours=point is not None,
    )
    if device is not None:
        return known.model_copy(update={"device": device.id} | {name: getattr(device, name) for name in _OF_DEVICE})
    if before is not None and before.device is not None:
        return known.model_copy(update={name: getattr(before, name) for name in ("device", *_OF_DEVICE)})
    if point is not None:
        return known.model_copy(update={"device": point.device, "usb": point.usb})
    return known


class Mounts:
    """All mounts by id, in the order in which the kernel lists them."""

    def __init__(self, places: Sequence[str]) -> None:
        self.places = places
        """Of removable media: what is mounted below these is for everybody to see."""
        self.rows: dict[str, Row] = {}

    def update(
        self,
        records: Iterable[Record],
        device_of: Callable[[Record], Device | None],
        point_of: Callable[[Record], Point | None],
        reasons: Mapping[str, Reason] = _NONE,
    ) -> list[Fact]:
        """Take over what there is now and return what is to be told; ``reasons`` by the id of what went."""
        before, self.rows = self.rows, {}
        come: list[Fact] = []
        for record in records:
            id_ = id_of(record)
            old = before.get(id_)
            mount = describe(record, device_of(record), point_of(record), old.mount if old else None)
            self.rows[id_] = Row(record, mount)
            if old is None or old.mount != mount:
                come += self._told("mount.changed" if old else "mount.mounted", mount)
        gone = [row.mount for id_, row in before.items() if id_ not in self.rows]
        # What is inside of another goes before it.
        return [self._gone(mount, reasons.get(mount.id, "other")) for mount in reversed(gone)] + come

    def _told(self, pattern: str, mount: Mount) -> list[Fact]:
        shown = self.shown(mount)
        return [Fact(pattern, shown)] if shown == mount else [Fact(pattern, shown), Fact("mount.placed", mount)]

    def _gone(self, mount: Mount, reason: Reason) -> Fact:
        return Fact("mount.unmounted", Unmounted(reason=reason, **dict(self.shown(mount))))

    def shown(self, mount: Mount) -> Mount:
        """A mount as others than admins see it."""
        assert mount.where is not None, "each mount has its place; what is shown of it may not"
        if mount.where.startswith(tuple([f"{folder.rstrip('/')}/" for folder in self.places])):
            return mount
        is_node = mount.source is not None and mount.source.startswith("/dev/")
        hidden: dict[str, object] = {"where": None, "root": None, "options": []}
        hidden["source"] = mount.source if is_node else None
        return mount.model_copy(update=hidden)

    def listed(self, asked: ListRequest, *, everything: bool) -> list[Mount]:
        """The mounts that a request asks for; ``everything`` for an admin."""
        mounts = [row.mount if everything else self.shown(row.mount) for row in self.rows.values()]
        return [mount for mount in mounts if passes(asked, mount)]

    def of_device(self, device: str) -> list[Row]:
        """What is mounted of a device: by its node or id, or the id of the USB device that it hangs from."""
        return [row for row in self.rows.values() if device in (row.mount.source, row.mount.device, row.mount.usb)]

    def at(self, where: bytes) -> Row | None:
        """What is mounted there, the last where there is more than one."""
        found = [row for row in self.rows.values() if row.record.where == where]
        return found[-1] if found else None


def passes(asked: ListRequest, mount: Mount) -> bool:
    """Whether a mount passes all filters."""
    return (
        (asked.device is None or asked.device in (mount.source, mount.device, mount.usb))
        and asked.where in (None, mount.where)
        and asked.fs_type in (None, mount.fs_type)
        and asked.ours in (None, mount.ours)
    )
