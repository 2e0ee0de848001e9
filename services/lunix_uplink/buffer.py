"""Events on their way to the hub: they wait here while it is away, at most so many bytes of them. Pure.

    put → waiting → take → sent → ask, confirm        (the hub answered a PING that was sent after it)
             ↘ dropped (no room)  ↘ uncertain (the connection broke before the answer)

What is uncertain is not sent again: an event that comes twice would be acted on twice.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

OVERHEAD_BYTES = 200
"""What a waiting event costs beside its bytes."""


class Losses(NamedTuple):
    """How many events of which domain the hub did not get, or may not have got."""

    dropped: Mapping[str, int]
    uncertain: Mapping[str, int]


class Buffer:
    """Keeps events in order; the oldest make room."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._sent: Counter[str] = Counter()
        self._asked: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._uncertain: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, domain: str, frame: bytes) -> None:
        """An event, as it is to be sent."""
        self._waiting.append((domain, frame))
        self._bytes += len(frame) + OVERHEAD_BYTES
        while self._bytes > self._most:
            self._dropped[self._take()[0]] += 1

    def refuse(self, domain: str) -> None:
        """Take note of an event that can never be sent."""
        self._dropped[domain] += 1

    def _take(self) -> tuple[str, bytes]:
        domain, frame = self._waiting.popleft()
        self._bytes -= len(frame) + OVERHEAD_BYTES
        return domain, frame

    def take(self, most_bytes: int) -> bytes:
        """The oldest events, one at least and at most so many bytes of them: they are handed to the connection."""
        frames, size = list[bytes](), 0
        while self._waiting and (not frames or size + len(self._waiting[0][1]) <= most_bytes):
            domain, frame = self._take()
            self._sent[domain] += 1
            frames.append(frame)
            size += len(frame)
        return b"".join(frames)

    def ask(self) -> None:
        """Take note that the hub is asked whether it has all that was handed over; ``confirm`` is its answer."""
        self._asked += self._sent
        self._sent.clear()

    @property
    def unasked(self) -> bool:
        """Whether something was handed over about which the hub was not asked."""
        return bool(self._sent)

    def confirm(self) -> None:
        """Take note that the hub has what it was asked about."""
        self._asked.clear()

    def interrupted(self) -> None:
        """Take note that the connection broke."""
        self._uncertain += self._asked + self._sent
        self._asked.clear()
        self._sent.clear()

    def losses(self) -> Losses | None:
        """What was lost and not told yet, if anything."""
        if not (self._dropped or self._uncertain):
            return None
        told = Losses(dict(self._dropped), dict(self._uncertain))
        self._dropped.clear()
        self._uncertain.clear()
        return told
