"""The section ``[power]`` of the configuration."""

from pathlib import Path

from pydantic import Field, model_validator

from lunix_common.config import Settings as BaseSettings


class Settings(BaseSettings):
    """When a battery is low, and what lunix-power looks at."""

    low_percent: int = Field(default=15, ge=1, le=99)
    critical_percent: int = Field(default=5, ge=0, le=98)
    hysteresis_percent: int = Field(default=3, ge=0, le=50)
    """A battery that is low is so until it has this much more, or is charged."""
    suspend_delay_s: float = Field(default=0.5, ge=0, le=4)
    """From ``power.suspending`` on the machine waits so long, for those who have something to do before. logind allows
    5 s in all."""
    logind: bool = True
    """Suspend by, and hear of it from, systemd-logind where it runs."""
    inputs: bool = True
    """Tell lids and buttons."""
    supplies: Path = Path("/sys/class/power_supply")
    sleep_state: Path = Path("/sys/power/state")
    """What is written to where no logind runs."""

    @model_validator(mode="after")
    def _in_order(self) -> "Settings":
        if self.critical_percent >= self.low_percent:
            raise ValueError("critical_percent has to be below low_percent")
        return self
