"""The other end of lunix-init's control socket: requests with answers, and the stream of events."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SOCKET = "control.sock"
MOST_LINE = 64 * 1024 * 1024
"""10 000 log lines of 2 KiB, and their frame."""


class Refused(Exception):
    """lunix-init did not do what it was asked: a code in HTTP's sense and a sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Control:
    """One connection; use it as an async context manager. Raises ``OSError`` where there is no lunix-init."""

    def __init__(self, run: Path) -> None:
        self._path = run / SOCKET
        self._next = 0
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self.arrivals: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        """Messages with ``event`` or ``lost``; ``None`` when the connection is over."""

    async def __aenter__(self) -> Self:
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self._path, limit=MOST_LINE)
        except OSError as error:
            # asyncio does not say where.
            raise OSError(error.errno, f"no lunix-init answers there: {error.strerror}", str(self._path)) from error
        self._reading = asyncio.create_task(self._read(), name="init.control")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def do(self, verb: str, **args: object) -> Any:
        """Ask one thing and return its result; raise ``Refused``, or ``ConnectionError`` when lunix-init goes away."""
        if self._reading.done():
            raise ConnectionResetError("lunix-init closed its socket")
        self._next += 1
        answer = self._asked[self._next] = asyncio.get_running_loop().create_future()
        given = {key: value for key, value in args.items() if value is not None}
        self._writer.write(json.dumps({"id": self._next, "do": verb, **given}).encode() + b"\n")
        await self._writer.drain()
        return await answer

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(json.loads(line))
        except (OSError, ValueError):
            pass
        finally:
            self.arrivals.put_nowait(None)
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError("lunix-init closed its socket"))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" not in message:
            self.arrivals.put_nowait(message)
            return
        answer = self._asked.pop(message["id"], None)
        if answer is None or answer.done():
            return
        if message["ok"]:
            answer.set_result(message["result"])
        else:
            answer.set_exception(Refused(message["error"]["code"], message["error"]["message"]))
