"""A message's block of headers, changed as nats-server changes it; and what it tells of a request's sender.

The format is that of HTTP/1 with ``NATS/1.0`` as its first line:
https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-4.md.
"""

import json
from collections.abc import Mapping
from typing import Any

REQUEST_INFO = b"Nats-Request-Info"
_LINE, _CRLF = b"NATS/1.0\r\n", b"\r\n"
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("start", "host"), str),
    "id": int,
    **dict.fromkeys(("acc", "svc", "user", "name", "lang", "ver"), str),
    "rtt": int,
    **dict.fromkeys(("server", "cluster", "kind", "client_type"), str),
}
"""What a request's sender may be known by, in the order in which nats-server writes it."""
Info = dict[str, Any]


def put(block: bytes, key: bytes, value: bytes) -> bytes:
    """The block with this header as its last and only one of that name; ``b""`` is no block."""
    kept = _without(block[:-2], key) if len(block) > 2 else b""
    return b"".join((kept or _LINE, key, b": ", value, _CRLF, _CRLF))


def value(block: bytes, key: bytes) -> bytes:
    """The value of the first header of this name, empty where there is none."""
    start = _index(block, key)
    if start < 0:
        return b""
    start += len(key) + 1
    end = block.find(_CRLF, start)
    return block[start : end if end >= 0 else len(block)].lstrip(b" ")


def _without(head: bytes, key: bytes) -> bytes:
    while (start := _index(head, key)) >= 0:
        end = head.find(_CRLF, start)
        if end < 0:
            break
        head = head[:start] + head[end + 2 :]
        if len(head) <= len(_LINE):
            return b""
    return head


def _index(head: bytes, key: bytes) -> int:
    """Where a line begins that is this key and a colon."""
    found = head.find(_CRLF + key + b":")
    return found + 2 if found >= 0 else -1


def written(info: Info) -> bytes:
    """The value of ``Nats-Request-Info``: JSON as Go writes it, without fields that are empty."""
    text = json.dumps({name: info[name] for name in _FIELDS if info.get(name)}, ensure_ascii=False, separators=_TIGHT)
    return text.translate(_GO_ESCAPES).encode("utf-8", "replace")


_TIGHT = (",", ":")
_GO_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def read(text: bytes) -> Info | None:
    """The same of what stands in a header already, whoever wrote it; ``None`` for what is no such JSON.

    Go takes the name of a field in any case.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        info = {name.lower(): one for name, one in found.items() if one is not None}
    except (AttributeError, RecursionError, ValueError):
        return None
    known = {name: one for name, one in info.items() if name in _FIELDS}
    right = (isinstance(one, _FIELDS[name]) and not isinstance(one, bool) for name, one in known.items())
    return known if all(right) else None
