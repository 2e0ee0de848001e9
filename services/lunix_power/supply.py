"""A power supply's attributes in sysfs. ``Documentation/ABI/testing/sysfs-class-power`` of the kernel.

Drivers leave out what they like: energy (µWh) or charge (µAh) and a voltage, power (µW) or current (µA), a capacity
or none. A current is negative in some that discharge.
"""

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from lunix_common.schemas.power import Status

ATTRIBUTES = (
    "type", "scope", "online", "present", "status", "capacity", "capacity_level", "energy_now", "energy_full",
    "charge_now", "charge_full", "power_now", "current_now", "voltage_now", "voltage_min_design",
    "time_to_empty_now", "time_to_full_now", "manufacturer", "model_name", "technology",
)  # fmt: skip

_NUMBER = re.compile(rb"-?[0-9]{1,15}")
_STATUSES: dict[str, Status] = {
    "Charging": "charging", "Discharging": "discharging", "Not charging": "idle", "Full": "full",
}  # fmt: skip
_BATTERIES = ("Battery", "UPS")
_MOST_CHARACTERS = 128


class Supply(NamedTuple):
    """What is used of one."""

    name: str
    kind: Literal["ac", "battery"]
    online: bool | None = None
    status: Status | None = None
    percent: int | None = None
    alarm: Literal["low", "critical"] | None = None
    """What the driver calls its charge, where it knows no number."""
    energy_wh: float | None = None
    energy_full_wh: float | None = None
    power_w: float | None = None
    time_left_s: int | None = None
    scope: Literal["system", "device"] | None = None
    manufacturer: str | None = None
    model: str | None = None
    technology: str | None = None


def decode(name: str, raw: Mapping[str, bytes]) -> Supply | None:
    """The supply with these attributes; ``None`` where none is in its place, as in an empty bay."""
    kind = _text(raw, "type")
    if kind is None or _number(raw, "present") == 0:
        return None
    scope: Literal["system", "device"] = "device" if _text(raw, "scope") == "Device" else "system"
    manufacturer, model = _text(raw, "manufacturer"), _text(raw, "model_name")
    if kind not in _BATTERIES:
        online = _number(raw, "online")
        on = None if online is None else online != 0
        return Supply(name, "ac", online=on, scope=scope, manufacturer=manufacturer, model=model)
    status = _STATUSES.get(_text(raw, "status") or "", "unknown")
    energy, full = _energy(raw, "now"), _energy(raw, "full")
    power = _power(raw)
    return Supply(
        name,
        "battery",
        status=status,
        percent=_percent(raw, energy, full),
        alarm=_ALARMS.get(_text(raw, "capacity_level") or ""),
        energy_wh=energy,
        energy_full_wh=full,
        power_w=power,
        time_left_s=_time_left(raw, status, energy, full, power),
        scope=scope,
        manufacturer=manufacturer,
        model=model,
        technology=_text(raw, "technology"),
    )


_ALARMS: dict[str, Literal["low", "critical"]] = {"Low": "low", "Critical": "critical"}


def _text(raw: Mapping[str, bytes], name: str) -> str | None:
    text = raw.get(name, b"").decode("utf-8", "backslashreplace").strip()[:_MOST_CHARACTERS]
    return text or None


def _number(raw: Mapping[str, bytes], name: str) -> int | None:
    found = _NUMBER.fullmatch(raw.get(name, b"").strip())
    return int(found[0]) if found else None


def _energy(raw: Mapping[str, bytes], which: str) -> float | None:
    """In watt hours; from the charge at the voltage that it is designed for, where it tells that alone."""
    if (energy := _number(raw, f"energy_{which}")) is not None:
        return round(energy / 1e6, 3)
    charge = _number(raw, f"charge_{which}")
    volts = _number(raw, "voltage_min_design") or _number(raw, "voltage_now")
    return None if charge is None or volts is None else round(charge * volts / 1e12, 3)


def _power(raw: Mapping[str, bytes]) -> float | None:
    if (power := _number(raw, "power_now")) is not None:
        return round(abs(power) / 1e6, 3)
    current, volts = _number(raw, "current_now"), _number(raw, "voltage_now")
    return None if current is None or volts is None else round(abs(current * volts) / 1e12, 3)


def _percent(raw: Mapping[str, bytes], energy: float | None, full: float | None) -> int | None:
    percent = _number(raw, "capacity")
    if percent is None and energy is not None and full:
        percent = int(energy * 100 / full)
    return None if percent is None else min(max(percent, 0), 100)


def _time_left(
    raw: Mapping[str, bytes], status: Status, energy: float | None, full: float | None, power: float | None
) -> int | None:
    if status not in ("charging", "discharging"):
        return None
    told = _number(raw, "time_to_empty_now" if status == "discharging" else "time_to_full_now")
    if told is not None and told > 0:
        return told
    if energy is None or not power:
        return None
    if status == "discharging":
        return max(int(energy / power * 3600), 0)
    return None if full is None else max(int((full - energy) / power * 3600), 0)
