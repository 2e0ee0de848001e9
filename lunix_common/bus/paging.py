"""Answers of ``<domain>.list`` in pages that all come from one immutable snapshot. Pure: the clock is given."""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from lunix_common.bus.errors import RequestError

LIFE_S = 30.0
MOST_SNAPSHOTS = 16
# Room for the frame around the items, the cursor and the message's headers.
_FRAME_BYTES = 4096


@dataclass
class _Snapshot:
    head: dict[str, object]
    items: list[bytes]
    expires: float


class Snapshots:
    """Listings that were begun. Each lives for ``LIFE_S`` after its last page; the oldest give way to new ones."""

    def __init__(self, clock: Callable[[], float], page_bytes: Callable[[], int]) -> None:
        self._clock = clock
        self._page_bytes = page_bytes
        self._live: dict[str, _Snapshot] = {}

    def first(self, head: Mapping[str, object], items: Iterable[bytes], limit: int | None) -> bytes:
        """Begin a listing and return its first page as JSON; ``head`` stands in each page."""
        self._forget_old()
        return self._page(_Snapshot(dict(head), list(items), 0), 0, limit, secrets.token_hex(8))

    def next(self, cursor: str, limit: int | None) -> bytes:
        """Return the page that a cursor names; raise ``RequestError``: 410 when its listing is over, 400 for none."""
        self._forget_old()
        key, _, start = cursor.partition("-")
        if not start.isdecimal() or len(start) > 12:
            raise RequestError(400, "the cursor is not one that an answer gave")
        snapshot = self._live.get(key)
        if snapshot is None or int(start) >= len(snapshot.items):
            raise RequestError(410, "the cursor is too old: list again from the first page")
        return self._page(snapshot, int(start), limit, key)

    def _page(self, snapshot: _Snapshot, start: int, limit: int | None, key: str) -> bytes:
        room = self._page_bytes() - _FRAME_BYTES
        end = start
        for item in islice(snapshot.items, start, None if limit is None else start + limit):
            room -= len(item) + 1
            if room < 0 and end > start:
                break
            end += 1
        head = dict(snapshot.head)
        if end < len(snapshot.items):
            head["cursor"] = f"{key}-{end}"
            snapshot.expires = self._clock() + LIFE_S
            self._live[key] = snapshot
        else:
            self._live.pop(key, None)
        return json.dumps(head).encode()[:-1] + b',"items":[' + b",".join(snapshot.items[start:end]) + b"]}"

    def _forget_old(self) -> None:
        now = self._clock()
        alive = {key: snapshot for key, snapshot in self._live.items() if snapshot.expires > now}
        self._live = dict(list(alive.items())[-MOST_SNAPSHOTS + 1 :])
