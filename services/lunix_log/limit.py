"""How much of each sender is told, and what is known of the rest. Pure: the clock is given.

A sender has a bucket of ``burst`` messages that fills again with ``per_s`` a second. The table of buckets is bounded: a
bucket that is full again is forgotten, and where none is, those that are new share one. So nobody gets more by coming
under many names.
"""

from collections import OrderedDict
from datetime import datetime

from lunix_common.schemas.log import Dropped, Source

Sender = tuple[Source, str]
SENDERS = 1024
OTHERS: Sender = ("udp", "others")


class Limiter:
    """Tells of each message whether it is within what its sender may send."""

    def __init__(self, burst: int, per_s: float, senders: int = SENDERS) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._senders = senders
        self._buckets: OrderedDict[Sender, tuple[float, float]] = OrderedDict()
        """What is left, and at which time that was; the one that was looked at longest ago is the first."""

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, sender: Sender, now: float) -> bool:
        """Take one message from the bucket of a sender; false where it is empty. ``now`` is in seconds."""
        if sender not in self._buckets and not self._has_room(now):
            sender = OTHERS
        left, then = self._buckets.pop(sender, (self._burst, now))
        left = self._filled(left, then, now)
        allowed = left >= 1
        self._buckets[sender] = (left - allowed, now)
        return allowed

    def _has_room(self, now: float) -> bool:
        if len(self._buckets) < self._senders:
            return True
        oldest, (left, then) = next(iter(self._buckets.items()))
        if self._filled(left, then, now) < self._burst:
            return False
        del self._buckets[oldest]
        return True

    def _filled(self, left: float, then: float, now: float) -> float:
        return min(left + (now - then) * self._per_s, self._burst)


class Drops:
    """What was not told, until somebody takes it to tell that."""

    def __init__(self, senders: int = SENDERS) -> None:
        self.total = 0
        """How many messages in all."""
        self._senders = senders
        self._known: dict[tuple[Source, str, str], Dropped] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def note(self, source: Source, sender: str, reason: str, now: datetime, count: int = 1) -> None:
        """Take note of messages that are not told."""
        self.total += count
        key = (source, sender, reason)
        if key not in self._known and len(self._known) >= self._senders:
            key = (source, OTHERS[1], reason)
        known = self._known.get(key)
        self._known[key] = (
            Dropped(source=source, sender=key[1], reason=reason, count=count, since=now)
            if known is None
            else known.model_copy(update={"count": known.count + count})
        )

    def take(self) -> list[Dropped]:
        """All that was noted since the last time."""
        taken = list(self._known.values())
        self._known.clear()
        return taken
