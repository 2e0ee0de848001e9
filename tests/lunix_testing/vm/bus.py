"""A bus in a guest, and the one program there that hears it and asks: emulated, each start of Python takes seconds."""

import json
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from lunix_testing.vm.channel import PATIENCE_S, Process
from lunix_testing.vm.machine import Machine

# Prints each event with what its node and links are at the moment of its arrival, and asks what its input says.
_CLIENT = """
import asyncio, json, os, sys
import nats

def look(path):
    try:
        return {"real": os.path.realpath(path), "mode": f"{os.stat(path).st_mode & 0o777:o}"}
    except OSError:
        return None

def say(what):
    print(json.dumps(what), flush=True)

async def show(message):
    if not message.headers:
        return  # a request
    event = json.loads(message.data)
    paths = [event["devnode"], *event.get("links", [])] if event.get("devnode") else []
    there = {path: look(path) for path in paths}
    say({"subject": message.subject, "event": event, "headers": dict(message.headers), "paths": there})

async def main():
    bus = await nats.connect(sys.argv[1], connect_timeout=120)
    for subject in sys.argv[2:]:
        await bus.subscribe(subject, cb=show)
    for _ in range(2):  # the first may overtake what is subscribed, the second cannot
        await bus.flush(timeout=120)
    asked = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asked), sys.stdin)
    say("subscribed")
    while line := await asked.readline():
        subject, payload = json.loads(line)
        say({"answer": json.loads((await bus.request(subject, payload.encode(), timeout=120)).data)})

asyncio.run(main())
"""


class Listener:
    """What the program in the guest hears, in its order, and what it is answered."""

    def __init__(self, process: Process) -> None:
        self.seen: list[dict[str, Any]] = []
        """Every event that was looked at."""
        self._process = process
        self._kept: deque[dict[str, Any]] = deque()

    async def next(self, within: float = PATIENCE_S) -> dict[str, Any]:
        """The next event: its ``subject``, ``event`` (the payload), ``headers``, and the ``paths`` of its node."""
        heard = self._kept.popleft() if self._kept else await self._line(within)
        self.seen.append(heard)
        return heard

    async def event(self, subject: str, **wanted: object) -> dict[str, Any]:
        """The next event of this subject with these fields; those before are passed over."""
        while True:
            heard = await self.next()
            if heard["subject"] == subject and wanted.items() <= heard["event"].items():
                return heard

    async def request(self, subject: str, payload: str = "", within: float = 150) -> dict[str, Any]:
        """The answer; events that come before it are kept."""
        await self._process.write(json.dumps([subject, payload]).encode() + b"\n")
        while "answer" not in (heard := await self._line(within)):
            self._kept.append(heard)
        answer: dict[str, Any] = heard["answer"]
        return answer

    async def _line(self, within: float) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(await self._process.line(within=within))
        return heard


@asynccontextmanager
async def bus(vm: Machine, *subjects: str, port: int = 4222) -> AsyncGenerator[tuple[str, Listener]]:
    """A nats-server without identities in the guest; its URL there, and who hears these subjects."""
    url = f"nats://127.0.0.1:{port}"
    async with vm.start("sh", "-c", f"exec nats-server -a 127.0.0.1 -p {port} -m {port + 4000} 2>&1") as server:
        await server.line(lambda line: "Server is ready" in line)
        async with listening(vm, url, *subjects) as events:
            yield url, events


@asynccontextmanager
async def listening(vm: Machine, url: str, *subjects: str) -> AsyncGenerator[Listener]:
    """Who hears these subjects of a bus that runs in the guest."""
    async with vm.start("python3", "-c", _CLIENT, url, *subjects) as process:
        await process.line(lambda line: line == '"subscribed"')
        yield Listener(process)
