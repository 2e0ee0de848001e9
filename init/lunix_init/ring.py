"""The last lines that a service wrote, in memory.

Bytes come in as they are read from the pipe; lines go out, numbered from 1 over the life of the
service and never twice. A line of more than `MAX_LINE` bytes is cut into several. The ring holds a
bounded number of lines; who asks for older ones is told how many are gone.
"""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

MAX_LINE = 2048


class Line(NamedTuple):
    """One line: its number, when it was read (Unix time), and its text."""

    number: int
    at: float
    text: str


class Ring:
    """A bounded memory of lines."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.next = 1
        self._lines: deque[Line] = deque(maxlen=most)
        self._partial = b""

    def feed(self, data: bytes, at: float | None = None) -> list[Line]:
        """Add what was read; returns the lines that became whole by it."""
        at = time.time() if at is None else at
        *whole, rest = (self._partial + data).split(b"\n")
        found: list[Line] = []
        for raw in whole:
            found += self._cut(raw, at, all_of_it=True)
        while len(rest) > MAX_LINE:
            found += self._cut(rest[:MAX_LINE], at, all_of_it=True)
            rest = rest[MAX_LINE:]
        self._partial = rest
        return found

    def flush(self, at: float | None = None) -> list[Line]:
        """End the line that has no end: the process that wrote it is gone."""
        rest, self._partial = self._partial, b""
        return self._cut(rest, time.time() if at is None else at, all_of_it=False)

    def _cut(self, raw: bytes, at: float, *, all_of_it: bool) -> list[Line]:
        if not raw and not all_of_it:
            return []
        found: list[Line] = []
        for start in range(0, len(raw) or 1, MAX_LINE):
            text = raw[start : start + MAX_LINE].decode(errors="replace")
            found.append(Line(self.next, at, text.removesuffix("\r")))
            self.next += 1
        self._lines.extend(found)
        return found

    def since(self, number: int, most: int | None = None) -> tuple[int, list[Line]]:
        """Return how many lines after `number` are lost, and the ones that are there."""
        found = [line for line in self._lines if line.number > number]
        lost = max(0, (found[0].number if found else self.next) - number - 1)
        return lost, found if most is None else found[-most:] if most else []

    def last(self, most: int) -> list[str]:
        """Return the texts of the last lines."""
        return [line.text for line in self.since(0, most)[1]]

    def resize(self, most: int) -> None:
        """Hold another number of lines from now on."""
        if most != self.most:
            self.most = most
            self._lines = deque(self._lines, maxlen=most)

    def save(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        partial = self._partial.decode("latin-1")
        return {"next": self.next, "partial": partial, "lines": [list(x) for x in self._lines]}

    @classmethod
    def load(cls, saved: Mapping[str, Any], most: int) -> "Ring":
        """Rebuild what `save` returned."""
        ring = cls(most)
        ring.next = saved["next"]
        ring._partial = saved["partial"].encode("latin-1")
        ring._lines.extend(Line(*line) for line in saved["lines"])
        return ring
