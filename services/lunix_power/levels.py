"""When a battery is low, and when to look at it again.

Many drivers tell nothing while a battery discharges. Then the moment at which it may cross the next threshold is known
from its rate, and it is looked at half way to it: an hour before it is low that is in half an hour, a minute before
in that minute. Nothing is looked at between, and nothing below the last threshold.
"""

from typing import NamedTuple

from lunix_common.schemas.power import Level
from lunix_power.supply import Supply

FASTEST_PERCENT_PER_S = 100 / 3600
"""Where nothing is known of its rate: a battery that is empty in an hour."""
NEAR_S, SOONEST_S, LATEST_S = 60.0, 10.0, 6 * 3600.0


class Thresholds(NamedTuple):
    """In percent."""

    low: int = 15
    critical: int = 5
    hysteresis: int = 3


def level(supply: Supply, before: Level, thresholds: Thresholds) -> Level:
    """How low a battery is, after it was ``before``."""
    if supply.status not in ("discharging", "unknown"):
        return "ok"
    if supply.status == "unknown" and before == "ok":
        return "ok"
    if supply.percent is None:
        return supply.alarm or "ok"
    # Once reached, a level ends only that much higher: the charge that drivers tell goes up and down by one.
    more = thresholds.hysteresis
    if supply.percent <= thresholds.critical + (more if before == "critical" else 0):
        return "critical"
    if supply.percent <= thresholds.low + (more if before != "ok" else 0):
        return "low"
    return "ok"


def percent_per_s(supply: Supply, measured: float | None) -> float:
    """How fast it discharges: as the driver tells, as was ``measured``, or as fast as there is."""
    if supply.power_w and supply.energy_full_wh:
        return supply.power_w / supply.energy_full_wh * 100 / 3600
    return measured or FASTEST_PERCENT_PER_S


def next_look_s(supply: Supply, rate: float, thresholds: Thresholds) -> float | None:
    """In how many seconds to look again; ``None`` where there is nothing to be told."""
    if supply.status != "discharging" or supply.scope != "system" or supply.percent is None:
        return None
    below = [one for one in (thresholds.low, thresholds.critical) if one < supply.percent]
    if not below:
        return None
    left_s = (supply.percent - max(below)) / rate
    return min(max(left_s if left_s <= NEAR_S else left_s / 2, SOONEST_S), LATEST_S)


class Reading(NamedTuple):
    """A charge and its moment, in seconds of any clock that does not jump."""

    percent: int
    at_s: float


class Gauge:
    """Measures the rate of one battery, from what it lost since it began to discharge."""

    def __init__(self) -> None:
        self._first: Reading | None = None

    def rate(self, supply: Supply, now_s: float) -> float | None:
        """Take a reading; percent a second, ``None`` while that cannot be told."""
        if supply.status != "discharging" or supply.percent is None:
            self._first = None
            return None
        if self._first is None or supply.percent > self._first.percent:
            self._first = Reading(supply.percent, now_s)
        lost, took_s = self._first.percent - supply.percent, now_s - self._first.at_s
        return lost / took_s if lost > 0 and took_s > 0 else None
