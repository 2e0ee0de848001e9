"""When a battery is low, when it is looked at again, and what is told of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common.schemas.power import Level, Part, Status
from lunix_power.levels import FASTEST_PERCENT_PER_S, Gauge, Thresholds, level, next_look_s, percent_per_s
from lunix_power.parts import Lid, Parts
from lunix_power.supply import Supply

AT = Thresholds(low=15, critical=5, hysteresis=3)


def battery(percent: int | None, status: Status = "discharging", **more: object) -> Supply:
    return Supply("BAT0", "battery", status=status, percent=percent, scope="system")._replace(**more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "percent", "after"),
    [
        ("ok", 16, "ok"), ("ok", 15, "low"), ("ok", 5, "critical"), ("low", 18, "low"), ("low", 19, "ok"),
        ("low", 5, "critical"), ("critical", 8, "critical"), ("critical", 9, "low"), ("critical", 19, "ok"),
    ],
)  # fmt: skip
def test_a_level_ends_higher_than_it_begins(before: Level, percent: int, after: Level) -> None:
    assert level(battery(percent), before, AT) == after


@pytest.mark.parametrize("status", ["charging", "full", "idle"])
def test_what_does_not_discharge_is_not_low(status: Status) -> None:
    assert level(battery(1, status), "critical", AT) == "ok"


def test_an_unknown_status_changes_nothing_for_the_better() -> None:
    assert level(battery(1, "unknown"), "ok", AT) == "ok"
    assert level(battery(10, "unknown"), "low", AT) == "low"


def test_without_a_number_the_drivers_word_counts() -> None:
    assert level(battery(None, alarm="critical"), "ok", AT) == "critical"
    assert level(battery(None), "low", AT) == "ok"


def test_a_charge_that_goes_up_and_down_by_one_is_told_once() -> None:
    parts, heard = Parts(AT), list[str]()
    for percent in (17, 16, 15, 16, 15, 16, 14):
        heard += [fact.event for fact in parts.supplies([battery(percent)])]
    assert heard == ["added", "changed", "low", "changed", "changed", "changed", "changed"]


def test_the_next_look_is_half_way_to_the_next_threshold() -> None:
    """50 Wh used at 10 W: a percent in three minutes."""
    supply = battery(35, energy_full_wh=50.0, power_w=10.0)
    rate = percent_per_s(supply, None)
    assert rate == pytest.approx(100 / (5 * 3600))
    assert next_look_s(supply, rate, AT) == pytest.approx(20 * 180 / 2)
    assert next_look_s(supply._replace(percent=10), rate, AT) == pytest.approx(5 * 180 / 2)


def test_near_a_threshold_it_is_looked_at_on_time_and_not_without_end() -> None:
    assert next_look_s(battery(16), 1 / 40, AT) == pytest.approx(40)
    assert next_look_s(battery(16), 1.0, AT) == pytest.approx(10)
    assert next_look_s(battery(99), 1e-9, AT) == 6 * 3600


@pytest.mark.parametrize("supply", [battery(80, "charging"), battery(5), battery(None), battery(50, scope="device")])
def test_where_there_is_nothing_to_tell_nobody_looks(supply: Supply) -> None:
    assert next_look_s(supply, 1.0, AT) is None


@given(st.integers(0, 100), st.floats(1e-12, 1e6))
def test_every_look_is_soon_enough_and_not_too_soon(percent: int, rate: float) -> None:
    look_s = next_look_s(battery(percent), rate, AT)
    assert (look_s is None) == (percent <= 5)
    assert look_s is None or 10 <= look_s <= 6 * 3600


def test_a_rate_is_measured_where_the_driver_tells_none() -> None:
    gauge = Gauge()
    assert gauge.rate(battery(50), 0) is None
    assert gauge.rate(battery(50), 100) is None
    assert gauge.rate(battery(48), 200) == pytest.approx(0.01)
    assert percent_per_s(battery(48), 0.01) == 0.01
    assert gauge.rate(battery(60), 300) is None
    assert gauge.rate(battery(60, "charging"), 400) is None
    assert gauge.rate(battery(40), 500) is None
    assert percent_per_s(battery(40), None) == FASTEST_PERCENT_PER_S


def test_what_happens_to_a_battery_is_told_with_all_that_is_known() -> None:
    parts = Parts(AT)
    (added,) = parts.supplies([battery(80)])
    assert added == ("added", Part(id="battery:BAT0", kind="battery", name="BAT0", status="discharging", level="ok",
                                   charge_percent=80, scope="system"))  # fmt: skip
    assert not parts.supplies([battery(80, power_w=9.0)])
    assert next(iter(parts)).power_w is None, "it is listed as it was told last"
    heard = [fact.event for fact in parts.supplies([battery(10, "charging")])]
    assert heard == ["charging"]
    heard = [fact.event for fact in parts.supplies([battery(10, "discharging")])]
    assert heard == ["discharging", "low"]
    assert [fact.event for fact in parts.supplies([battery(10, "unknown")])] == ["changed"]
    assert [fact.event for fact in parts.supplies([battery(4, "discharging")])] == ["discharging", "critical"]
    assert [fact.event for fact in parts.supplies([])] == ["removed"]
    assert not list(parts)


def test_an_adapter_is_told_when_it_is_plugged() -> None:
    parts = Parts(AT)
    adapter = Supply("AC", "ac", online=True)
    assert [fact.event for fact in parts.supplies([adapter])] == ["added"]
    assert not parts.supplies([adapter._replace(model="another")])
    assert [fact.event for fact in parts.supplies([adapter._replace(online=False)])] == ["offline"]
    assert [fact.event for fact in parts.supplies([adapter])] == ["online"]


def test_a_lid_is_told_when_it_moves() -> None:
    parts = Parts(AT)
    parts.supplies([battery(50)])
    assert [fact.event for fact in parts.lids([Lid("Lid Switch", closed=False)])] == ["added"]
    assert not parts.lids([Lid("Lid Switch", closed=False)])
    assert [fact.event for fact in parts.lids([Lid("Lid Switch", closed=True)])] == ["closed"]
    assert [fact.event for fact in parts.lids([Lid("Lid Switch", closed=False)])] == ["open"]
    assert not parts.supplies([battery(50)]), "lids stay where supplies are read"
    assert [fact.event for fact in parts.lids([])] == ["removed"]
    assert len(list(parts)) == 1


READING = st.builds(
    battery, st.one_of(st.none(), st.integers(0, 100)), st.sampled_from(["charging", "discharging", "full", "unknown"])
)


@given(st.lists(st.lists(READING, max_size=1), max_size=20))
def test_a_mirror_of_the_events_is_the_list(readings: list[list[Supply]]) -> None:
    parts, mirror = Parts(AT), dict[str, Part]()
    for found in readings:
        for event, part in parts.supplies(found):
            if event == "removed":
                del mirror[part.id]
            else:
                mirror[part.id] = part
        assert list(parts) == list(mirror.values())
