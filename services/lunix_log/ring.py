"""The last messages, as many as fit into so many bytes, and the ones of them that are asked for."""

import json
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from lunix_common.schemas.log import Entry, TailRequest
from lunix_log import priority

OVERHEAD_BYTES = 600
"""What one message costs beside its JSON: its key fields and its place."""


class Kept(NamedTuple):
    """A message as JSON, and what it can be found by."""

    id: int
    received_at: datetime
    facility: str
    severity: str
    hosts: tuple[str | None, ...]
    apps: tuple[str | None, ...]
    json: bytes


class Ring:
    """Keeps messages; the oldest make room."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: deque[Kept] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def oldest_id(self) -> int | None:
        """Of the oldest message that is kept."""
        return self._kept[0].id if self._kept else None

    def put(self, entry: Entry, encoded: bytes) -> None:
        """Take a message in. ``encoded`` is the same as JSON."""
        address = entry.sender.rpartition(":")[0].strip("[]") if entry.sender else None
        hosts, apps = (entry.host, address), (entry.app, entry.service)
        self._kept.append(Kept(entry.id, entry.received_at, entry.facility, entry.severity, hosts, apps, encoded))
        self._bytes += len(encoded) + OVERHEAD_BYTES
        while self._bytes > self._most_bytes and self._kept:
            self._bytes -= len(self._kept.popleft().json) + OVERHEAD_BYTES

    def tail(self, asked: TailRequest, most_bytes: int) -> tuple[list[bytes], bool]:
        """The newest ones that pass, oldest first, within the limit and so many bytes, and whether there are more."""
        taken: list[bytes] = []
        left, more = most_bytes, False
        for kept in self._passing(asked):
            if len(kept.json) >= most_bytes:
                # No answer could hold it, and it must not hide what is older.
                more = True
                continue
            left -= len(kept.json) + 1
            if len(taken) == asked.limit or left < 0:
                return taken[::-1], True
            taken.append(kept.json)
        return taken[::-1], more

    def _passing(self, asked: TailRequest) -> Iterator[Kept]:
        severities = None if asked.severity is None else priority.at_least(asked.severity)
        # As it stands in the JSON of a message that contains it: a quick look before a thorough one.
        raw = None if asked.contains is None else json.dumps(asked.contains, ensure_ascii=False)[1:-1].encode()
        for kept in reversed(self._kept):
            if asked.after is not None and kept.id <= asked.after:
                return
            if (
                (asked.since is None or kept.received_at >= asked.since)
                and (asked.facility in (None, kept.facility))
                and (severities is None or kept.severity in severities)
                and (asked.host is None or asked.host in kept.hosts)
                and (asked.app is None or asked.app in kept.apps)
                and (raw is None or (raw in kept.json and _contains(kept.json, asked.contains)))
            ):
                yield kept


def _contains(encoded: bytes, needle: str | None) -> bool:
    return needle is not None and needle in json.loads(encoded)["text"]
