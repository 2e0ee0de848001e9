"""How a request or a connection can fail."""

import json
from collections.abc import Mapping


class RequestError(Exception):
    """The answer to a request was an error, or there was nobody to answer it.

    ``code`` is as in HTTP: 400 bad payload, 403 not allowed, 404 not there, 409 in the way, 410 cursor gone, 429 too
    many at once, 500 a defect in the daemon, 503 nobody answers this subject.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.message} (error {self.code})"


def error_of(data: bytes, headers: Mapping[str, str]) -> RequestError | None:
    """The error that an answer is; ``None`` where it is none."""
    if not (code := headers.get("Nats-Service-Error-Code")):
        return None
    try:
        message = str(json.loads(data)["error"]["message"])
    except (KeyError, RecursionError, TypeError, ValueError):
        message = headers.get("Nats-Service-Error", "no reason given")
    return RequestError(int(code) if code.isdecimal() else 500, message)


class BusAway(ConnectionError):
    """There is no connection to the bus at this moment; it is looked for again without end."""


class BusRefused(ConnectionError):
    """The bus, or who stands in its place, is not the one that was asked for, or does not accept this identity."""


class Duplicate(BusRefused):
    """Another instance of this daemon answers on this bus, and two would split its requests."""
