"""The section ``[bluetooth]`` of the configuration."""

from typing import Literal, Self

from pydantic import Field, model_validator

from lunix_bluetooth.registry import Rules
from lunix_common.config import Settings as BaseSettings


class Settings(BaseSettings):
    """What is told, and who confirms a pairing."""

    agent: Literal["default", "own", "off"] = "default"
    """``default``: every pairing is asked on the bus; ``own``: those that `bluetooth.pair` began; ``off``: none."""
    capability: Literal["KeyboardDisplay", "DisplayYesNo", "DisplayOnly", "KeyboardOnly", "NoInputNoOutput"] = (
        "KeyboardDisplay"
    )
    """What those who answer can do, as BlueZ calls it. `NoInputNoOutput` pairs without a passkey."""
    answer_s: float = Field(default=25, gt=0, le=55)
    """What nobody has answered by then is refused. A pairing of Bluetooth itself ends after 30 s."""
    settle_s: float = Field(default=2, ge=0, le=60)
    """How long a disconnection has to last before it is told; a device that flaps stays connected."""
    return_s: float = Field(default=10, ge=0, le=300)
    """How long BlueZ may be away before its devices count as gone."""
    signal_low_dbm: int = Field(default=-85, ge=-127, le=20)
    signal_high_dbm: int = Field(default=-65, ge=-127, le=20)

    @model_validator(mode="after")
    def _thresholds(self) -> Self:
        if self.signal_low_dbm >= self.signal_high_dbm:
            raise ValueError("signal_low_dbm has to be below signal_high_dbm")
        return self

    @property
    def rules(self) -> Rules:
        """For the registry."""
        return Rules(self.settle_s, self.return_s, self.signal_low_dbm, self.signal_high_dbm)
