"""The language of the control socket: one JSON object a line, both ways.

    -> {"id": 1, "do": "stop", "name": "bus"}
    <- {"id": 1, "ok": true, "result": ...}
    <- {"id": 1, "ok": false, "error": {"code": 404, "message": "there is no unit 'bus'"}}
    <- {"event": {"seq": 7, "boot": "...", "kind": "service.ready", "service": "bus", ...}}
    <- {"lost": {"boot": "...", "from_seq": 3, "to_seq": 5, "reason": "slow"}}

A request of more than `MAX_REQUEST` bytes is refused and skipped to its end of line; the connection
stays. `Decoder` is the pure half of a connection: bytes in, requests and refusals out.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

MAX_REQUEST = 1 << 16


class Request(NamedTuple):
    """One request: the caller's id (given back as it came), the verb, and the other members."""

    id: object
    do: str
    args: Mapping[str, Any]


class Refusal(Exception):
    """A request that is answered with an error: a code in HTTP's sense, and a sentence."""

    def __init__(self, code: int, message: str, request_id: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.id = code, message, request_id


class Decoder:
    """Cuts a stream of bytes into requests."""

    def __init__(self, most: int = MAX_REQUEST) -> None:
        self._most = most
        self._rest = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[Request | Refusal]:
        """Take what was read; returns the requests that are whole, and what to refuse."""
        found: list[Request | Refusal] = []
        while data:
            line, end, data = data.partition(b"\n")
            if self._skipping:
                self._skipping = not end
                continue
            if len(self._rest) + len(line) > self._most:
                found.append(Refusal(413, f"a request holds at most {self._most} bytes"))
                self._rest.clear()
                self._skipping = not end
                continue
            self._rest += line
            if end:
                whole = bytes(self._rest)
                self._rest.clear()
                if whole.strip():
                    found.append(decode(whole))
        return found


def decode(line: bytes) -> Request | Refusal:
    """Read one line."""
    try:
        read: object = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return Refusal(400, f"not a JSON object: {str(error)[:80]}")
    if not isinstance(read, dict):
        return Refusal(400, "a request is a JSON object")
    found = cast("dict[str, Any]", read)
    request_id = found.pop("id", None)
    if not isinstance(request_id, str | int | None):
        return Refusal(400, "'id' is a string or a whole number")
    do = found.pop("do", None)
    if not isinstance(do, str):
        return Refusal(400, "'do' says what to do: a string", request_id)
    return Request(request_id, do, found)


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def name_of(args: Mapping[str, Any], key: str = "name") -> str:
    """Return the name that a request must carry."""
    found = args.get(key)
    if not isinstance(found, str) or not 0 < len(found) <= 64:
        raise Refusal(400, f"{key!r} is the name of a unit: a string of 1 to 64 characters")
    return found


def number_of(args: Mapping[str, Any], key: str, default: int, most: int = 1 << 53) -> int:
    """Return a whole number that a request may carry."""
    found = args.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= most:
        raise Refusal(400, f"{key!r} is a whole number from 0 to {most}")
    return found


def flag_of(args: Mapping[str, Any], key: str) -> bool:
    """Return a flag that a request may carry; false when it does not."""
    found = args.get(key, False)
    if not isinstance(found, bool):
        raise Refusal(400, f"{key!r} is true or false")
    return found


def answer(request_id: object, result: object) -> bytes:
    """Encode the answer to a request that was done."""
    return encode({"id": request_id, "ok": True, "result": result})


def refuse(refusal: Refusal, request_id: object = None) -> bytes:
    """Encode the answer to a request that was not done."""
    error = {"code": refusal.code, "message": refusal.message}
    told = refusal.id if refusal.id is not None else request_id
    return encode({"id": told, "ok": False, "error": error})


def encode(message: Mapping[str, object]) -> bytes:
    """Encode one line. Lone surrogates (odd file names) are escaped, so the line is always ASCII."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
