"""The mount points that we use, and the folders that we made for them, noted so that a crash leaves none behind. Pure.

What is noted lives in ``/run``, and so as long as the machine runs. A folder below ``/media`` that outlived a power cut
is empty, and is taken again.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, cast

from lunix_mount.mountinfo import Record

MOST_SEEN = 256


@dataclass(frozen=True)
class Point:
    """One place where we mounted something, or are about to."""

    where: bytes
    node: str
    made: bool
    """The folder was made by us, and is removed when nothing is mounted there any more."""
    major: int = 0
    minor: int = 0
    diskseq: int | None = None
    device: str | None = None
    usb: str | None = None
    number: int | None = None
    """The kernel's of the mount, once it is there."""
    removable: bool = False
    """Its disk is: users may unmount it."""

    def is_of(self, record: Record) -> bool:
        """Whether this mount is the one that we made."""
        if self.where != record.where or self.number not in (None, record.id):
            return False
        # Some file systems, as btrfs, have a number that is no device's.
        return not record.major or (record.major, record.minor) == (self.major, self.minor)


@dataclass
class Points:
    """All of them by place, and the volumes that were mounted by themselves once."""

    points: dict[bytes, Point] = field(default_factory=dict[bytes, Point])
    seen: list[str] = field(default_factory=list[str])

    def of(self, record: Record) -> Point | None:
        """The point at which this mount is ours."""
        point = self.points.get(record.where)
        return point if point and point.is_of(record) else None

    def put(self, point: Point) -> None:
        """Note one."""
        self.points[point.where] = point

    def drop(self, where: bytes) -> None:
        """Forget one."""
        self.points.pop(where, None)

    def mounted(self, where: bytes, number: int) -> None:
        """Note that something is mounted there now."""
        if where in self.points:
            self.points[where] = replace(self.points[where], number=number)

    def see(self, volume: str) -> bool:
        """Take note of a volume; tell whether it is new."""
        if volume in self.seen:
            return False
        self.seen = [*self.seen, volume][-MOST_SEEN:]
        return True

    def idle(self, records: Iterable[Record], busy: Collection[bytes] = ()) -> list[Point]:
        """Those at which nothing of ours is mounted, but for the places at which somebody is at work."""
        used = {record.where for record in records if self.of(record)}
        # A copy: threads note places meanwhile.
        return [point for where, point in list(self.points.items()) if where not in used and where not in busy]

    def encode(self) -> bytes:
        """As it is kept."""
        points = [asdict(point) | {"where": _text(point.where)} for point in list(self.points.values())]
        return json.dumps({"points": points, "seen": self.seen}, indent=1).encode() + b"\n"


def decode(content: bytes) -> Points:
    """What was kept; raise ``ValueError`` where it makes no sense."""
    try:
        kept: Any = json.loads(content)
        points = [_point(entry) for entry in cast("list[dict[str, Any]]", kept["points"])]
        seen = [str(one) for one in kept["seen"]]
    except (AttributeError, KeyError, RecursionError, TypeError) as error:
        raise ValueError(f"not what lunix-mount writes: {error!r}") from error
    return Points({point.where: point for point in points}, seen)


def _point(entry: dict[str, Any]) -> Point:
    where = entry["where"].encode("utf-8", "surrogateescape")
    if not where.startswith(b"/"):
        raise ValueError(f"{where!r} is no whole path")
    return Point(
        where=where,
        node=str(entry["node"]),
        made=entry["made"] is True,
        major=int(entry["major"]),
        minor=int(entry["minor"]),
        diskseq=_number(entry["diskseq"]),
        device=None if entry["device"] is None else str(entry["device"]),
        usb=None if entry["usb"] is None else str(entry["usb"]),
        number=_number(entry["number"]),
        removable=entry["removable"] is True,
    )


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _text(where: bytes) -> str:
    return where.decode("utf-8", "surrogateescape")
