r"""Payloads of ``hardware.*``: the devices of this machine.

Strings come from the kernel, from udev or from the device itself, and are hostile: a USB product name can hold
anything. Bytes that are not UTF-8 stand as ``\xNN``.
"""

from typing import Literal

from pydantic import Field

from lunix_common.schemas.common import Model, Page, PageRequest


class Device(Model):
    """One device. Fields without a value are absent on the wire."""

    id: str
    """New at each plug, stable while plugged: a rename keeps it, and so does a restart of natsdev."""
    subsystem: str
    """The kernel's subsystem, but ``usb_interface`` for the interfaces of a USB device: ``usb`` is whole devices."""
    name: str
    """The kernel's name: ``sda1``, ``eth0``, ``1-2``."""
    devpath: str
    """The path below ``/sys``, which begins with ``/devices``."""
    devtype: str | None = None
    devnode: str | None = None
    """The device node: ``/dev/sda1``."""
    major: int | None = None
    minor: int | None = None
    links: list[str] = Field(default_factory=list[str])
    """Symbolic links to the node, sorted: ``/dev/disk/by-uuid/…``."""
    parent: str | None = None
    """The id of the nearest parent that is a device of this list."""
    driver: str | None = None
    bus: str | None = None
    """What it hangs from: ``usb``, ``pci``, ``ata``, ``virtio``, …"""
    vendor_id: str | None = None
    """Four hexadecimal digits, its own or those of the device it hangs from; likewise the next four fields."""
    product_id: str | None = None
    vendor: str | None = None
    product: str | None = None
    serial: str | None = None
    usb: str | None = None
    """The id of the USB device that it hangs from."""
    size_bytes: int | None = None
    removable: bool | None = None
    read_only: bool | None = None
    transport: str | None = None
    """Of a block device: ``usb``, ``ata``, ``nvme``, ``virtio``, ``mmc``, ``loop``, …"""
    diskseq: int | None = None
    """The kernel's number of this disk, never used twice in one boot."""
    fs_type: str | None = None
    fs_label: str | None = None
    fs_uuid: str | None = None
    fs_usage: Literal["filesystem", "crypto", "raid", "other"] | None = None
    part_table: str | None = None
    """``gpt`` or ``dos``, of a disk that has partitions."""
    part_uuid: str | None = None
    part_label: str | None = None
    properties: dict[str, str] = Field(default_factory=dict[str, str])
    """The properties of the kernel's event, or udev's where it runs."""


class DeviceEvent(Device):
    """A device and what happened to it. ``remove`` carries all that was known before."""

    action: str
    """``add`` ``remove`` ``change`` ``move`` ``bind`` ``unbind`` ``online`` ``offline``."""
    old_name: str | None = None
    """After ``move``: the name before; the same as now for what is below the device that was renamed."""
    synthetic: bool = False
    """Asked for by a program that wrote to the device's ``uevent`` file. A synthetic ``remove`` removes nothing, and is
    followed by a synthetic ``add``."""
    resync: bool = False
    """Found by comparing with sysfs after events were lost."""


class ListRequest(PageRequest):
    """Filters for ``hardware.list``; a device has to pass all of them."""

    subsystem: str | None = None
    devtype: str | None = None
    bus: str | None = None
    usb: str | None = None
    parent: str | None = None
    name: str | None = None


class DeviceList(Page):
    """The answer to ``hardware.list``."""

    items: list[Device]


class GetRequest(Model):
    """Which device."""

    device: str = Field(min_length=1)
    """An id, a path below ``/sys`` (with or without it) or a device node."""


class SettleRequest(Model):
    """How long to wait."""

    timeout_ms: int = Field(default=120_000, ge=0, le=3_600_000)


class Settled(Model):
    """Every event before the request is on the bus."""

    seq: int
    """The last of them."""


class TriggerRequest(Model):
    """Which event to ask for."""

    device: str | None = None
    """An id, a path or a device node; without it all devices that pass the filter."""
    subsystem: str | None = None
    action: Literal["add", "change", "remove", "move", "online", "offline", "bind", "unbind"] = "change"


class Triggered(Model):
    """How many devices were asked."""

    devices: int
