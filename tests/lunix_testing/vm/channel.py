"""The host's side of the control channel: programs in the guest as objects with output to wait for.

The messages are described in ``guest/agent.py``.
"""

import asyncio
import base64
import itertools
import json
import signal
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from lunix_testing.vm.stream import Stream

_INPUT_CHUNK = 1 << 16

PATIENCE_S = 240.0
"""What is waited for in a guest, which is emulated: seconds on a quiet machine, minutes on a busy one."""


@dataclass(frozen=True)
class Completed:
    """How a program ended: exit code (negative for a signal), and its output as text, undecodable bytes escaped."""

    argv: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str


class GuestError(Exception):
    """Something in the guest went wrong; the message says what the guest said."""


class CommandError(GuestError):
    """A program that was expected to succeed did not."""

    def __init__(self, completed: Completed) -> None:
        super().__init__(
            f"{' '.join(completed.argv)!r} ended with {completed.rc}\n{completed.stdout}{completed.stderr}".rstrip()
        )
        self.completed = completed


class MachineEndedError(GuestError):
    """The machine or its agent ended while somebody waited for it."""


class Process:
    """A program that was started in the guest; ``pid`` is its number there."""

    def __init__(self, channel: "Channel", number: int, argv: Sequence[str]) -> None:
        self.argv = tuple(argv)
        self.pid = 0
        self._channel = channel
        self._number = number
        self._output = {"out": bytearray(), "err": bytearray()}
        self._read_to = 0
        self._rc: int | None = None
        self._refused: GuestError | None = None
        self._news = channel.news

    @property
    def stdout(self) -> str:
        """What it has written so far."""
        return self._output["out"].decode(errors="backslashreplace")

    @property
    def stderr(self) -> str:
        """What it has written so far."""
        return self._output["err"].decode(errors="backslashreplace")

    async def line(self, matches: Callable[[str], bool] = lambda line: True, *, within: float = PATIENCE_S) -> str:
        """Return the next line of its output that matches, without its end; the lines before are passed over."""

        def found() -> str | None:
            output = self._output["out"]
            while (end := output.find(b"\n", self._read_to)) >= 0:
                line = output[self._read_to : end].decode(errors="backslashreplace")
                self._read_to = end + 1
                if matches(line):
                    return line
            return None

        result: str | None = None
        try:
            async with asyncio.timeout(within), self._news:
                while (result := found()) is None:
                    if self._over:
                        raise GuestError(f"{self} ended before such a line\n{self.said}")
                    await self._news.wait()
        except TimeoutError:
            raise TimeoutError(f"no such line of {self} in {within} s\n{self.said}") from None
        return result

    async def wait(self, *, within: float = PATIENCE_S) -> Completed:
        """Wait for its end; at the deadline it is killed and TimeoutError tells what it has said."""
        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: self._over)
        except TimeoutError:
            await self.signal(signal.SIGKILL)
            raise TimeoutError(f"{self} runs after {within} s\n{self.said}") from None
        if self._rc is None:
            raise MachineEndedError(f"the machine ended while {self} ran\n{self.said}")
        return Completed(self.argv, self._rc, self.stdout, self.stderr)

    async def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process group; none is sent to one that has ended."""
        if not self._over:
            await self._channel.send({"id": self._number, "signal": int(number)})

    async def write(self, data: bytes) -> None:
        """Write to its standard input."""
        for start in range(0, len(data), _INPUT_CHUNK):
            piece = base64.b64encode(data[start : start + _INPUT_CHUNK]).decode()
            await self._channel.send({"id": self._number, "input": piece})

    async def close_input(self) -> None:
        """End its standard input."""
        await self._channel.send({"id": self._number, "input": ""})

    async def started(self) -> None:
        """Wait until it runs; GuestError when the guest refused to start it."""
        async with self._news:
            await self._news.wait_for(lambda: self.pid or self._refused or self._over)
        if self._refused:
            raise self._refused
        if not self.pid:
            raise MachineEndedError(f"the machine ended before {self} was started")

    def on_message(self, message: Mapping[str, Any]) -> None:
        """Take one message of the guest about this process."""
        for stream, output in self._output.items():
            output += base64.b64decode(message.get(stream, ""))
        self.pid = message.get("pid", self.pid)
        self._rc = message.get("exit", self._rc)
        if "refused" in message:
            error = OSError(message["refused"], "", message["path"])
            self._refused = GuestError(f"{self}: errno {error.errno} for {error.filename!r}")

    @property
    def _over(self) -> bool:
        return self._rc is not None or self._channel.ended

    @property
    def said(self) -> str:
        """The ends of both outputs, for a person who looks at a failure."""
        return f"stdout: {self.stdout[-2000:]}\nstderr: {self.stderr[-4000:]}"

    def __str__(self) -> str:
        return repr(" ".join(self.argv)[:200])


class Channel(Stream):
    """The connection to the agent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._numbers = itertools.count(1)
        self._processes: dict[int, Process] = {}
        self._has_spoken = False

    async def connected(self, within: float) -> None:
        """Wait for the agent's first word."""
        try:
            async with asyncio.timeout(within), self.news:
                await self.news.wait_for(lambda: self._has_spoken or self.ended)
        except TimeoutError:
            raise TimeoutError(f"the guest's agent has not spoken after {within} s") from None
        if self.ended:
            raise MachineEndedError("the machine ended before its agent spoke")

    @asynccontextmanager
    async def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: tuple[int, int] | None = None,
    ) -> AsyncGenerator[Process]:
        """Start a program; what still runs of its process group at the end of the context is killed."""
        number = next(self._numbers)
        process = self._processes[number] = Process(self, number, argv)
        request = {"start": list(argv), "env": env and dict(env), "cwd": cwd, "user": user}
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self.send({"id": number} | request)
                await process.started()
            yield process
        except BaseException as error:
            # Whoever waited in vain did so for what another program did not do.
            error.add_note(f"--- {process} said ---\n{process.said}")
            raise
        finally:
            await process.signal(signal.SIGKILL)
            del self._processes[number]

    @property
    def running(self) -> list[Process]:
        """The programs whose contexts are open."""
        return list(self._processes.values())

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send one message; nothing is sent to a machine that has ended."""
        await self.put(json.dumps(message).encode() + b"\n")

    def take(self, data: bytes) -> None:
        """Hand a message to its process."""
        message = json.loads(data)
        if "hello" in message:
            self._has_spoken = True
        elif process := self._processes.get(message["id"]):
            process.on_message(message)
