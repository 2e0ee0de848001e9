"""Payloads of ``power.*``: what the machine runs on, its lid and buttons, its sleep."""

from typing import Literal

from lunix_common.schemas.common import Model, Page, PageRequest, Time

PartKind = Literal["ac", "battery", "lid"]
Status = Literal["charging", "discharging", "idle", "full", "unknown"]
"""``idle`` is neither charged nor used, as above the threshold at which a laptop stops to charge."""
Level = Literal["ok", "low", "critical"]
Mode = Literal["suspend", "hibernate"]
Via = Literal["logind", "kernel"]


class Part(Model):
    """An adapter, a battery or a lid, as it was told last."""

    id: str
    """``battery:BAT0``, ``ac:AC``, ``lid:LNXLID:00``: with the kernel's name of it."""
    kind: PartKind
    name: str
    online: bool | None = None
    """Of an adapter: it gives power."""
    closed: bool | None = None
    """Of a lid."""
    status: Status | None = None
    level: Level | None = None
    """Of a battery. What is not discharging is ``ok``, however empty."""
    charge_percent: int | None = None
    energy_wh: float | None = None
    energy_full_wh: float | None = None
    """What it holds now when it is full."""
    power_w: float | None = None
    """At which it is charged or used."""
    time_left_s: int | None = None
    """Until it is empty, or full, at this rate."""
    scope: Literal["system", "device"] | None = None
    """``device``: it is that of a mouse or the like, and the machine does not run on it."""
    manufacturer: str | None = None
    model: str | None = None
    technology: str | None = None


class PartEvent(Part):
    """What has become of it."""

    resync: bool = False
    """It was found when everything was read again: its moment is not known."""


class Pressed(Model):
    """A button."""

    button: Literal["power", "sleep"]
    device: str
    """The kernel's name of the input device."""


class Suspending(Model):
    """The machine is about to sleep."""

    mode: Mode | None = None
    """Absent where somebody else asked for it."""
    via: Via


class Resumed(Model):
    """The machine is awake again."""

    slept_s: float
    resumed_at: Time
    via: Via


class ListRequest(PageRequest):
    """Filters for ``power.list``."""

    kind: PartKind | None = None


class PartList(Page):
    """The answer to ``power.list``."""

    items: list[Part]


class SuspendRequest(Model):
    """How to sleep."""

    mode: Mode = "suspend"


class Begun(Model):
    """It has begun."""

    mode: Mode
    via: Via
