"""What happened, in order: the events of this init, numbered from 1 over its whole life.

The last ones are kept, so that a listener that was away can catch up; it is told what it missed
beyond them. A re-exec keeps numbers, history and `boot`, the id of this run (ordered in time).
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from lunix_init.protocol import encode

KEPT = 1000
Listener = Callable[[int, bytes], None]


class Journal:
    """The events of one run."""

    def __init__(self) -> None:
        self.boot = f"{time.time_ns():020d}"
        self.seq = 0
        self.listeners: list[Listener] = []
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)

    def tell(self, kind: str, **fields: object) -> None:
        """Add an event and hand it to all who listen."""
        self.seq += 1
        event = {"seq": self.seq, "boot": self.boot, "time": now(), "kind": kind, **fields}
        line = encode({"event": event})
        self._kept.append((self.seq, line))
        for listener in self.listeners:
            listener(self.seq, line)

    def since(self, seq: int) -> tuple[int, list[tuple[int, bytes]]]:
        """Return the first event that is still there after `seq`, and all of them from it on."""
        found = [(number, line) for number, line in self._kept if number > seq]
        return (found[0][0] if found else self.seq + 1), found

    def save(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        kept = [(number, line.decode()) for number, line in self._kept]
        return {"boot": self.boot, "seq": self.seq, "kept": kept}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take over what `save` returned."""
        self.boot, self.seq = saved["boot"], saved["seq"]
        self._kept.extend((number, line.encode()) for number, line in saved["kept"])


def now() -> str:
    """Return the time as RFC 3339, in UTC, with milliseconds."""
    seconds, rest = divmod(time.time_ns(), 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 10**6:03d}Z"
