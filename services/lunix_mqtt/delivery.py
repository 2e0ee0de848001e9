"""Messages of QoS 1 on their way from the broker to the bus: which one is new, and which has to be acknowledged.

    take → waiting → the bus has it → acknowledge
             ↘ the bus may have lost it → told again, as a possible duplicate
             ↘ the connection to the broker breaks → the broker sends it again, marked DUP, which is known by then

A broker sends a message again until it is acknowledged, and it is acknowledged only when the bus has it. One that was
told, and comes again because the acknowledgement was lost, is not told twice.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from lunix_mqtt.message import Message

REMEMBERED = 4096


class Waiting(NamedTuple):
    """A message that was told as event ``seq`` and is to be acknowledged on this connection."""

    connection: int
    seq: int
    message: Message


class Delivery:
    """What was told, and what waits."""

    def __init__(self, tell: Callable[[Message, bool], int], remembered: int = REMEMBERED) -> None:
        self._tell = tell
        """Publish on the bus, the second time as a possible duplicate; return the event's number."""
        self._remembered = remembered
        self._known: OrderedDict[int, tuple[bytes, int]] = OrderedDict()
        self._waiting: list[Waiting] = []
        self.connection = 0

    def connected(self, *, session_present: bool) -> None:
        """Begin anew with another connection: identifiers of the last one count only where the session goes on."""
        self.connection += 1
        self._waiting.clear()
        if not session_present:
            self._known.clear()

    def take(self, message: Message) -> bool:
        """Take in a message; ``False`` for one that was told already. Whoever took it asks for ``batch`` then."""
        print_ = hashlib.blake2b(message.topic.encode() + b"\0" + message.payload, digest_size=16).digest()
        known = self._known.get(message.mid) if message.dup else None
        fresh = known is None or known[0] != print_
        seq = self._tell(message, False) if known is None or fresh else known[1]
        self._remember(message.mid, print_, seq)
        self._waiting.append(Waiting(self.connection, seq, message))
        return fresh

    def skip(self, message: Message) -> None:
        """Have a message acknowledged that the bus does not need."""
        self._waiting.append(Waiting(self.connection, 0, message))

    def batch(self) -> list[Waiting]:
        """What waits to be acknowledged."""
        found, self._waiting = self._waiting, []
        return found

    def settle(self, batch: Iterable[tuple[Waiting, bool]]) -> list[int]:
        """What to acknowledge of a batch of which it is known now what the bus has; the rest is told again."""
        acknowledged: list[int] = []
        for waiting, arrived in batch:
            if waiting.connection != self.connection:
                continue
            if arrived:
                acknowledged.append(waiting.message.mid)
            else:
                seq = self._tell(waiting.message, True)
                print_, _ = self._known.get(waiting.message.mid, (b"", 0))
                self._remember(waiting.message.mid, print_, seq)
                self._waiting.append(waiting._replace(seq=seq))
        return acknowledged

    def _remember(self, mid: int, print_: bytes, seq: int) -> None:
        self._known.pop(mid, None)
        self._known[mid] = print_, seq
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)
