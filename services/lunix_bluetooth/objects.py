"""What BlueZ says of an adapter or a device, as an item of ours. Wrong types count as not told."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from lunix_bluetooth.names import ADAPTER, BATTERY, CONTROL, DEVICE, NETWORK, TRANSPORT
from lunix_common.schemas.bluetooth import AddressType, Part

Interfaces = Mapping[str, Mapping[str, Any]]
"""The properties of one object, by interface."""

MOST_CHARACTERS, MOST_SERVICES = 248, 64
"""A Bluetooth name has at most 248 bytes; what a program has made of one may be longer."""

_ADDRESS = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){5}")
_TYPES: Mapping[str, AddressType] = {"public": "public", "random": "random"}
_STREAMS = ("active", "pending")


def adapter(interfaces: Interfaces) -> Part | None:
    """An adapter; ``None`` where the object is none."""
    told = interfaces.get(ADAPTER, {})
    address = _address(told)
    if address is None:
        return None
    return Part(
        id=f"adapter:{address}",
        kind="adapter",
        address=address,
        address_type=_TYPES.get(str(told.get("AddressType"))),
        name=_text(told, "Alias") or _text(told, "Name"),
        powered=_flag(told, "Powered"),
        discovering=_flag(told, "Discovering"),
        discoverable=_flag(told, "Discoverable"),
        pairable=_flag(told, "Pairable"),
    )


def device(interfaces: Interfaces, below: Iterable[Interfaces], adapter_address: str | None) -> Part | None:
    """A device with the objects below it; ``None`` where the object is none."""
    told = interfaces.get(DEVICE, {})
    address = _address(told)
    if address is None:
        return None
    return Part(
        id=f"device:{address}",
        kind="device",
        address=address,
        address_type=_TYPES.get(str(told.get("AddressType"))),
        name=_text(told, "Alias") or _text(told, "Name"),
        adapter=adapter_address,
        icon=_text(told, "Icon"),
        connected=_connected(interfaces, below),
        paired=_flag(told, "Paired"),
        trusted=_flag(told, "Trusted"),
        blocked=_flag(told, "Blocked"),
        battery_percent=_number(interfaces.get(BATTERY, {}), "Percentage", 0, 100),
        rssi_dbm=_number(told, "RSSI", -127, 20),
        services=_services(told),
    )


def merged(views: list[Part]) -> Part | None:
    """One device, as all adapters that know it see it; the adapter that it is connected by, or paired with, leads."""
    if not views:
        return None
    lead = max(views, key=lambda one: (bool(one.connected), bool(one.paired)))
    return lead.model_copy(
        update={
            "connected": any(one.connected for one in views),
            "paired": any(one.paired for one in views),
            "trusted": any(one.trusted for one in views),
            "battery_percent": next((one.battery_percent for one in views if one.battery_percent is not None), None),
            "rssi_dbm": max((one.rssi_dbm for one in views if one.rssi_dbm is not None), default=None),
        }
    )


def _connected(interfaces: Interfaces, below: Iterable[Interfaces]) -> bool:
    """Several signals: BlueZ may say that a device is not connected while it plays (BlueZ's issue 2485)."""
    says = (interfaces.get(name, {}).get("Connected") for name in (DEVICE, CONTROL, NETWORK))
    return any(one is True for one in says) or any(one.get(TRANSPORT, {}).get("State") in _STREAMS for one in below)


def _address(told: Mapping[str, Any]) -> str | None:
    text = str(told.get("Address", "")).upper()
    return text if _ADDRESS.fullmatch(text) else None


def _text(told: Mapping[str, Any], name: str) -> str | None:
    value = told.get(name)
    return value[:MOST_CHARACTERS] or None if isinstance(value, str) else None


def _flag(told: Mapping[str, Any], name: str) -> bool:
    return told.get(name) is True


def _number(told: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = told.get(name)
    return min(max(value, least), most) if isinstance(value, int) and not isinstance(value, bool) else None


def _services(told: Mapping[str, Any]) -> list[str] | None:
    value = told.get("UUIDs")
    if not isinstance(value, list):
        return None
    texts = [one for one in cast("list[object]", value) if isinstance(one, str) and len(one) <= 36]
    return sorted(texts)[:MOST_SERVICES] or None
