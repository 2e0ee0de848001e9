"""One timer for the next of many deadlines, and none where there is none: a quiet daemon never wakes."""

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls ``ring`` with the deadline that has come, in the time of the running loop; ``set`` it again there."""

    def __init__(self, ring: Callable[[float], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        # The deadline is kept beside the handle: uvloop gives one without a time where the deadline has passed already.
        self._deadline: float | None = None
        self._handle: asyncio.Handle | None = None

    def set(self, deadline: float | None) -> None:
        """Ring at this moment and no other; never for ``None``."""
        if deadline == self._deadline:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._deadline = deadline
        self._handle = None if deadline is None else self._loop.call_at(deadline, self._now)

    def _now(self) -> None:
        assert self._deadline is not None, "a handle is cancelled when its deadline goes"
        # The loop may call a little early, by the resolution of its clock.
        now = max(self._loop.time(), self._deadline)
        self._deadline = self._handle = None
        self._ring(now)
