"""What waits for a client that reads more slowly than the bus speaks: bounded, and it says what it had to drop."""

from collections import deque

from lunix_websocket import frames


class Queue:
    """Frames in order; at most so many bytes of them."""

    def __init__(self, most_bytes: int) -> None:
        self.dropped = 0
        """All that were dropped so far."""
        self._most = most_bytes
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._gap = 0
        self._announces = True

    def __len__(self) -> int:
        return len(self._frames) + (1 if self._gap and self._announces else 0)

    def silent(self) -> "Queue":
        """Announce nothing: for a socket whose client expects messages of the bus alone."""
        self._announces = False
        return self

    def put(self, frame: bytes) -> bool:
        """Take a frame; return whether there was room. After a gap, room begins when half of it is read."""
        bound = self._most // 2 if self._gap else self._most
        if self._frames and self._bytes + len(frame) > bound:
            self._gap += 1
            self.dropped += 1
            return False
        self._close_gap()
        self._append(frame)
        return True

    def take(self) -> bytes | None:
        """The next frame, ``None`` where nothing waits."""
        if not self._frames:
            self._close_gap()
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    def _close_gap(self) -> None:
        """Say at its place that messages are missing."""
        if self._gap and self._announces:
            self._append(frames.told("dropped", count=self._gap))
        self._gap = 0

    def _append(self, frame: bytes) -> None:
        self._frames.append(frame)
        self._bytes += len(frame)
