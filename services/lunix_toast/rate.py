"""How many toasts a sender may show at once: pure, the clock is given.

Each sender has a bucket that fills with time and pays for toasts, and all senders together have one of five times the
size: who changes names gains nothing. What is dropped is counted, so that it can be announced.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

REPLACEMENT = 0.1
"""What a toast costs that takes the place of another one: progress may be shown ten times as often."""
_ALL_TOGETHER = 5
_MOST_SENDERS = 256


class Limited(NamedTuple):
    """What came of a toast that was asked for."""

    accepted: bool
    dropped: int
    """How many of this sender were dropped since one was accepted, with this one."""


@dataclass
class _Bucket:
    level: float
    filled_at: float
    dropped: int = 0


class Rates:
    """The buckets; times are seconds of a monotonic clock."""

    def __init__(self, burst: int, per_second: float) -> None:
        """``burst`` toasts at once and so many in each second that follows; a burst of 0 is no limit at all."""
        self._burst = burst
        self._per_second = per_second
        self._senders: OrderedDict[str, _Bucket] = OrderedDict()
        self._all: _Bucket | None = None

    def take(self, sender: str, now: float, cost: float = 1.0) -> Limited:
        """Ask for room for one toast."""
        if not self._burst:
            return Limited(accepted=True, dropped=0)
        mine = self._filled(self._senders.pop(sender, None), now, 1)
        self._all = self._filled(self._all, now, _ALL_TOGETHER)
        self._senders[sender] = mine
        if len(self._senders) > _MOST_SENDERS:
            self._senders.popitem(last=False)
        if mine.level < cost or self._all.level < cost:
            mine.dropped += 1
            return Limited(accepted=False, dropped=mine.dropped)
        mine.level -= cost
        self._all.level -= cost
        dropped, mine.dropped = mine.dropped, 0
        return Limited(accepted=True, dropped=dropped)

    def _filled(self, bucket: _Bucket | None, now: float, times: int) -> _Bucket:
        most = float(self._burst * times)
        if bucket is None:
            return _Bucket(most, now)
        bucket.level = min(most, bucket.level + (now - bucket.filled_at) * self._per_second * times)
        bucket.filled_at = now
        return bucket
