"""The section ``[log]`` of the configuration."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from lunix_common.config import Settings as BaseSettings


def _run_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """A state directory that was named; else one in memory, for this is written as long as anybody says anything."""
    if environ.get("LUNIX_STATE"):
        return Path(environ["LUNIX_STATE"])
    if os.geteuid() == 0:
        return Path("/run/lunix")
    return Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}") / "lunix"


class Settings(BaseSettings):
    """Where messages come from, and how much is taken of them."""

    local: Literal["auto", "socket", "journal", "none"] = "auto"
    """What programs of this machine say: ``socket`` is ``/dev/log``, ``journal`` systemd's journal. ``auto`` takes the
    socket where nobody else has it, and the journal where systemd does."""
    socket: str = "/dev/log"
    """The path of that socket. One that belongs to somebody else is never replaced."""
    journal_directory: str = ""
    """Follow the journal in this directory, and not this machine's own."""
    kernel: bool = True
    """Follow ``/dev/kmsg``."""
    services: bool = True
    """Follow what services write, of those that init's setting ``log`` names."""
    listen: str = "127.0.0.1"
    """The address that other machines may send to; ``::`` is every one. Syslog knows neither keys nor secrets: whoever
    can reach the port can write anything."""
    udp_port: int | None = Field(default=None, ge=0, le=65535)
    """Take messages by UDP, usually 514; 0 is any free port, which the log then tells. Without it, none are."""
    tcp_port: int | None = Field(default=None, ge=0, le=65535)
    """The same by TCP, usually 514 or 601."""
    tcp_connections: int = Field(default=64, ge=1, le=10_000)
    """At most so many at once."""
    tcp_idle_s: float = Field(default=3600, gt=0)
    """A connection by which no whole message came for so long is closed."""
    message_bytes: int = Field(default=8192, ge=480, le=262_144)
    """A longer message is cut, and says so."""
    timezone: str = ""
    """Of times that name none, such as ``Europe/Berlin`` or ``UTC``; this machine's own where it is empty."""
    burst: int = Field(default=10_000, ge=0)
    """So many messages of one sender at once; 0: there is no limit."""
    per_s: float = Field(default=300, gt=0)
    """So many more in each second."""
    kept_bytes: int = Field(default=2 * 1024 * 1024, ge=0, le=1024 * 1024 * 1024)
    """Room for what ``log.tail`` answers."""
    state_file: str = Field(default_factory=lambda: str(_run_directory() / "log.json"))
    """How far the kernel and the journal were told, for the next start."""

    @field_validator("socket", "state_file")
    @classmethod
    def _whole(cls, path: str) -> str:
        if not Path(path).is_absolute():
            raise ValueError("write the whole path")
        return path

    @field_validator("listen")
    @classmethod
    def _address(cls, text: str) -> str:
        from ipaddress import ip_address

        ip_address(text)
        return text

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name and name != "UTC":
            from zoneinfo import ZoneInfo

            try:
                ZoneInfo(name)
            except (KeyError, OSError, ValueError) as error:
                raise ValueError(f"this machine knows no timezone {name!r}") from error
        return name
