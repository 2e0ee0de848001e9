"""Input events and uevents, as the kernel writes them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_power.switches import (
    EV_KEY,
    EV_SW,
    EV_SYN,
    EVENT,
    KEY_BYTES,
    KEY_POWER,
    KEY_SLEEP,
    Abilities,
    Dropped,
    Moved,
    Pressed,
    abilities,
    bit,
    events,
    mask,
)
from lunix_power.uevent import Uevent, parse

SMALL = struct.Struct("<iiHHi")
"""Of a machine of 32 bits."""


@pytest.mark.parametrize("form", [EVENT, SMALL])
def test_a_stream_of_events_is_read(form: struct.Struct) -> None:
    told = [(EV_SW, 0, 1), (EV_SYN, 0, 0), (EV_KEY, KEY_POWER, 1), (EV_KEY, KEY_POWER, 2), (EV_KEY, KEY_POWER, 0),
            (EV_KEY, 30, 1), (EV_KEY, KEY_SLEEP, 1), (EV_SW, 5, 1), (EV_SYN, 3, 0), (EV_SW, 0, 0)]  # fmt: skip
    data = b"".join(form.pack(7, 8, *one) for one in told)
    wanted = [Moved(closed=True), Pressed("power"), Pressed("sleep"), Dropped(), Moved(closed=False)]
    assert list(events(data, form)) == wanted
    assert list(events(data[:-1], form)) == wanted[:-1]


def test_what_a_device_can_tell() -> None:
    assert abilities(mask([KEY_POWER], KEY_BYTES), b"\0") == Abilities(lid=False, buttons=True)
    assert abilities(b"", b"\1") == Abilities(lid=True, buttons=False)
    assert not abilities(mask([30], KEY_BYTES), b"\2").any
    assert abilities(b"", b"\1").any


@given(st.sets(st.integers(0, 767)))
def test_a_mask_has_its_bits_and_no_others(numbers: set[int]) -> None:
    bits = mask(numbers, KEY_BYTES)
    assert {number for number in range(800) if bit(bits, number)} == numbers


@given(st.binary(max_size=200))
def test_no_stream_is_too_strange(data: bytes) -> None:
    assert len(list(events(data))) <= len(data) // EVENT.size


BATTERY = (
    b"change@/devices/LNXSYSTM:00/PNP0C0A:00/power_supply/BAT0\0ACTION=change\0SUBSYSTEM=power_supply\0"
    b"POWER_SUPPLY_NAME=BAT0\0SEQNUM=7\0"
)


def test_a_uevent_of_ours_is_told() -> None:
    assert parse(BATTERY) == Uevent("power_supply", "change", None)
    lid = b"add@/x\0ACTION=add\0SUBSYSTEM=input\0DEVNAME=input/event3\0"
    assert parse(lid) == Uevent("input", "add", "input/event3")


@pytest.mark.parametrize("datagram", [b"", b"\0", b"add@/x\0ACTION=add\0SUBSYSTEM=usb\0", b"libudev\0\xfe\xed"])
def test_any_other_is_not(datagram: bytes) -> None:
    assert parse(datagram) is None


@given(st.binary(max_size=200))
def test_no_uevent_is_too_strange(data: bytes) -> None:
    parse(data)
    parse(b"x\0SUBSYSTEM=power_supply\0" + data)
