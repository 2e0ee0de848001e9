"""What a parser makes of a message: everything that the message itself says."""

from dataclasses import dataclass, field
from datetime import datetime

from lunix_common.schemas.log import Format, Structured
from lunix_log.priority import USUAL, Priority


@dataclass(frozen=True, slots=True)
class Parsed:
    """A message, with ``None`` for what it does not say."""

    text: str
    format: Format = "plain"
    priority: Priority = USUAL
    happened_at: datetime | None = None
    host: str | None = None
    app: str | None = None
    process: str | None = None
    message_id: str | None = None
    service: str | None = None
    pid: int | None = None
    uid: int | None = None
    structured: Structured = field(default_factory=dict[str, dict[str, str | list[str]]])
