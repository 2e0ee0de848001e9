r"""Payloads of ``mount.*``: file systems that are mounted.

Labels come from the file system and paths from whoever mounted it: both are hostile. Bytes that are not UTF-8 stand as
``\xNN``.
"""

from typing import Literal

from pydantic import Field

from lunix_common.schemas.common import Model, Page, PageRequest


class Mount(Model):
    """A mount.

    Outside of the places of removable media, ``where``, ``root``, ``options`` and a ``source`` that is no device node
    are for the role admin alone.
    """

    id: str
    """As long as it is mounted there."""
    where: str | None = None
    """The mount point."""
    source: str | None = None
    """The device node, or whatever the file system has in its place."""
    root: str | None = None
    """The part of the file system that is mounted, where it is not the whole."""
    fs_type: str
    """The kernel's name of it: ``ext4``, ``vfat``, ``ntfs3``, ``tmpfs``."""
    options: list[str] = Field(default_factory=list[str])
    """Of this mount: ``nosuid``, ``nodev``, ``noexec``, ``relatime``."""
    read_only: bool = False
    """The mount or the whole file system is."""
    device: str | None = None
    """The id of the block device, where natsdev tells of it; likewise the next four fields."""
    usb: str | None = None
    """The id of the USB device that it hangs from."""
    fs_label: str | None = None
    fs_uuid: str | None = None
    removable: bool | None = None
    ours: bool = False
    """lunix-mount mounted it."""


class Unmounted(Mount):
    """What a mount was."""

    reason: Literal["asked", "pulled", "other"]
    """``asked`` by a request · ``pulled`` its device is gone · ``other`` somebody else unmounted it."""


class Failed(Model):
    """A volume that should have been mounted by itself."""

    device: str
    """The id of the block device."""
    source: str
    """Its node."""
    usb: str | None = None
    fs_type: str | None = None
    fs_label: str | None = None
    code: int
    """As in an error answer of ``mount.mount``."""
    why: str


class ListRequest(PageRequest):
    """Filters for ``mount.list``; a mount has to pass all of them."""

    device: str | None = Field(default=None, max_length=4096)
    """A device node, or the id of a block or USB device."""
    where: str | None = Field(default=None, max_length=4096)
    fs_type: str | None = Field(default=None, max_length=255)
    ours: bool | None = None


class MountList(Page):
    """The answer to ``mount.list``, in the order in which they were mounted."""

    items: list[Mount]


class MountRequest(Model):
    """What to mount, by one of ``device``, ``uuid`` and ``label``, and where. Bare text is the device."""

    device: str | None = Field(default=None, min_length=1, max_length=4096)
    """A device node, or the id of any device of natsdev: its volume is mounted, once that is there."""
    uuid: str | None = Field(default=None, min_length=1, max_length=255)
    label: str | None = Field(default=None, min_length=1, max_length=255)
    where: str | None = Field(default=None, min_length=1, max_length=4096)
    """A whole path, made where it is missing; without it a place of its own below ``/media``."""
    fs_type: str | None = Field(default=None, pattern=r"^[a-z0-9_.-]{1,64}$")
    """Where what is found on it should not count."""
    read_only: bool = False
    options: list[str] = Field(default_factory=list[str], max_length=64)
    """As for mount(8), for the role admin alone. ``nosuid`` and ``nodev`` hold unless they say ``suid`` and ``dev``."""
    timeout_ms: int = Field(default=30_000, ge=1, le=600_000)
    """So long the volume is waited for, and then the mount itself."""


class UnmountRequest(Model):
    """What to unmount, by one of these. Bare text is ``where``."""

    where: str | None = Field(default=None, min_length=1, max_length=4096)
    device: str | None = Field(default=None, min_length=1, max_length=4096)
    """A device node or the id of a device: all mounts of what is on it."""
    id: str | None = Field(default=None, min_length=1, max_length=255)
    """Of one mount."""
    lazy: bool = False
    """Out of sight at once, though programs use it; the file system ends with the last of them."""


class UnmountReply(Model):
    """What was unmounted."""

    unmounted: list[Mount]
