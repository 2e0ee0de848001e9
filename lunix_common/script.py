"""An automation in five lines: ``on`` says what to wait for, ``send`` and ``ask`` do something about it.

    from lunix_common.script import on, run, send

    @on("hardware.usb.add")
    def plugged(event):
        send("toast.in", f"{event.get('product', 'a USB device')} was plugged in!")

    run()

A script waits for the bus when that is away, and goes on when it is back. A mistake in a function that was named by
``on`` is told in the log and ends nothing.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from lunix_common import declarations, journal
from lunix_common.bus import Bus, BusAway, BusOptions, Message, RequestError, find
from lunix_common.bus.publisher import Payload, encode
from lunix_common.errors import OK, USAGE, UsageError
from lunix_common.subjects import Kind, token


class Event(dict[str, Any]):
    """A message: the fields of its JSON object; none where it is something else, such as a bare number."""

    def __init__(self, message: Message) -> None:
        try:
            super().__init__(message.json())
        except ValueError:
            super().__init__()
        self.subject: str = message.subject
        self.text: str = message.data.decode("utf-8", "replace")
        """The payload as it came."""
        self.headers: Mapping[str, str] = message.headers


Handler = Callable[[Event], Awaitable[None] | None]
H = TypeVar("H", bound=Handler)

log = logging.getLogger("script")


class Script:
    """What a script waits for and, while it runs, its connection. The functions of this module are those of one."""

    def __init__(self) -> None:
        self._wanted: list[tuple[str, Handler]] = []

    def on(self, *subjects: str) -> Callable[[H], H]:
        """Have a function called with each ``Event`` on these subjects; it may be ``async``, and then ``ask``.

        The events of one subject come one after the other. Wildcards as in NATS: ``*`` is one token, a last ``>`` all
        that follow.
        """

        def take(handler: H) -> H:
            self._wanted.extend((subject, handler) for subject in subjects)
            return handler

        return take

    def send(self, subject: str, payload: Payload = None) -> None:
        """Do something: a request whose answer is not awaited, or a message on ``user.`` for other scripts.

        ``payload`` is an object, text or bytes. What goes wrong is told in the log.
        """
        self._tasks.create_task(self._send(subject, payload), name=f"send {subject}")

    async def ask(self, subject: str, payload: Payload = None, timeout: float | None = None) -> dict[str, Any]:
        """Ask and return the answer's fields; raise ``RequestError``, ``BusAway`` or ``TimeoutError``.

        Without ``timeout``, in seconds, it waits as long as the subject may take.
        """
        return await self._bus.request(subject, payload, timeout)

    def run(self) -> NoReturn:
        """Wait for what was named by ``on`` until SIGTERM or Ctrl-C; exit with 0, or 100 for wrong settings."""
        try:
            journal.configure(os.environ.get("LUNIX_LOG_LEVEL", "info"))
            self._table = declarations.load(declarations.directory())
            options = find("user")
        except (UsageError, ValueError) as error:
            log.error(str(error))
            sys.exit(USAGE)
        asyncio.run(self._main(options))
        sys.exit(OK)

    async def _main(self, options: BusOptions) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        self._bus = Bus(options, token(Path(sys.argv[0]).stem))
        for subject, handler in self._wanted:
            self._bus.subscribe(subject, partial(_handle, handler))
        async with self._bus, asyncio.TaskGroup() as self._tasks:
            await stop.wait()

    async def _send(self, subject: str, payload: Payload) -> None:
        row = self._table.find(subject)
        try:
            if row is None or row.kind is Kind.EVENT:
                await self._bus.publish(subject, encode(payload))
            else:
                await self.ask(subject, payload)
        except (BusAway, RequestError, TimeoutError, ValueError) as error:
            log.warning("was not sent", extra={"subject": subject, "error": str(error) or "no answer in time"})


def _handle(handler: Handler, message: Message) -> Awaitable[None] | None:
    return handler(Event(message))


_THE_ONE = Script()
on, send, ask, run = _THE_ONE.on, _THE_ONE.send, _THE_ONE.ask, _THE_ONE.run
