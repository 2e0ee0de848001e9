"""The section ``[wm]`` of the configuration."""

from typing import Literal

from pydantic import Field

from lunix_common.config import Settings as BaseSettings


class Settings(BaseSettings):
    """Whose windows lunix-wm tells, and how it starts programs."""

    windows: Literal["auto", "off"] = "auto"
    """``off`` is ``wm.exec`` alone: nothing is asked of the display then."""
    changed_every_ms: int = Field(default=200, ge=0, le=60_000)
    """A window that changes all the time, as while it is dragged, is told as ``changed`` no more often than this."""
    scope: Literal["auto", "systemd", "none"] = "auto"
    """``systemd``: a program is in a scope of systemd's user manager, or is not started. ``auto``: where that runs."""
    most_programs: int = Field(default=256, ge=1, le=65_536)
    """So many that ``wm.exec`` started may run at once."""
