"""What the payloads of all domains share."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _rfc3339(moment: datetime) -> str:
    return _utc(moment).isoformat(timespec="microseconds").replace("+00:00", "Z")


Time = Annotated[
    AwareDatetime,
    AfterValidator(_utc),
    PlainSerializer(_rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A moment, RFC 3339 in UTC on the wire; one without an offset is refused."""


_DEFERRED = "lunix_settle" in sys.builtin_module_names
"""On the Python of the image for small boards a model is built when it is first used: most never are."""


class Model(BaseModel):
    """A payload. Unknown fields are ignored, so that a newer publisher does not break an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=_DEFERRED)

    def to_json(self) -> bytes:
        """The payload's bytes: UTF-8 JSON without the fields that have no value."""
        # What model_dump_json() calls, without the way through a str.
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)


class Anything(Model):
    """Any JSON object: what a third party declared without a schema."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Lost(Model):
    """Events that may not have arrived; subscribers that keep a state list again."""

    boot: str
    """The run of the publisher, as in the header ``Lunix-Boot``."""
    from_seq: int
    to_seq: int
    reason: str


class Ready(Model):
    """The state of a domain can be listed."""

    boot: str
    """The run of the publisher, as in the header ``Lunix-Boot``."""


class ErrorBody(Model):
    """Inside of ``{"error": …}``, the answer to a request that failed."""

    code: int
    """As in HTTP: 400 bad payload, 403 not allowed, 404 not there, 409 in the way, 410 cursor gone, 500 a defect."""
    message: str


class ErrorReply(Model):
    """The answer to a request that failed."""

    error: ErrorBody


class PageRequest(Model):
    """The part of every ``<domain>.list`` request that is about pages."""

    cursor: str | None = None
    """From the answer before; all pages of one listing come from one snapshot."""
    limit: int | None = Field(default=None, ge=1)
    """At most so many items in one page; a page also ends before the server's maximum payload."""


class Page(Model):
    """One page of a ``<domain>.list`` answer: the state after event ``seq`` of run ``boot``."""

    boot: str
    seq: int
    items: list[Any]
    cursor: str | None = None
    """Absent on the last page."""
