"""A wireless interface that goes over to another access point is disconnected for a moment: that moment is not told.

Pure: the clock is given. Where the supplicant roams, and not the driver, the kernel tells that the old connection ended
and, some milliseconds later, that there is another.
"""

from lunix_network.nl80211 import Disconnected


class Roaming:
    """Connections that ended, and are told as ended when no other has followed in time."""

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._ending: dict[int, tuple[float, Disconnected]] = {}

    @property
    def deadline(self) -> float | None:
        """When ``expire`` is to be called; ``None`` while nothing is to be told."""
        return min((at for at, _ in self._ending.values()), default=None)

    def ended(self, how: Disconnected, now: float) -> None:
        """The connection of an interface ended. Of several ends the first says how."""
        self._ending.setdefault(how.ifindex, (now + self._wait_s, how))

    def began(self, ifindex: int) -> Disconnected | None:
        """An interface is connected; how the connection before it ended, where it is not told yet."""
        _, how = self._ending.pop(ifindex, (None, None))
        return how

    def expire(self, now: float) -> list[Disconnected]:
        """The interfaces that are disconnected by now, and how."""
        over = [how for at, how in self._ending.values() if at <= now]
        for how in over:
            del self._ending[how.ifindex]
        return over
