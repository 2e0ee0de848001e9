"""The section ``[uplink]`` of the configuration."""

import re

from pydantic import Field, field_validator

from lunix_common.config import Settings as BaseSettings

_PATTERN = re.compile(r"(?:[^\s.*>\x00-\x20\x7f]+|\*)(?:\.(?:[^\s.*>\x00-\x20\x7f]+|\*))*(?:\.>)?|>")


class Settings(BaseSettings):
    """What lunix-uplink lets pass, and how much it keeps."""

    events: list[str] = [">"]  # noqa: RUF012 - pydantic copies it
    """Subjects, which may have wildcards: the machine's events that the hub gets, of those that a role may hear."""
    requests: list[str] = [">"]  # noqa: RUF012
    """Subjects: the requests that operators may send, of those that a role may."""
    buffer_bytes: int = Field(default=1024 * 1024, ge=16 * 1024, le=1024 * 1024 * 1024)
    """For each role, so many bytes of events wait while the hub is away; the oldest make room."""

    @field_validator("events", "requests")
    @classmethod
    def _subjects(cls, found: list[str]) -> list[str]:
        for one in found:
            if not _PATTERN.fullmatch(one):
                raise ValueError(f"{one!r} is no subject")
        return found
