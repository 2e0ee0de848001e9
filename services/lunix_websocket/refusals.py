"""Who knocks at the door all day must not fill the log: so many refusals a minute are told, the others counted."""

WINDOW_S = 60.0
MOST = 20


class Refusals:
    """Tells whether the next one is worth a line."""

    def __init__(self) -> None:
        self._since = 0.0
        self._told = 0
        self._untold = 0

    def tell(self, now: float) -> int | None:
        """How many went untold before this one, or ``None`` where it goes untold itself. ``now`` in seconds."""
        if now - self._since >= WINDOW_S:
            self._since, self._told = now, 0
        if self._told >= MOST:
            self._untold += 1
            return None
        self._told += 1
        untold, self._untold = self._untold, 0
        return untold
