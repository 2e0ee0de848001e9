"""A NATS micro service: endpoints that describe and count themselves (``$SRV.PING``, ``$SRV.INFO``, ``$SRV.STATS``).

The protocol is NATS's ADR-32. Each request runs in a task of its own and is counted when its answer is sent; an error
that no one foresaw is logged with its traceback, and the caller gets 500 without it.
"""

import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lunix_common.access.roles import REQUEST_INFO, role_of
from lunix_common.bus.errors import RequestError
from lunix_common.bus.messages import Message, Request, parse
from lunix_common.schemas.common import ErrorBody, ErrorReply, Model
from lunix_common.subjects import Role, Subject

log = logging.getLogger("lunix.bus")

Handler = Callable[[Request[Any]], Awaitable[Model | bytes | None]]
Answer = Callable[[bytes, dict[str, str] | None], Awaitable[None]]

MOST_AT_ONCE = 512
"""Requests of the callers of one role that may be under way: one that waits takes some 14 KB, and a flood would all."""
_TYPE = "io.nats.micro.v1.{}_response"


@dataclass
class Endpoint:
    """One query or command, its handler and its counters."""

    row: Subject
    handler: Handler
    schema: type[Model] | None = None
    """Of the payload, where it is not the one that the table names."""
    requests: int = 0
    errors: int = 0
    last_error: str = ""
    nanoseconds: int = 0

    def describe(self) -> dict[str, object]:
        """As ``$SRV.INFO`` shows it. There is no queue group: a second instance is refused, not fed."""
        metadata = {"kind": self.row.kind.value, "role": self.row.role.value, "payload": self.row.payload}
        return {
            "name": self.row.pattern.replace(".", "-").replace("<", "").replace(">", ""),
            "subject": self.row.wildcard,
            "queue_group": "",
            "metadata": metadata,
        }

    def count(self) -> dict[str, object]:
        """As ``$SRV.STATS`` shows it; times in nanoseconds."""
        about = self.describe()
        del about["metadata"]
        return about | {
            "num_requests": self.requests,
            "num_errors": self.errors,
            "last_error": self.last_error,
            "processing_time": self.nanoseconds,
            "average_processing_time": self.nanoseconds // max(self.requests, 1),
        }


@dataclass
class Service:
    """The endpoints of one daemon."""

    name: str
    version: str
    doc: str
    id: str
    """The run of the daemon, ordered in time."""
    trust_bus: bool = False
    """Everyone may everything."""
    closed: bool = True
    """The server knows us by a key, and so has accounts. Another one lets callers write the header of their role."""
    endpoints: list[Endpoint] = field(default_factory=list[Endpoint])
    off: dict[str, str | None] = field(default_factory=dict[str, str | None])
    """Parts that do not work here, and why; ``None`` for one that works again."""
    busy: dict[Role, int] = field(default_factory=dict[Role, int])
    """Requests that are under way, by the role of who asked."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def subjects(self, verb: str) -> tuple[str, str, str]:
        """The three subjects on which a verb (``PING``, ``INFO``, ``STATS``) is asked."""
        return f"$SRV.{verb}", f"$SRV.{verb}.{self.name}", f"$SRV.{verb}.{self.name}.{self.id}"

    def tell(self, verb: str) -> bytes:
        """The answer to a verb."""
        about: dict[str, object] = {"name": self.name, "id": self.id, "version": self.version}
        about["metadata"] = {f"off.{part}": why for part, why in self.off.items() if why is not None}
        if verb == "INFO":
            about |= {"description": self.doc, "endpoints": [endpoint.describe() for endpoint in self.endpoints]}
        elif verb == "STATS":
            started = self.started.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            about |= {"started": started, "endpoints": [endpoint.count() for endpoint in self.endpoints]}
        return json.dumps(about | {"type": _TYPE.format(verb.lower())}).encode()

    async def handle(self, endpoint: Endpoint, message: Message, answer: Answer) -> None:
        """Run one request to its answer; raise nothing but what ``answer`` raises."""
        begin, role = time.perf_counter_ns(), self._role(message)
        # Daemons, whose requests cross no account, are trusted with their number.
        counts = REQUEST_INFO in message.headers
        self.busy[role] = self.busy.get(role, 0) + counts
        try:
            if counts and self.busy[role] > MOST_AT_ONCE:
                raise RequestError(429, f"{MOST_AT_ONCE} requests of the role {role} wait for {self.name}: ask later")
            reply = await endpoint.handler(self._request(endpoint, message))
            body, headers = (reply.to_json() if isinstance(reply, Model) else reply or b"{}"), None
        except RequestError as error:
            body, headers = self._failed(endpoint, message, error)
        except Exception:
            log.exception("a request met a defect", extra={"subject": message.subject})
            defect = RequestError(500, f"{self.name} has met a defect: its log tells more")
            body, headers = self._failed(endpoint, message, defect)
        finally:
            self.busy[role] -= counts
        endpoint.requests += 1
        endpoint.nanoseconds += time.perf_counter_ns() - begin
        await answer(body, headers)

    def _request(self, endpoint: Endpoint, message: Message) -> Request[Model]:
        row = endpoint.row
        role = self._role(message)
        # A grant is given by name, to an account: that the server let the request across is the proof.
        granted = self.closed and row.role is Role.GRANT and REQUEST_INFO in message.headers
        if not granted and not role.includes(row.role):
            raise RequestError(403, f"{message.subject} needs the role {row.role}, and the caller is {role}")
        parameters = row.match(message.subject)
        assert parameters is not None, "the server delivers what the row's wildcard takes in, and that is its pattern"
        return Request(message.subject, parse(row, message.data, endpoint.schema), role, parameters, message.headers)

    def _role(self, message: Message) -> Role:
        if self.trust_bus:
            return Role.GRANT
        return role_of(message.headers) if self.closed else Role.OBSERVER

    def _failed(self, endpoint: Endpoint, message: Message, error: RequestError) -> tuple[bytes, dict[str, str]]:
        endpoint.errors += 1
        endpoint.last_error = str(error)
        level = logging.DEBUG if error.code in (404, 429) else logging.WARNING
        log.log(level, "a request failed", extra={"subject": message.subject, "error": str(error)})
        body = ErrorReply(error=ErrorBody(code=error.code, message=error.message)).to_json()
        text = " ".join(error.message.split()).encode("ascii", "backslashreplace").decode()
        return body, {"Nats-Service-Error-Code": str(error.code), "Nats-Service-Error": text}
