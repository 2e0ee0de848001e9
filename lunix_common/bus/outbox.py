"""What was published and is not yet known to have arrived: sequence numbers, a bounded queue, and what was lost.

Pure: no sockets and no loop. The numbers go into the headers of each event, so that a subscriber with any filter can
tell a loss (``Lunix-Prev`` is the number of the event before on the same literal subject):

    put → queued → take → handed over → confirm            (the server answered a PING sent after it)
                 ↘ dropped (queue full)  ↘ uncertain (the connection broke before the answer)

Dropped and uncertain events are lost for all that anyone knows: ``losses`` names them by domain, once.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

REMEMBERED_SUBJECTS = 4096
QUEUE_BYTES = 4 * 1024 * 1024
_DOUBTS = 256
"""Of so many interruptions it is known which events they met."""
# What one queued event costs beside its data: the object, its subject and its place in the queue.
_OVERHEAD_BYTES = 300


class Queued(NamedTuple):
    """One event on its way."""

    seq: int
    prev: int | None
    """The number of the event before on this subject; 0 for the first, ``None`` where that was forgotten."""
    domain: str
    subject: str
    data: bytes
    time: str
    more: str = ""
    """Further headers, as they go over the wire."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Events ``from_seq`` to ``to_seq`` of a domain may not have arrived."""

    domain: str
    from_seq: int
    to_seq: int
    reason: str


class Outbox:
    """Numbers events and holds them until they are handed over; remembers what may be lost."""

    def __init__(self, queue_bytes: int = QUEUE_BYTES, remembered_subjects: int = REMEMBERED_SUBJECTS) -> None:
        self.seq = 0
        """The number of the last event put in."""
        self.handed = 0
        """The number of the last event taken out."""
        self.confirmed = 0
        """The number up to which events are known to have arrived, or are announced as lost."""
        self._queue_bytes = queue_bytes
        self._remembered = remembered_subjects
        self._queue: deque[Queued] = deque()
        self._bytes = 0
        self._last: OrderedDict[str, int] = OrderedDict()
        self._forgot = False
        self._last_handed: dict[str, int] = {}
        self._losses: dict[tuple[str, str], Loss] = {}
        self._doubtful: deque[tuple[int, int]] = deque(maxlen=_DOUBTS)

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, domain: str, subject: str, data: bytes, time: str, more: str = "") -> int:
        """Number an event and queue it; where the queue is full, the oldest events are dropped and noted as lost."""
        self.seq += 1
        self._queue.append(Queued(self.seq, self._previous(subject), domain, subject, data, time, more))
        self._bytes += len(data) + len(more) + _OVERHEAD_BYTES
        while self._bytes > self._queue_bytes and len(self._queue) > 1:
            oldest = self._queue.popleft()
            self._bytes -= len(oldest.data) + len(oldest.more) + _OVERHEAD_BYTES
            self._doubt(oldest.seq, oldest.seq)
            self._note(Loss(oldest.domain, oldest.seq, oldest.seq, "the queue was full while the bus was away or slow"))
        return self.seq

    def take(self, most: int) -> list[Queued]:
        """Remove the oldest events, at most so many, from the queue: they are handed to a connection."""
        batch = list(islice(self._queue, most))
        for queued in batch:
            self._queue.popleft()
            self._bytes -= len(queued.data) + len(queued.more) + _OVERHEAD_BYTES
            self._last_handed[queued.domain] = self.handed = queued.seq
        return batch

    def confirm(self, seq: int) -> None:
        """Take note that the server has every event up to ``seq``."""
        self.confirmed = max(self.confirmed, seq)

    def interrupted(self) -> None:
        """Take note that the connection broke: what was handed over and not confirmed may be lost."""
        for domain, last in self._last_handed.items():
            if last > self.confirmed:
                self._note(Loss(domain, self.confirmed + 1, last, "the connection to the bus broke"))
        if self.handed > self.confirmed:
            self._doubt(self.confirmed + 1, self.handed)
        self.confirmed = max(self.confirmed, self.handed)

    def arrived(self, seq: int) -> bool:
        """Whether the server is known to have this event; ``False`` also while nobody can tell."""
        return seq <= self.confirmed and not any(first <= seq <= last for first, last in self._doubtful)

    def missed(self, domain: str, reason: str) -> None:
        """Note a loss before the numbering, such as a kernel overflow: it lies behind the event numbered last."""
        self._note(Loss(domain, self.seq, self.seq, reason))

    def losses(self) -> list[Loss]:
        """Every loss that was not told yet, in order."""
        told = sorted(self._losses.values(), key=lambda loss: loss.from_seq)
        self._losses.clear()
        return told

    def _previous(self, subject: str) -> int | None:
        prev = self._last.pop(subject, None if self._forgot else 0)
        self._last[subject] = self.seq
        if len(self._last) > self._remembered:
            self._last.popitem(last=False)
            self._forgot = True
        return prev

    def _doubt(self, first: int, last: int) -> None:
        if self._doubtful and self._doubtful[-1][1] == first - 1:
            first, _ = self._doubtful.pop()
        self._doubtful.append((first, last))

    def _note(self, loss: Loss) -> None:
        key = (loss.domain, loss.reason)
        known = self._losses.get(key, loss)
        first, last = min(known.from_seq, loss.from_seq), max(known.to_seq, loss.to_seq)
        self._losses[key] = Loss(loss.domain, first, last, loss.reason)
