"""The messages in a stream: octet counting and lines. RFC 6587, section 3.4.

Which of the two is meant is looked at for each message. A count is digits, a space and the ``<`` of the message itself,
so a line that only begins with a number is a line. No more than ``most`` bytes of a message are kept, the rest is
skipped as it comes; each byte is looked at once.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_COUNT = re.compile(rb"([1-9]\d{0,8}) <")
_PERHAPS_A_COUNT = re.compile(rb"[1-9]\d{0,8}+ ?")
_COUNT_BYTES = 11


class Frame(NamedTuple):
    """One message."""

    data: bytes
    truncated: bool


class Deframer:
    """The state of one stream."""

    def __init__(self, most: int, *, counted: bool = True) -> None:
        """Without ``counted`` there are lines alone."""
        self._most = most
        self._counted = counted
        self._head = b""
        """The beginning of a message of which nobody can tell yet whether it is counted."""
        self._kept: bytearray | None = None
        """What there is of a message; ``None`` between messages."""
        self._left: int | None = None
        """So much is still to come of it; ``None`` for a line."""
        self._long = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The messages that end in this piece of the stream. Take all of them before the next piece."""
        data, self._head, at = self._head + data, b"", 0
        while at < len(data):
            if self._kept is None:
                begin = self._begin(data, at)
                if begin is None:
                    self._head = data[at:]
                    return
                at, self._kept = begin, bytearray()
            if self._left is None:
                line_end = data.find(b"\n", at)
                whole = line_end >= 0
                end = line_end if whole else len(data)
                after = end + whole
            else:
                end = after = min(len(data), at + self._left)
                self._left -= end - at
                whole = self._left == 0
            self._keep(self._kept, data, at, end)
            at = after
            if whole and (frame := self._take(truncated=self._long)).data:
                yield frame

    def close(self) -> Frame | None:
        """What there is of a message when the stream ends: a line that lacks its end, or a part of a counted one."""
        counted = self._left is not None
        if self._kept is None:
            self._kept = bytearray(self._head)
        frame = self._take(truncated=self._long or counted)
        return frame if frame.data else None

    def _begin(self, data: bytes, at: int) -> int | None:
        """Where the message itself begins; ``None`` where that cannot be told yet."""
        if not self._counted or not data[at : at + 1].isdigit():
            return at
        head = data[at : at + _COUNT_BYTES]
        found = _COUNT.match(head)
        if found is not None:
            self._left = int(found[1])
            return at + found.end() - 1
        return None if _PERHAPS_A_COUNT.fullmatch(head) else at

    def _keep(self, kept: bytearray, data: bytes, at: int, end: int) -> None:
        room = self._most - len(kept)
        kept += data[at : min(end, at + room)]
        self._long = self._long or end - at > room

    def _take(self, *, truncated: bool) -> Frame:
        frame = Frame(bytes(self._kept or b"").removesuffix(b"\r"), truncated)
        self._head, self._kept, self._left, self._long = b"", None, None, False
        return frame
