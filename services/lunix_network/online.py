"""Whether the machine is online, told only when it stays so: one deadline. Pure: the clock is given."""

from dataclasses import dataclass


@dataclass
class Online:
    """Follows a fact that flutters: ``told`` changes when ``fact`` has differed from it for so many seconds."""

    told: bool
    up_after_s: float
    down_after_s: float
    deadline: float | None = None
    """When ``expire`` is to be called; ``None`` while nothing is to be told."""

    def update(self, fact: bool, now: float) -> None:
        """Take the fact as it is now."""
        if fact == self.told:
            self.deadline = None
        elif self.deadline is None:
            self.deadline = now + (self.up_after_s if fact else self.down_after_s)

    def expire(self, now: float) -> bool:
        """Whether ``told`` has changed by now."""
        if self.deadline is None or now < self.deadline:
            return False
        self.deadline = None
        self.told = not self.told
        return True
