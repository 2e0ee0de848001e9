"""A websocket of lunix-websocket beside one of nats-server's own: latency, messages a second, many clients, memory.

One process publishes as natsdev over TCP and listens at the other end of the websockets, of which the native ones speak
NATS's own protocol (bytes as they are) and ours the JSON frames of ``/bus``.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped,unused-ignore]
from nats.aio.client import Client
from websockets.asyncio.client import connect

from bench.report import Row, publish, quantile
from bench.servers import serving
from lunix_cli import proc, server
from lunix_cli.kept_server import websocket
from lunix_common.access import identities, serverconf, tokens
from lunix_common.subjects import TABLE

SUBJECT = "hardware.usb.add"
LATENCIES, FLOOD, CLIENTS = 2000, 20_000, 200
_NUMBER = re.compile(rb'"n":(\d+)')


@dataclass
class Place:
    """A running server and lunix-websocket."""

    state: Path
    url: str
    native: str
    ours: str
    pids: dict[str, int]


Reader = Callable[[], Awaitable[int]]
"""Returns the number of the next message."""


@asynccontextmanager
async def running(state: Path) -> AsyncGenerator[Place]:
    """Start both."""
    configuration = serverconf.write(state, TABLE, serverconf.Settings(extra=websocket(0, [])))
    with serving(server.find(), configuration) as (pid, started):
        command = [sys.executable, "-m", "lunix_websocket", "--state", str(state), "--bus", started.url]
        environ = os.environ | {"LUNIX_WEBSOCKET_PORT": "0", "LUNIX_LOG_LEVEL": "error"}
        ours = await asyncio.create_subprocess_exec(*command, "--ready-fd", "1", env=environ, stdout=subprocess.PIPE)
        assert ours.stdout is not None
        await ours.stdout.readline()
        try:
            url = json.loads((state / "websocket.json").read_bytes())["url"]
            pids = {"nats-server": pid, "lunix-websocket": ours.pid}
            yield Place(state, started.url, started.websocket, url.replace("http", "ws", 1), pids)
        finally:
            ours.terminate()
            await ours.wait()


async def join_ours(place: Place, stack: AsyncExitStack) -> Reader:
    """A client of ``/bus``, once it is subscribed."""
    headers = {"Authorization": f"Bearer {tokens.secret_of(place.state, tokens.FIRST)}"}
    options = {"proxy": None, "compression": None, "ping_interval": None}
    url = f"{place.ours}bus"
    socket = await stack.enter_async_context(connect(url, additional_headers=headers, **options))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    await socket.send(json.dumps({"op": "subscribe", "topic": SUBJECT}))
    while b'"subscribed"' not in await socket.recv(decode=False):
        pass

    async def read() -> int:
        return _number(await socket.recv(decode=False))

    return read


async def join_native(place: Place, stack: AsyncExitStack) -> Reader:
    """A client that speaks NATS over a websocket."""
    options = {"proxy": None, "compression": None, "ping_interval": None}
    socket = await stack.enter_async_context(connect(place.native, **options))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    info = json.loads((await socket.recv(decode=False)).removeprefix(b"INFO "))
    seed = identities.read(identities.path_of(place.state / "keys", "user"))
    pair: Any = nkeys.from_seed(seed)  # pyright: ignore[reportUnknownMemberType]
    signature = base64.urlsafe_b64encode(pair.sign(info["nonce"].encode())).rstrip(b"=").decode()
    who: dict[str, object] = {
        "verbose": False,
        "pedantic": False,
        "nkey": pair.public_key.decode(),
        "sig": signature,
        "headers": False,
    }
    await socket.send(f"CONNECT {json.dumps(who)}\r\nSUB {SUBJECT} 1\r\nPING\r\n".encode())
    while b"PONG" not in await socket.recv(decode=False):
        pass
    waiting: list[int] = []
    rest = b""

    async def read() -> int:
        nonlocal rest
        while not waiting:
            # The server gathers several messages in one frame where they come fast, and ends it anywhere.
            whole, end, rest = (rest + await socket.recv(decode=False)).rpartition(b"}\r\n")
            waiting.extend(int(found) for found in _NUMBER.findall(whole + end))
        return waiting.pop(0)

    return read


def _number(frame: bytes) -> int:
    found = _NUMBER.search(frame)
    assert found, frame
    return int(found[1])


async def latency(read: Reader, bus: Client, count: int) -> list[float]:
    """Milliseconds from publishing to reading, one message after the other."""
    took: list[float] = []
    for number in range(count):
        begin = time.perf_counter()
        await bus.publish(SUBJECT, b'{"n":%d,"name":"stick"}' % number)
        while await read() != number:
            pass
        took.append((time.perf_counter() - begin) * 1000)
    return took


async def flood(readers: list[Reader], bus: Client, count: int) -> float:
    """Messages a second, counted at the readers."""

    async def all_of(read: Reader) -> None:
        while await read() != count - 1:
            pass

    begin = time.perf_counter()
    reading = [asyncio.create_task(all_of(read)) for read in readers]
    for number in range(count):
        await bus.publish(SUBJECT, b'{"n":%d,"name":"stick"}' % number)
        if number % 100 == 0:
            await bus.flush()
    await asyncio.gather(*reading)
    return count * len(readers) / (time.perf_counter() - begin)


async def measure(
    place: Place, name: str, join: Callable[[Place, AsyncExitStack], Awaitable[Reader]], share: int
) -> Row:
    """All of one of the two."""
    pid = place.pids["lunix-websocket" if join is join_ours else "nats-server"]
    bus = Client()
    key = identities.path_of(place.state / "keys", "natsdev")
    await bus.connect(place.url, nkeys_seed=str(key), inbox_prefix="_INBOX.natsdev")
    async with AsyncExitStack() as stack:
        read = await join(place, stack)
        await latency(read, bus, 50)
        one = await latency(read, bus, LATENCIES // share)
        rate = await flood([read], bus, FLOOD // share)
        before = proc.memory_bytes(pid) or 0
        others = [await join(place, stack) for _ in range(CLIENTS)]
        grown = (proc.memory_bytes(pid) or 0) - before
        fanned = await flood([*others], bus, 50)
    await bus.close()
    return {
        "way": name, "p50 ms": quantile(one, 0.5), "p99 ms": quantile(one, 0.99), "msgs/s": rate,
        f"msgs/s to {CLIENTS}": fanned, "KB a client": grown / CLIENTS / 1000,
    }  # fmt: skip


async def run(share: int) -> list[Row]:
    """Both, in turn on one server."""
    with tempfile.TemporaryDirectory() as text:
        async with running(Path(text)) as place:
            async with asyncio.timeout(300):
                native = await measure(place, "nats-server's own", join_native, share)
                return [native, await measure(place, "lunix-websocket /bus", join_ours, share)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the messages")
    rows = asyncio.run(run(10 if parser.parse_args().quick else 1))
    publish("websocket_vs_native", "websockets: from a publisher on TCP to a reader in this process", rows)


if __name__ == "__main__":
    main()
