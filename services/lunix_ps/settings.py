"""The section ``[ps]`` of the configuration."""

from pydantic import Field

from lunix_common.config import Settings as BaseSettings


class Settings(BaseSettings):
    """How lunix-ps listens to the kernel."""

    events: bool = True
    """Publish ``process.exec`` and ``process.exit``, where the kernel tells them. Without it nothing wakes lunix-ps but
    requests."""
    receive_buffer_bytes: int = Field(default=16 * 1024 * 1024, ge=4096, le=1024 * 1024 * 1024)
    """Room for events that wait, of which each takes some 800 bytes; a limit and no reservation."""
    remembered: int = Field(default=8192, ge=16, le=4_194_304)
    """Of so many processes the name is known when they end; one takes some 300 bytes."""
