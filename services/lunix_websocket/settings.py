"""The section ``[websocket]`` of the configuration."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from lunix_common.config import Settings as BaseSettings
from lunix_common.subjects import Role
from lunix_websocket.door import is_origin
from lunix_websocket.frames import is_subject

STANDARD_PORT = 5869
"""L-U-N-X on a telephone."""


def _subjects(found: list[str]) -> list[str]:
    for one in found:
        if not is_subject(one, wildcards=True):
            raise ValueError(f"{one!r} is no subject")
    return found


def _origins(found: list[str]) -> list[str]:
    for one in found:
        if not is_origin(one):
            raise ValueError(f"{one!r} is no origin, such as https://lunix.example")
    return found


def _address(text: str) -> str:
    return str(ip_address(text))


Subjects = Annotated[list[str], AfterValidator(_subjects)]


class Settings(BaseSettings):
    """Where lunix-websocket listens, and for whom."""

    address: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    """Any other than a loopback address needs ``certificate``: a token must not travel in the clear."""
    port: int | None = Field(default=None, ge=0, le=65535)
    """Without one 5869 where that is free, else any; 0 is any."""
    certificate: Path | None = None
    """A file of PEM with the certificate of this server and those above it."""
    certificate_key: Path | None = None
    """Its private key, where that is another file."""
    origins: Annotated[list[str], AfterValidator(_origins)] = Field(default_factory=list[str])
    """More ways to this server, such as ``https://lunix.example`` of a reverse proxy; their names are allowed as
    ``Host`` too."""
    publish: dict[Role, Subjects] = Field(default_factory=dict[Role, Subjects])
    """What the tokens of a role may send at most: a list of subjects a role. Without one all that the role may."""
    subscribe: dict[Role, Subjects] = Field(default_factory=dict[Role, Subjects])
    """What the tokens of a role may hear at most."""
    most_clients: int = Field(default=1024, ge=1, le=65536)
    """Of all tokens together, those that have not shown theirs yet included."""
    queue_bytes: int = Field(default=1024 * 1024, ge=4096, le=64 * 1024 * 1024)
    """What may wait for one slow client before it misses messages."""
    auth_timeout_s: float = Field(default=10.0, gt=0, le=60)
    """A websocket that has not shown a token within this time is closed."""
    ping_interval_s: float = Field(default=300.0, ge=1, le=86400)
    """How often a client is asked whether it is still there."""

    @model_validator(mode="after")
    def _is_closed(self) -> Self:
        if not ip_address(self.address).is_loopback and self.certificate is None:
            raise ValueError(f"{self.address} is no loopback address, and so needs certificate")
        return self
