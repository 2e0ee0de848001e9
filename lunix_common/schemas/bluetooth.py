"""Payloads of ``bluetooth.*``: adapters, devices, and who confirms a pairing.

Names are those that devices give themselves: nobody vouches for them, and they may hold anything.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from lunix_common.schemas.common import Model, Page, PageRequest, Time

PartKind = Literal["adapter", "device"]
AddressType = Literal["public", "random"]
SignalLevel = Literal["low", "high"]
Reason = Literal["local", "remote", "timeout", "authentication", "suspend", "removed", "bluez", "unknown"]
"""``local`` this machine ended it · ``remote`` the device did · ``timeout`` it is out of reach, or off ·
``authentication`` a key was wrong · ``suspend`` the machine sleeps · ``removed`` the device or its adapter is gone ·
``bluez`` BlueZ went away and did not come back · ``unknown`` nobody told."""
PairKind = Literal["confirm", "authorize", "service", "enter_pin", "enter_passkey", "show_pin", "show_passkey"]
"""``confirm`` the same passkey is on both sides · ``authorize`` the device pairs without one ·
``service`` a device that is not trusted wants to use a service · ``enter_pin``, ``enter_passkey`` what the device
shows, or is known to have · ``show_pin``, ``show_passkey`` a person types it on the device, and nothing has to be
answered."""
Outcome = Literal["accepted", "refused", "expired", "cancelled"]
"""``expired`` nobody answered in time, which refuses it · ``cancelled`` the device or BlueZ gave up."""
MOST_TIMEOUT_MS = 300_000


def _address(text: str) -> str:
    return text[-17:].upper()


Address = Annotated[
    str,
    Field(pattern=r"^(?:(?:device|adapter):)?[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}$", examples=["00:1B:DC:07:31:8A"]),
    AfterValidator(_address),
]
"""A Bluetooth address, or the ``id`` of an item."""


class Part(Model):
    """An adapter of this machine or a device that it knows, as it was told last."""

    id: str
    """``device:00:1B:DC:07:31:8A``, ``adapter:…``: by its address, whatever BlueZ calls it today."""
    kind: PartKind
    address: str
    address_type: AddressType | None = None
    """A ``random`` one of a device that is not paired changes now and then."""
    name: str | None = None
    """The one that a person gave it here, else its own."""
    adapter: str | None = None
    """Of a device: the address of the adapter that it is connected to or was found by."""
    icon: str | None = None
    """What sort of device it is, as the name of an icon: ``phone``, ``audio-headset``, ``input-keyboard``."""
    connected: bool | None = None
    paired: bool | None = None
    trusted: bool | None = None
    """It may connect and use services without a question."""
    blocked: bool | None = None
    battery_percent: int | None = None
    rssi_dbm: int | None = None
    """How strong it was received when it was told last; known while somebody scans."""
    signal: SignalLevel | None = None
    """The threshold that it crossed last."""
    services: list[str] | None = None
    """UUIDs of what it offers."""
    powered: bool | None = None
    """Of an adapter, as what follows."""
    discovering: bool | None = None
    """Somebody scans."""
    discoverable: bool | None = None
    pairable: bool | None = None


class PartEvent(Part):
    """What has become of it."""

    resync: bool = False
    """It was found when everything was read again: its moment is not known."""


class Disconnected(PartEvent):
    """A device is no longer connected."""

    reason: Reason


class PairRequested(Model):
    """A person is asked, or shown something."""

    id: str
    """What ``bluetooth.pair.answer`` names."""
    kind: PairKind
    device: str
    """Its address."""
    name: str | None = None
    icon: str | None = None
    passkey: str | None = None
    """Six digits: to compare, or to type on the device."""
    pin: str | None = None
    """To type on the device."""
    entered: int | None = None
    """How many digits were typed there."""
    service: str | None = None
    """The UUID of the service."""
    until: Time | None = None
    """When it counts as refused; absent where nothing has to be answered."""


class PairEnded(Model):
    """It need not be answered, or shown, any more."""

    id: str
    device: str
    outcome: Outcome


class PairAnswer(Model):
    """Yes or no."""

    id: str = Field(min_length=1, max_length=64)
    accept: bool
    pin: str | None = Field(default=None, min_length=1, max_length=16)
    """For ``enter_pin``."""
    passkey: str | None = Field(default=None, pattern=r"^[0-9]{1,6}$", examples=["048301"])
    """For ``enter_passkey``."""


class ListRequest(PageRequest):
    """Filters for ``bluetooth.list``."""

    kind: PartKind | None = None


class PartList(Page):
    """The answer to ``bluetooth.list``."""

    items: list[Part]
    pairing: list[PairRequested]
    """What waits for an answer, or is shown."""


class ScanRequest(Model):
    """How to look for devices."""

    timeout_ms: int = Field(default=10_000, ge=0, le=MOST_TIMEOUT_MS)
    """For how long from now; 0 ends a scan."""
    transport: Literal["auto", "bredr", "le"] = "auto"
    adapter: Address | None = None
    """The only one to look with; absent, all that are powered."""


class Scanning(Model):
    """It has begun, or ended."""

    adapters: list[str]
    until: Time | None = None


class DeviceRequest(Model):
    """Which device; bare text is its address."""

    device: Address
    adapter: Address | None = None
    """Where more than one knows it."""


class TrustRequest(DeviceRequest):
    """Whether it may connect without a question."""

    trusted: bool = True


class Done(Model):
    """It is so."""

    device: str
    adapter: str | None = None


class PowerRequest(Model):
    """Which adapter is on or off; absent, all."""

    powered: bool = True
    adapter: Address | None = None


class Powered(Model):
    """It is so."""

    adapters: list[str]
    powered: bool
