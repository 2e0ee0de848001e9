"""The last retained value of each topic, as many as there is room for."""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

_OVERHEAD_BYTES = 400


class Value(NamedTuple):
    """A retained message."""

    topic: str
    payload: bytes
    content_type: str | None
    received_at: datetime


class Retained:
    """By topic; the one that changed longest ago makes room."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.forgotten = 0
        """How many had to make room so far."""
        self._most, self._most_bytes = most, most_bytes
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Value]:
        return iter(sorted(self._values.values()))

    def put(self, value: Value) -> None:
        """Take in a retained message; an empty payload means that there is none any more: MQTT 5.0, 3.3.1.3."""
        self._drop(value.topic)
        if not value.payload:
            return
        self._values[value.topic] = value
        self._bytes += _size(value)
        while len(self._values) > self._most or self._bytes > self._most_bytes:
            self._drop(next(iter(self._values)))
            self.forgotten += 1

    def has(self, topic: str, payload: bytes) -> bool:
        """Whether this is what is held already."""
        known = self._values.get(topic)
        return known is not None and known.payload == payload

    def _drop(self, topic: str) -> None:
        known = self._values.pop(topic, None)
        if known is not None:
            self._bytes -= _size(known)


def _size(value: Value) -> int:
    return len(value.topic) + len(value.payload) + _OVERHEAD_BYTES
