"""Where the pointer finds what on a card: pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Zone:
    """A rectangle that takes the pointer."""

    kind: Literal["close", "action", "card"]
    x: float
    y: float
    width: float
    height: float
    key: str = ""
    """Of the action."""

    @property
    def name(self) -> str:
        """What tells it from the others of its card."""
        return f"action {self.key}" if self.kind == "action" else self.kind

    def moved(self, x: float, y: float) -> "Zone":
        """The same elsewhere."""
        return replace(self, x=self.x + x, y=self.y + y)

    def scaled(self, factor: float) -> "Zone":
        """The same, so many times as large."""
        return replace(
            self, x=self.x * factor, y=self.y * factor, width=self.width * factor, height=self.height * factor
        )

    def holds(self, x: float, y: float) -> bool:
        """Whether a point is within."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


def at(zones: Iterable[Zone], x: float, y: float) -> Zone | None:
    """The first that holds the point."""
    return next((zone for zone in zones if zone.holds(x, y)), None)
