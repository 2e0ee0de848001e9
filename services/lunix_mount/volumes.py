"""Which block devices hold a file system, and which of them is meant. Pure, on natsdev's devices."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from posixpath import normpath
from typing import NamedTuple

from lunix_common.errors import did_you_mean
from lunix_common.schemas.hardware import Device
from lunix_common.schemas.mount import MountRequest
from lunix_mount.mountinfo import Record, text

_OF_PEOPLE = ("/dev/shm", "/dev/mqueue", "/dev/fd", "/dev/std")  # noqa: S108 - it is not used
_DIGITS = re.compile(r"([0-9]+)")
Meant = Callable[[Device], bool]
MOST_TOLD = 16


class Volume(NamedTuple):
    """Something to mount. Without natsdev only its node is known."""

    node: str
    fs_type: str | None = None
    fs_label: str | None = None
    fs_uuid: str | None = None
    device: str | None = None
    usb: str | None = None
    number: tuple[int, int] | None = None
    """Major and minor number."""
    diskseq: int | None = None


def volume(device: Device) -> Volume:
    """A block device of natsdev's."""
    assert device.devnode is not None, "block devices have nodes"
    has_number = device.major is not None and device.minor is not None
    return Volume(
        device.devnode,
        device.fs_type,
        device.fs_label,
        device.fs_uuid,
        device.id,
        device.usb,
        (device.major or 0, device.minor or 0) if has_number else None,
        device.diskseq,
    )


def is_volume(device: Device) -> bool:
    """Whether there is a file system on it."""
    return device.fs_usage == "filesystem" and device.fs_type is not None and device.devnode is not None


def node_path(path: str) -> str | None:
    """A path of a device node, without detours; ``None`` for what is none.

    Only ``/dev`` is looked into, and not where people may put links: those could lead to where a look takes for ever.
    """
    plain = normpath(path)
    return plain if plain.startswith("/dev/") and not plain.startswith(_OF_PEOPLE) and "\0" not in plain else None


def at(path: str) -> Meant:
    """The device of a node, or of a link to it."""
    return lambda device: device.devnode == path or path in device.links


def below(id_: str, devpath: str | None) -> Meant:
    """The block devices that are a device, or are below it; ``devpath`` is its path where that is known."""
    above = None if devpath is None else f"{devpath}/"
    return lambda device: id_ in (device.id, device.usb) or (above is not None and device.devpath.startswith(above))


def with_uuid(uuid: str) -> Meant:
    """UUIDs are written in more than one case."""
    return lambda device: device.fs_uuid is not None and device.fs_uuid.lower() == uuid.lower()


def with_label(label: str) -> Meant:
    """The devices of this label."""
    return lambda device: device.fs_label == label


def found(devices: Iterable[Device], meant: Meant) -> list[Device]:
    """The volumes that are meant, in the order of their disks and partitions.

    Below a disk that is a volume as a whole (a hybrid image of a disc, say) its partitions are none of their own.
    """
    every = list(devices)
    whole = [f"{device.devpath}/" for device in every if is_volume(device)]
    mine = [device for device in every if is_volume(device) and meant(device)]
    mine = [device for device in mine if not device.devpath.startswith(tuple(whole))]
    return sorted(mine, key=lambda device: natural(device.devpath))


def natural(name: str) -> list[tuple[int, str]]:
    """``sda2`` before ``sda10``."""
    return [(int(piece), "") if odd % 2 else (0, piece) for odd, piece in enumerate(_DIGITS.split(name))]


def why_none(devices: Iterable[Device], meant: Meant) -> str | None:
    """Why nothing of what is meant can be mounted, for a person; ``None`` where something may still appear."""
    mine = [device for device in devices if meant(device)]
    for device in mine:
        if device.fs_usage in ("crypto", "raid"):
            return f"{device.devnode} holds {device.fs_type}: open what is inside of it first"
    return None


def missing(asked: MountRequest, devices: Iterable[Device]) -> str:
    """That there is no volume as it was asked for, and what there is instead. Texts of the world are quoted."""
    if asked.device is not None:
        return f"no file system has appeared on {asked.device!r}"
    what, wanted, field = ("label", asked.label, "fs_label") if asked.uuid is None else ("UUID", asked.uuid, "fs_uuid")
    names = dict.fromkeys(getattr(one, field) for one in found(devices, lambda _device: True))
    known = [name for name in names if name][:MOST_TOLD]
    every = ", ".join(map(repr, known)).replace("{", "{{").replace("}", "}}")
    instead = did_you_mean(str(wanted), known, f"there are {every}" if known else "there is none with any", "{!r}")
    return f"there is no volume with the {what} {wanted!r}: {instead}"


def looks_removable(device: Device, patterns: Collection[str]) -> bool:
    """Whether natsdev tells that it is on a removable disk; the kernel is asked again before it is mounted."""
    return bool(device.removable) or device.transport == "usb" or matches(device.name, patterns)


def are_of_one_disk(one: Device | None, other: Device) -> bool:
    """Whether two block devices are a disk and its partition, or partitions of one disk."""
    return one is not None and (one.id == other.id or (one.diskseq is not None and one.diskseq == other.diskseq))


def matches(disk: str, patterns: Collection[str]) -> bool:
    """Whether the setting ``removable`` names the disk, or the one that a partition is on."""
    return any(fnmatchcase(disk, pattern) or fnmatchcase(disk, f"{pattern}p[0-9]*") for pattern in patterns)


class Index:
    """The block devices by number and by node: whose a mount is."""

    def __init__(self, devices: Mapping[str, Device]) -> None:
        self._by_number = {(device.major, device.minor): device for device in devices.values()}
        self._by_node = {device.devnode: device for device in devices.values()}

    def of(self, record: Record) -> Device | None:
        """The device of a mount. Some file systems, as btrfs, have a number that is no device's."""
        if record.major:
            return self._by_number.get((record.major, record.minor))
        return self._by_node.get(text(record.source)) if record.source.startswith(b"/dev/") else None
