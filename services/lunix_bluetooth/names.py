"""Every name of BlueZ that is used: https://github.com/bluez/bluez/tree/master/doc, in ``org.bluez.*.rst``."""

import re

BLUEZ = "org.bluez"
ROOT, BASE = "/", "/org/bluez"
ADAPTER, DEVICE, BATTERY = "org.bluez.Adapter1", "org.bluez.Device1", "org.bluez.Battery1"
TRANSPORT, CONTROL, NETWORK = "org.bluez.MediaTransport1", "org.bluez.MediaControl1", "org.bluez.Network1"
AGENT, AGENT_MANAGER = "org.bluez.Agent1", "org.bluez.AgentManager1"
PROPERTIES, OBJECTS = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager"

FOLLOWED = (ADAPTER, DEVICE, BATTERY, TRANSPORT, CONTROL, NETWORK)
"""Interfaces whose properties are read. What else there is, as the characteristics of a sensor, does not wake us."""

REJECTED, CANCELED = "org.bluez.Error.Rejected", "org.bluez.Error.Canceled"

_OBJECT = re.compile(r"(/org/bluez/hci[0-9]+)(/dev_[0-9A-Fa-f_]{17})?(?:/.*)?")


def device_or_adapter(path: str) -> str | None:
    """The path of the device, or else the adapter, that an object belongs to; ``None`` for one of neither."""
    found = _OBJECT.fullmatch(path)
    return found[1] + (found[2] or "") if found else None


def adapter_of(path: str) -> str:
    """The path of the adapter of a device's path."""
    return path.rpartition("/")[0]
