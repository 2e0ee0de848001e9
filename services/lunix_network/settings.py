"""The section ``[network]`` of the configuration."""

from pathlib import Path

from pydantic import Field, field_validator

from lunix_common.config import Settings as BaseSettings


class Settings(BaseSettings):
    """How lunix-network listens, and when it calls the machine online."""

    online_after_ms: int = Field(default=500, ge=0, le=600_000)
    """A default route has to lead over a link with a carrier for so long until ``network.online`` is told."""
    offline_after_ms: int = Field(default=2000, ge=0, le=600_000)
    """None has to for so long until ``network.offline`` is told."""
    roam_ms: int = Field(default=1000, ge=0, le=60_000)
    """A wireless link that is connected again within this time, to the same network, has roamed and was not
    disconnected."""
    wifi_signal_low_dbm: int | None = Field(default=None, ge=-120, le=0)
    """Have the kernel tell when the signal of a wireless link falls below this (-75, say) or rises above it again. The
    kernel has one threshold a link: without this setting it is what the supplicant set for its own roaming."""
    wifi_signal_hysteresis_db: int = Field(default=4, ge=0, le=60)
    """So much it has to change before it is told again."""
    resolv_conf: Path = Path("/etc/resolv.conf")
    """The file that names the name servers."""
    receive_buffer_bytes: int = Field(default=16 * 1024 * 1024, ge=4096, le=1024 * 1024 * 1024)
    """Room for the kernel's messages that wait; a limit and no reservation."""

    @field_validator("resolv_conf")
    @classmethod
    def _whole(cls, path: Path) -> Path:
        if not path.is_absolute():
            raise ValueError("write the whole path")
        return path
