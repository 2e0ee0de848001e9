"""What arrives: messages of subscriptions, and requests with their caller's role."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic import ValidationError

from lunix_common.bus.errors import RequestError
from lunix_common.schemas import model
from lunix_common.schemas.common import Model
from lunix_common.subjects import Role, Subject

M_co = TypeVar("M_co", bound=Model, covariant=True)

BOOT, SEQ, PREV = "Lunix-Boot", "Lunix-Seq", "Lunix-Prev"
HOST, SOURCE, TIME = "Lunix-Host", "Lunix-Source", "Lunix-Time"


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a subscription."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    reply: str = ""
    """Where an answer is awaited, if it is: ``Bus.publish`` sends it."""

    def json(self) -> dict[str, Any]:
        """The payload as an object; raise ``ValueError`` where it is none."""
        return decode(self.data)


@dataclass(frozen=True, slots=True)
class Request(Generic[M_co]):
    """A query or command that awaits its answer."""

    subject: str
    payload: M_co
    role: Role
    """The caller's, as the server told it."""
    parameters: Mapping[str, str]
    """Of the pattern, still escaped."""
    headers: Mapping[str, str]


def decode(data: bytes) -> dict[str, Any]:
    """The JSON object in a payload; raise ``ValueError`` where it is none."""
    try:
        decoded: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the payload is not JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise ValueError("the payload is not a JSON object")
    return cast("dict[str, Any]", decoded)


def parse(row: Subject, data: bytes, schema: type[Model] | None = None) -> Model:
    """The payload of a request as ``schema``, or the model that the table declares.

    An empty payload is an empty object. Where the row says so, bare text (or a JSON string) fills one field. Raise
    ``RequestError`` 400 with what is wrong where.
    """
    try:
        fields = {row.bare: _bare(data)} if row.bare and _is_bare(data) else decode(data) if data.strip() else {}
        return (schema or model(row.payload)).model_validate(fields)
    except ValidationError as error:
        raise RequestError(400, f"{row.pattern}: {explain(error)}") from error
    except ValueError as error:
        raise RequestError(400, f"{row.pattern}: {error}") from error


def explain(error: ValidationError) -> str:
    """What is wrong where, on one line, without the input."""
    return "; ".join(f"{'.'.join(map(str, item['loc'])) or 'payload'}: {item['msg']}" for item in error.errors())


def _is_bare(data: bytes) -> bool:
    text = data.strip()
    return bool(text) and not text.startswith(b"{") and not (text.startswith(b"[") and _is_json(text))


def _is_json(text: bytes) -> bool:
    """Whether ``[…`` is a list, and not a text such as ``[backup] done``."""
    with suppress(ValueError, RecursionError):
        json.loads(text)
        return True
    return False


def _bare(data: bytes) -> str:
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("the payload is neither JSON nor text in UTF-8") from None
    if text.startswith('"'):
        with suppress(ValueError):  # a text such as "Hello" he said
            return str(json.loads(text))
    return text
