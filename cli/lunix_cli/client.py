"""One short visit to the bus, without the models of the payloads: what its short-lived commands share."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from lunix_cli import tls
from lunix_cli.place import options
from lunix_common.bus.errors import RequestError, error_of
from lunix_common.bus.session import Session
from lunix_common.role import RANKED


class Visit:
    """A live session, who we are in it, and what the server refused so far."""

    def __init__(self, arguments: Namespace, name: str) -> None:
        tls.obey(os.environ.get("NATS_CA"))
        self.role, self.options = options(arguments.role, arguments.bus, arguments.state)
        self.refusals: list[RequestError] = []
        self.session = Session(self.options, f"lunix-{name}", self._slow, self.refused)

    def check(self) -> None:
        """Raise the first refusal that was told."""
        if self.refusals:
            raise self.refusals[0]

    def refused(self, verb: str, subject: str) -> None:
        """Take note of what the server refused: ``publish`` or ``subscription``, and where."""
        # Imported here: a command that works does not pay for the table.
        from lunix_cli import declared, hints

        act = "send" if verb == "publish" else "see"
        hint = hints.refused(act, subject, declared.table(), self.role)
        who = f"the role {self.role}" if self.role in RANKED else self.role
        self.refusals.append(RequestError(403, f"{who} may not {act} {subject}: {hint}"))

    def _slow(self, _number: int) -> None:
        sys.stderr.write("lunix: messages were dropped: they arrive faster than they are read\n")


@asynccontextmanager
async def visit(arguments: Namespace, name: str) -> AsyncGenerator[Visit]:
    """Connect, and close in the end; raise ``UsageError``, ``BusAway`` or ``BusRefused``."""
    visiting = Visit(arguments, name)
    try:
        await visiting.session.open()
        yield visiting
    finally:
        await visiting.session.close()


async def ask(visiting: Visit, subject: str, data: bytes, timeout: float) -> Any:
    """The decoded answer to a request; raise ``RequestError`` for an answer that is an error."""
    try:
        answer = await visiting.session.request(subject, data, timeout)
    except RequestError as error:
        if error.code == 403:
            visiting.refused("publish", subject)
            visiting.check()
        if error.code == 503 and subject.startswith("host."):
            why = "that machine is not connected, or does not let you ask that; on the hub, `lunix fleet list` tells"
            raise RequestError(503, f"nobody answers {subject}: {why}") from error
        if error.code == 503:
            raise RequestError(503, f"{error.message}; `lunix status` tells what runs") from error
        raise
    if refusal := error_of(answer.data, answer.headers or {}):
        raise refusal
    try:
        return json.loads(answer.data or b"{}")
    except ValueError as error:
        raise RequestError(502, f"the answer on {subject} is not JSON: {error}") from error


def payload(given: str) -> bytes:
    """The bytes of a payload argument; ``-`` is standard input."""
    return sys.stdin.buffer.read() if given == "-" else given.encode("utf-8", "surrogateescape")
