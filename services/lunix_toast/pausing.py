"""Which toasts a pause holds back: pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from lunix_common.schemas.toast import Paused, ToastRequest, Urgency

WEIGHT: Mapping[Urgency, int] = {"low": 0, "normal": 1, "critical": 2}


@dataclass(frozen=True)
class Pause:
    """A pause: what it holds back, and when it ends."""

    level: Urgency = "normal"
    """The most urgent toasts that it holds back."""
    except_apps: frozenset[str] = frozenset()
    """The toasts of these are shown all the same."""
    end: float | None = None
    """When it ends by itself, in seconds of the monotonic clock."""
    until: datetime | None = None
    """The same for people."""

    def holds(self, toast: ToastRequest) -> bool:
        """Whether it holds this toast back."""
        return WEIGHT[toast.urgency] <= WEIGHT[self.level] and toast.app not in self.except_apps

    def told(self, held: int) -> Paused:
        """What is published of it."""
        return Paused(
            paused=True,
            held=held,
            level=self.level,
            except_apps=sorted(self.except_apps) or None,
            until=self.until,
        )
