"""nl80211: what the kernel tells of wireless interfaces, and how it is asked. linux/nl80211.h. Pure.

A network's name is up to 32 bytes of any kind. The kernel's events name the access point alone; what the network is
called and on which frequency it is, stands in the answer about the interface, or (Linux 5.19 to 6.2 may leave it out
there) in the results of the last scan.
"""

import struct
from typing import NamedTuple

from lunix_common.schemas.network import Wifi
from lunix_network.genl import command
from lunix_network.netlink import Attributes, Malformed, attribute, attributes, i32, text, u16, u32

NAME = "nl80211"
GROUP = "mlme"
"""Where connections are told, and signals. That interfaces come and go is told by rtnetlink."""
GET_INTERFACE, NEW_INTERFACE, GET_STATION, GET_SCAN = 5, 7, 17, 32
CONNECT, ROAM, DISCONNECT, SET_CQM, NOTIFY_CQM, CHANNEL_SWITCHED = 46, 47, 48, 63, 64, 88

_IFINDEX, _IFTYPE, _MAC, _FREQUENCY, _SSID, _REASON, _BY_AP, _STATUS, _CQM = 3, 5, 6, 38, 52, 54, 71, 72, 94
_BSS, _BSS_BSSID, _BSS_FREQUENCY, _BSS_ELEMENTS, _BSS_STATUS, _BSS_BEACON = 47, 1, 2, 6, 9, 11
_ASSOCIATED = 1
_THRESHOLD, _HYSTERESIS, _CROSSED, _LEVEL = 1, 2, 3, 9
_CLIENTS = (2, 8)
"""Kinds of interfaces that connect: stations, also of Wi-Fi Direct."""


class Connected(NamedTuple):
    """An interface is connected, or went over to another access point."""

    ifindex: int
    bssid: str | None


class Disconnected(NamedTuple):
    """An interface is connected no more."""

    ifindex: int
    reason: int | None = None
    """IEEE 802.11, 9.4.1.7."""
    by_access_point: bool = False


class Moved(NamedTuple):
    """An interface went over to another channel, with its access point."""

    ifindex: int


class Crossed(NamedTuple):
    """The signal of an interface crossed the threshold."""

    ifindex: int
    low: bool
    signal_dbm: int | None


Event = Connected | Disconnected | Moved | Crossed


def event(number: int, data: bytes) -> Event | None:
    """What a command in a group tells, ``None`` for what is of no interest; raise ``Malformed``."""
    if number not in (CONNECT, ROAM, DISCONNECT, NOTIFY_CQM, CHANNEL_SWITCHED):
        return None
    found = attributes(data)
    ifindex = u32(found.get(_IFINDEX))
    if ifindex is None:
        raise Malformed("an event of no interface")
    if number == NOTIFY_CQM:
        return _crossed(ifindex, attributes(found.get(_CQM, b"")))
    if number == DISCONNECT:
        return Disconnected(ifindex, u16(found.get(_REASON)), _BY_AP in found)
    if number == CHANNEL_SWITCHED:
        return Moved(ifindex)
    if any(found.get(_STATUS, b"")):
        # It tried to, and was refused.
        return None
    return Connected(ifindex, _mac(found.get(_MAC)))


def interface(data: bytes) -> tuple[int, Wifi | None] | None:
    """The number of an interface and what it is connected to; ``None`` for one that connects to nothing."""
    found = attributes(data)
    ifindex = u32(found.get(_IFINDEX))
    if ifindex is None or u32(found.get(_IFTYPE)) not in _CLIENTS:
        return None
    return ifindex, wifi(found[_SSID], u32(found.get(_FREQUENCY))) if found.get(_SSID) else None


def wifi(ssid: bytes, frequency_mhz: int | None) -> Wifi:
    """A network by its name."""
    return Wifi(ssid=text(ssid), ssid_hex=ssid.hex(), frequency_mhz=frequency_mhz)


def access_point(data: bytes) -> Wifi | None:
    """What a result of a scan says, where it is of the access point that we are connected to; else ``None``."""
    found = attributes(attributes(data).get(_BSS, b""))
    if u32(found.get(_BSS_STATUS)) != _ASSOCIATED:
        return None
    name = _ssid(found.get(_BSS_ELEMENTS) or found.get(_BSS_BEACON) or b"")
    return wifi(name, u32(found.get(_BSS_FREQUENCY))).model_copy(update={"bssid": _mac(found.get(_BSS_BSSID))})


def station(data: bytes) -> str | None:
    """The other side of a connection: of a client the access point."""
    return _mac(attributes(data).get(_MAC))


def of_interface(ifindex: int) -> bytes:
    """The attribute that names an interface in a question."""
    return attribute(_IFINDEX, struct.pack("=I", ifindex))


def set_threshold(ifindex: int, low_dbm: int, hysteresis_db: int) -> bytes:
    """The body of a request to tell when the signal crosses this."""
    inside = attribute(_THRESHOLD, struct.pack("=i", low_dbm)) + attribute(
        _HYSTERESIS, struct.pack("=I", hysteresis_db)
    )
    return command(SET_CQM, of_interface(ifindex), attribute(_CQM, inside))


def _crossed(ifindex: int, found: Attributes) -> Crossed | None:
    crossed = u32(found.get(_CROSSED))
    # It tells of lost packets and beacons as well.
    return None if crossed not in (0, 1) else Crossed(ifindex, crossed == 0, i32(found.get(_LEVEL)))


def _ssid(elements: bytes) -> bytes:
    """The name in a row of elements, each a number, a length and a value: IEEE 802.11, 9.4.2. It has the number 0."""
    while len(elements) > 1 and elements[0] != 0:
        elements = elements[2 + elements[1] :]
    return elements[2 : 2 + elements[1]] if len(elements) > 1 else b""


def _mac(raw: bytes | None) -> str | None:
    return raw.hex(":") if raw else None
