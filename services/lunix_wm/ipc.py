"""The protocol by which i3 and sway tell of windows and take commands: pure, bytes in, records out.

Source: i3wm.org/docs/ipc.html and sway-ipc(7). A message is ``i3-ipc``, a length and a type of 32 bits in the machine's
own order, and that many bytes of JSON or, of a command, of text. Events have the highest bit of their type set.
"""

import json
import re
import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from lunix_common.schemas.wm import MoveRequest, Window
from lunix_wm.text import clean

RUN_COMMAND, SUBSCRIBE, GET_TREE, GET_VERSION = 0, 2, 4, 7
EVENTS: Final = b'["window", "workspace"]'
MOST_BYTES: Final = 16 * 1024 * 1024
"""The tree of a thousand windows takes one of them."""

_MAGIC = b"i3-ipc"
_HEAD = struct.Struct("=6sII")
_EVENT = 0x8000_0000
_WORKSPACE = re.compile(r"[\w .:/#+@-]{1,100}")
"""Names that are a name to both parsers of commands, whatever they do with quotes, variables and separators."""


class Malformed(ValueError):
    """No message of this protocol."""


class Packet(NamedTuple):
    """An answer or an event."""

    kind: int
    is_event: bool
    payload: bytes


def message(kind: int, payload: bytes = b"") -> bytes:
    """A request."""
    return _HEAD.pack(_MAGIC, len(payload), kind) + payload


def take(buffer: bytearray) -> Packet | None:
    """Cut the first message from the buffer, ``None`` where it is not whole yet; raise ``Malformed``."""
    if len(buffer) < _HEAD.size:
        return None
    magic, size, kind = _HEAD.unpack_from(buffer)
    if magic != _MAGIC or size > MOST_BYTES:
        raise Malformed("what answers there is neither i3 nor sway")
    if len(buffer) < _HEAD.size + size:
        return None
    payload = bytes(buffer[_HEAD.size : _HEAD.size + size])
    del buffer[: _HEAD.size + size]
    return Packet(kind & ~_EVENT, bool(kind & _EVENT), payload)


def decoded(payload: bytes) -> object:
    """The JSON of a message; raise ``Malformed``."""
    try:
        found: object = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from error
    return found


def mapping(found: object) -> Mapping[str, Any]:
    """The same where it is an object, else an empty one."""
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def refusal(payload: bytes) -> str | None:
    """Why a command was not done, by its answer; ``None`` where it was. Raise ``Malformed``."""
    answers = decoded(payload)
    for answer in cast("list[object]", answers) if isinstance(answers, list) else [answers]:
        told = mapping(answer)
        if told.get("success") is not True:
            return clean(told.get("error")) or "no reason given"
    return None


def focus(window: Window) -> str:
    """The command that brings a window to the front."""
    return f"[con_id={_number(window)}] focus"


def close(window: Window) -> str:
    """The command that asks a window to close."""
    return f"[con_id={_number(window)}] kill"


def move(window: Window, to: MoveRequest) -> str:
    """The command that moves a window; raise ``ValueError`` for a workspace that cannot be named in one."""
    parts: list[str] = []
    if to.workspace is not None:
        if not _WORKSPACE.fullmatch(to.workspace):
            raise ValueError("only letters, digits, spaces and . : / # + @ - _ can name a workspace here")
        numbered = to.workspace.isascii() and to.workspace.isdecimal()
        name = f"number {to.workspace}" if numbered else f'"{to.workspace}"'
        parts.append(f"move container to workspace {name}")
    if to.width is not None or to.height is not None:
        parts.append(f"resize set {to.width or window.width} px {to.height or window.height} px")
    if to.x is not None or to.y is not None:
        x, y = (window.x if to.x is None else to.x), (window.y if to.y is None else to.y)
        parts.append(f"move absolute position {x} px {y} px")
    return f"[con_id={_number(window)}] {', '.join(parts)}"


def _number(window: Window) -> int:
    """By which i3 and sway know it; an id of ours holds nothing else."""
    return int(window.id.rpartition(":")[2])
