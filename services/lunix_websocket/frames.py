"""What goes over a websocket: one JSON object a frame, ``{"topic": subject, "payload": …}`` both ways.

That is also a message of Node-RED. On ``/bus`` a frame may have an ``op`` beside it; without one it publishes. A
payload on the bus is bytes, and a frame tells them apart so that what goes back is what came:

    any JSON but a text       as it is
    a text                    "payload": "…", which is sent as those bytes in UTF-8
    a text in JSON quotes     "payload": "…", "encoding": "json"
    anything else             "payload": "…", "encoding": "base64"
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

Verb = Literal["auth", "subscribe", "unsubscribe", "publish", "request"]
Id = str | int | None

MOST_SUBJECT_BYTES = 1024
MOST_TIMEOUT_MS = 60_000
_VERBS: tuple[Verb, ...] = ("auth", "subscribe", "unsubscribe", "publish", "request")
_TOKEN = re.compile(r"[^\s.*>\x00-\x20\x7f-\x9f\ud800-\udfff]+")


class FrameError(Exception):
    """A frame that makes no sense; the text is for who sent it. ``id`` is the frame's, where that much was legible."""

    def __init__(self, message: str, id_: Id = None) -> None:
        super().__init__(message)
        self.id = id_


@dataclass(frozen=True, slots=True)
class Op:
    """What a client asks for."""

    verb: Verb
    id: Id = None
    topic: str = ""
    data: bytes = b""
    token: str = ""
    timeout_s: float | None = None
    """As the client said it."""


def is_subject(text: str, *, wildcards: bool = False) -> bool:
    """Whether the bus takes this subject; with ``wildcards`` to listen to."""
    if not text or len(text.encode("utf-8", "replace")) > MOST_SUBJECT_BYTES:
        return False
    *body, last = text.split(".")
    if wildcards and last == ">":
        return all(_is_token(part, wildcards=True) for part in body)
    return all(_is_token(part, wildcards=wildcards) for part in (*body, last))


def _is_token(part: str, *, wildcards: bool) -> bool:
    return bool(_TOKEN.fullmatch(part)) or (wildcards and part == "*")


# --- in -------------------------------------------------------------------------------------------------------------


def parse(text: str | bytes) -> Op:
    """The frame of a client on ``/bus``; raise ``FrameError``."""
    frame = _object(text)
    id_ = _id(frame)
    try:
        return _op(frame, id_)
    except FrameError as error:
        error.id = id_
        raise


def _id(frame: Mapping[str, Any]) -> Id:
    found: object = frame.get("id")
    # A surrogate of its own cannot be sent back.
    if isinstance(found, str) and len(found) <= 128 and not re.search("[\ud800-\udfff]", found):
        return found
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found
    raise FrameError("id is a whole number or a text of at most 128 characters")


def _op(frame: dict[str, Any], id_: Id) -> Op:
    verb = frame.get("op", "publish")
    if verb not in _VERBS:
        raise FrameError(f"op is one of {', '.join(_VERBS)}")
    if verb == "auth":
        return Op(verb, id_, token=_text(frame, "token"))
    topic = _text(frame, "topic")
    if not is_subject(topic, wildcards=verb in ("subscribe", "unsubscribe")):
        raise FrameError("topic is no subject of the bus")
    if verb in ("subscribe", "unsubscribe"):
        return Op(verb, id_, topic)
    data = payload_bytes(frame)
    if verb == "publish":
        return Op(verb, id_, topic, data)
    if id_ is None:
        raise FrameError("a request has an id, which its answer repeats")
    return Op(verb, id_, topic, data, timeout_s=_timeout_s(frame))


def _timeout_s(frame: Mapping[str, Any]) -> float | None:
    value = frame.get("timeout_ms")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MOST_TIMEOUT_MS:
        raise FrameError(f"timeout_ms is a number up to {MOST_TIMEOUT_MS}")
    return value / 1000


def for_path(text: str | bytes, path: str) -> tuple[str, bytes]:
    """The subject and payload of what came in on ``/pub/<path>``; raise ``FrameError``.

    A whole message of Node-RED (an object with ``payload`` and ``topic`` or ``_msgid``) is a frame; all else is the
    payload itself. Only where the path has wildcards does the frame's topic choose the subject.
    """
    frame = _message(text)
    if is_subject(path):
        return path, payload_bytes(frame) if frame else text.encode() if isinstance(text, str) else text
    topic = frame.get("topic") if frame else None
    if frame is None or not isinstance(topic, str) or not is_subject(topic):
        raise FrameError(f"/pub/{path} takes frames that name their topic")
    return topic, payload_bytes(frame)


def _message(text: str | bytes) -> dict[str, Any] | None:
    if isinstance(text, bytes):
        return None
    try:
        frame = _object(text)
    except FrameError:
        return None
    return frame if "payload" in frame and ("topic" in frame or "_msgid" in frame) else None


def payload_bytes(frame: Mapping[str, Any]) -> bytes:
    """The bytes that a frame's payload stands for; raise ``FrameError``."""
    payload, encoding = frame.get("payload", ""), frame.get("encoding")
    if encoding not in (None, "json", "base64"):
        raise FrameError("encoding is json or base64, or absent")
    try:
        if isinstance(payload, str) and encoding is None:
            return payload.encode()
        if encoding == "base64":
            return base64.b64decode(payload, validate=True)
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise FrameError("the payload cannot be sent as it is encoded") from error


def _object(text: str | bytes) -> dict[str, Any]:
    if isinstance(text, bytes):
        raise FrameError("a frame is text: a payload of bytes goes as base64")
    try:
        frame: object = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise FrameError("a frame is one JSON object") from error
    if not isinstance(frame, dict):
        raise FrameError("a frame is one JSON object")
    return cast("dict[str, Any]", frame)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _text(frame: Mapping[str, Any], key: str) -> str:
    value = frame.get(key)
    if not isinstance(value, str):
        raise FrameError(f"{key} is a text")
    return value


# --- out ------------------------------------------------------------------------------------------------------------


def payload_json(data: bytes) -> str:
    """The members ``payload`` and, where it needs one, ``encoding`` of a frame, as JSON without the brackets."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f'"payload":"{base64.b64encode(data).decode()}","encoding":"base64"'
    try:
        value: object = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return f'"payload":{json.dumps(text, ensure_ascii=False)}'
    # What is JSON already is not taken apart and put together again.
    return f'"payload":{text},"encoding":"json"' if isinstance(value, str) else f'"payload":{text}'


def message(topic: str, payload: str) -> bytes:
    """A message of the bus as a frame; ``payload`` is from ``payload_json``."""
    return f'{{"topic":{_json(topic)},{payload}}}'.encode()


def bus_message(topic: str, payload: str, filter_: str, headers: Mapping[str, str]) -> bytes:
    """The same for ``/bus``: with the subscription that it belongs to, and the headers that number it."""
    return f'{{"topic":{_json(topic)},"filter":{_json(filter_)},"headers":{_json(dict(headers))},{payload}}}'.encode()


def reply(id_: Id, topic: str, data: bytes) -> bytes:
    """The answer to a request."""
    return f'{{"op":"reply","id":{_json(id_)},"topic":{_json(topic)},{payload_json(data)}}}'.encode()


def error(code: int, text: str, id_: Id = None, topic: str = "") -> bytes:
    """What went wrong; ``code`` is as in HTTP."""
    return told("error", id=id_, topic=topic or None, error={"code": code, "message": text})


def told(op: str, **fields: object) -> bytes:
    """A frame about the connection itself; fields that are ``None`` are left out."""
    return _json({"op": op} | {key: value for key, value in fields.items() if value is not None}).encode()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def basic_password(credentials: str) -> str | None:
    """The password in the credentials of HTTP's Basic authentication (RFC 7617), ``None`` where there is none."""
    try:
        _user, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        return None
    return password if colon else None
