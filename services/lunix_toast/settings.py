"""The section ``[toast]`` of the configuration."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from lunix_common.config import Settings as BaseSettings
from lunix_common.schemas.toast import Urgency
from lunix_toast.store import DEFAULT_TIMEOUTS_MS, MOST_TOASTS, Limits

_DAY_MS = 86_400_000


class Settings(BaseSettings):
    """How toasts are shown."""

    renderer: Literal["auto", "terminal", "none"] = "auto"
    """``auto`` takes the first of: the setting ``terminal``, stderr where it is a terminal, the terminal that
    ``LUNIX_TERMINAL`` names (``lunix up`` sets it), none. ``terminal`` takes stderr where it finds nothing better;
    ``none`` leaves toasts on the bus alone."""
    terminal: str | int = ""
    """The path of a terminal or file, or the number of an open descriptor; what is no terminal gets a line a toast."""
    low_timeout_ms: int = Field(default=DEFAULT_TIMEOUTS_MS["low"], ge=0, le=_DAY_MS)
    """How long a toast of low urgency stays that names no time itself; 0: until it is closed."""
    normal_timeout_ms: int = Field(default=DEFAULT_TIMEOUTS_MS["normal"], ge=0, le=_DAY_MS)
    """The same for one of normal urgency."""
    critical_timeout_ms: int = Field(default=DEFAULT_TIMEOUTS_MS["critical"], ge=0, le=_DAY_MS)
    """The same for a critical one."""
    most: int = Field(default=MOST_TOASTS, ge=1, le=100_000)
    """So many toasts at once; one more takes the place of the oldest of the least urgent ones."""

    @field_validator("terminal")
    @classmethod
    def _named(cls, terminal: str | int) -> str | int:
        if isinstance(terminal, int):
            if terminal < 0:
                raise ValueError("a descriptor is a number from 0 on")
        elif terminal and not Path(terminal).is_absolute():
            raise ValueError("write the whole path, as /dev/tty1, or the number of a descriptor")
        return terminal

    @property
    def limits(self) -> Limits:
        """For the store."""
        timeouts: dict[Urgency, int] = {
            "low": self.low_timeout_ms,
            "normal": self.normal_timeout_ms,
            "critical": self.critical_timeout_ms,
        }
        return Limits(timeouts, self.most)
