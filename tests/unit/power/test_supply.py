"""Power supplies, as real drivers describe them in sysfs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_power import os_sysfs
from lunix_power.supply import ATTRIBUTES, Supply, decode

LAPTOP = {
    "type": "Battery", "present": "1", "status": "Discharging", "capacity": "74", "capacity_level": "Normal",
    "energy_now": "36270000", "energy_full": "48830000", "power_now": "8046000", "voltage_now": "12034000",
    "manufacturer": "LGC", "model_name": "45N1029", "technology": "Li-ion",
}  # fmt: skip
PHONE = {
    "type": "Battery", "status": "Discharging", "charge_now": "1500000", "charge_full": "3000000",
    "voltage_now": "3800000", "current_now": "-500000",
}  # fmt: skip
MOUSE = {"type": "Battery", "scope": "Device", "status": "Discharging", "online": "1", "capacity_level": "Low"}


def raw(told: dict[str, str]) -> dict[str, bytes]:
    return {name: f"{value}\n".encode() for name, value in told.items()}


def decoded(told: dict[str, str], **more: str) -> Supply:
    found = decode("BAT0", raw(told | more))
    assert found is not None
    return found


def test_a_laptop_tells_energy_and_power() -> None:
    assert decoded(LAPTOP) == Supply(
        "BAT0",
        "battery",
        status="discharging",
        percent=74,
        energy_wh=36.27,
        energy_full_wh=48.83,
        power_w=8.046,
        time_left_s=16228,
        scope="system",
        manufacturer="LGC",
        model="45N1029",
        technology="Li-ion",
    )


def test_a_phone_tells_charge_and_a_negative_current() -> None:
    found = decoded(PHONE)
    assert (found.percent, found.energy_wh, found.energy_full_wh, found.power_w) == (50, 5.7, 11.4, 1.9)
    assert found.time_left_s == 3 * 3600


def test_a_mouse_tells_a_word() -> None:
    found = decoded(MOUSE)
    assert (found.scope, found.alarm, found.percent, found.time_left_s) == ("device", "low", None, None)


def test_time_is_that_of_the_driver_where_it_knows_it() -> None:
    assert decoded(LAPTOP, time_to_empty_now="1234").time_left_s == 1234
    assert decoded(LAPTOP, time_to_empty_now="0").time_left_s == 16228
    assert decoded(LAPTOP, status="Charging", time_to_full_now="77").time_left_s == 77


def test_time_until_full() -> None:
    assert decoded(LAPTOP, status="Charging").time_left_s == int((48.83 - 36.27) / 8.046 * 3600)
    assert decode("B", raw({"type": "Battery", "status": "Charging", "energy_now": "1", "power_now": "1"})) == Supply(
        "B", "battery", status="charging", energy_wh=0.0, power_w=0.0, scope="system"
    )
    without_full = decoded({name: value for name, value in LAPTOP.items() if name != "energy_full"}, status="Charging")
    assert without_full.time_left_s is None


@pytest.mark.parametrize(
    ("told", "status"),
    [("Charging", "charging"), ("Not charging", "idle"), ("Full", "full"), ("Unknown", "unknown"), ("?", "unknown")],
)
def test_a_status_is_a_word_of_ours(told: str, status: str) -> None:
    assert decoded(LAPTOP, status=told).status == status


@pytest.mark.parametrize(("told", "online"), [("1", True), ("2", True), ("0", False), ("x", None)])
def test_an_adapter_gives_power_or_not(told: str, online: bool | None) -> None:
    found = decode("AC", raw({"type": "Mains", "online": told}))
    assert found == Supply("AC", "ac", online=online, scope="system")


def test_an_empty_bay_is_nothing() -> None:
    assert decode("BAT1", raw(LAPTOP | {"present": "0"})) is None
    assert decode("BAT1", {}) is None


@pytest.mark.parametrize(("told", "percent"), [("-3", 0), ("104", 100), ("9" * 30, 74)])
def test_a_charge_is_a_percentage(told: str, percent: int) -> None:
    assert decoded(LAPTOP, capacity=told).percent == percent


VALUE = st.one_of(
    st.binary(max_size=40), st.integers(-(10**14), 10**14).map(lambda number: str(number).encode()),
    st.sampled_from([b"Battery", b"Mains", b"UPS", b"Discharging", b"Charging", b"Full", b"0", b"1"]),
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(ATTRIBUTES), VALUE))
def test_no_driver_is_too_strange(attributes: dict[str, bytes]) -> None:
    found = decode("x", attributes)
    if found is not None:
        assert found.percent is None or 0 <= found.percent <= 100
        assert found.time_left_s is None or found.time_left_s >= 0
        assert found.power_w is None or found.power_w >= 0


def test_a_folder_is_read(tmp_path: Path) -> None:
    for name in ("BAT1", "BAT0", "hwmon"):
        (tmp_path / name).mkdir()
    for attribute, value in LAPTOP.items():
        (tmp_path / "BAT0" / attribute).write_text(value + "\n")
    assert [one.name for one in os_sysfs.read(tmp_path)] == ["BAT0"]
    assert not list(os_sysfs.read(tmp_path / "nothing"))
