"""What waits to be written to one control connection: bounded, and honest about losses.

Answers are always taken (a connection is not read while too much waits, see `full`). Events are
taken while there is room; when there is none they are dropped, and the first that fits again is
preceded by one `lost` message that names the numbers of those that are not coming.
"""

from lunix_init.protocol import encode

ROOM = 1 << 18


class Outbox:
    """A bounded queue of bytes to one reader."""

    def __init__(self, boot: str, room: int = ROOM) -> None:
        self._boot = boot
        self._room = room
        self._data = bytearray()
        self._lost: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self._data)

    @property
    def full(self) -> bool:
        """Whether the connection should be written to before it is read again."""
        return len(self._data) > self._room

    def put(self, answer: bytes) -> None:
        """Add an answer."""
        self._data += answer

    def put_event(self, seq: int, event: bytes) -> None:
        """Add an event, or remember that it was lost."""
        if len(self._data) + len(event) > self._room:
            self.lose(seq, seq)
            return
        self._tell_lost()
        self._data += event

    def put_if_room(self, line: bytes) -> None:
        """Add a line whose loss its reader sees by itself (log lines are numbered)."""
        if len(self._data) + len(line) <= self._room:
            self._data += line

    def lose(self, first: int, last: int) -> None:
        """Remember that the events from `first` to `last` are not coming."""
        self._lost = (self._lost[0] if self._lost else first, last)

    def _tell_lost(self) -> None:
        if self._lost:
            first, last = self._lost
            self._lost = None
            lost = {"boot": self._boot, "from_seq": first, "to_seq": last, "reason": "slow"}
            self._data += encode({"lost": lost})

    def peek(self, most: int = 1 << 16) -> bytes:
        """Return what to write next."""
        return bytes(self._data[:most])

    def wrote(self, count: int) -> None:
        """Take away what was written; tells of losses as soon as all is written."""
        del self._data[:count]
        if not self._data:
            self._tell_lost()
