"""An MQTT message on its way to the bus and back: lunix-mqtt with mosquitto, beside nats-server's own MQTT listener.

The listener is in the server's own process and needs no broker; but it needs JetStream, its topics are subjects as they
are, and a broker that is there already stays outside. MQTT is spoken here by bare frames on a socket, with MQTT 3.1.1,
so that no client's own pace is measured; the bus by nats-py, alike for both.
"""

import argparse
import asyncio
import json
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg

from bench.peers import start_bus, start_daemon
from bench.proc import cpu_s
from bench.report import Row, publish, quantile
from bench.room import Room
from lunix_cli import server

SINGLE, SINGLE_QUICK = 500, 100
MANY, MANY_QUICK = 20_000, 2_000
WINDOW = 64
"""Messages of QoS 1 that are sent ahead of their acknowledgements."""
DEADLINE_S = 60.0


class Mqtt:
    """A client of bare frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.came = asyncio.Event()
        self.heard = 0
        self._acknowledged = 0
        self._news = asyncio.Event()

    async def start(self, name: str) -> None:
        """CONNECT, with a clean session."""
        body = _text("MQTT") + bytes([4, 2]) + struct.pack(">H", 0) + _text(name)
        self._writer.write(_frame(0x10, body))
        kind, answer = await self._packet()
        if kind != 0x20 or answer[1]:
            raise RuntimeError(f"the broker refuses us: {answer!r}")

    async def subscribe(self, topic: str) -> None:
        """SUBSCRIBE with QoS 0; it counts when this returns."""
        self._writer.write(_frame(0x82, struct.pack(">H", 1) + _text(topic) + b"\0"))
        await self._packet()

    async def listen(self) -> None:
        """Count what comes, for ever."""
        while True:
            kind, _ = await self._packet()
            if kind & 0xF0 == 0x30:
                self.heard += 1
                self.came.set()
            elif kind == 0x40:
                self._acknowledged += 1
                self._news.set()

    async def send(self, topic: str, payload: bytes, qos: int, count: int) -> None:
        """Publish the same so many times."""
        begin = self._acknowledged
        for number in range(count):
            mid = struct.pack(">H", number % 65_535 + 1) if qos else b""
            self._writer.write(_frame(0x30 | qos << 1, _text(topic) + mid + payload))
            if number % WINDOW == WINDOW - 1:
                await self._writer.drain()
                while qos and number + 1 - (self._acknowledged - begin) > WINDOW:
                    self._news.clear()
                    await self._news.wait()
        await self._writer.drain()

    async def _packet(self) -> tuple[int, bytes]:
        kind, size, shift = (await self._reader.readexactly(1))[0], 0, 0
        while True:
            byte = (await self._reader.readexactly(1))[0]
            size |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return kind, await self._reader.readexactly(size)

    def close(self) -> None:
        """End it."""
        self._writer.close()


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def _frame(kind: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        size, byte = divmod(size, 128)
        length += bytes([byte | (128 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


@dataclass
class Way:
    """A broker and a bus, and what is between."""

    name: str
    mqtt_port: int
    bus: str
    key: Path | None
    prefix: str
    """Of the subject that is a topic."""
    pids: tuple[int, ...]


def lunix(room: Room) -> Way:
    """mosquitto, lunix-mqtt, and a bus with lunix's accounts."""
    port = free_port()
    conf = room.folder / "mosquitto.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n"
    )
    broker = room.start(mosquitto(), "-c", conf)
    wait_for(port)
    bus = start_bus(room)
    config = f'[mqtt]\nbroker = "mqtt://127.0.0.1:{port}"\n'
    bridge = start_daemon(room, bus, "lunix_mqtt", config=config)
    return Way("lunix-mqtt, mosquitto", port, bus.url, bus.key("user"), "mqtt.", (broker.pid, bus.pid, bridge.pid))


def native(room: Room) -> Way:
    """nats-server's own listener, open to everybody."""
    port, bus = free_port(), free_port()
    conf = room.folder / "server.conf"
    settings = {
        "server_name": "bench", "host": "127.0.0.1", "port": bus, "mqtt": {"host": "127.0.0.1", "port": port},
        "jetstream": {"store_dir": str(room.folder / "jetstream")},
    }  # fmt: skip
    conf.write_text(json.dumps(settings))
    process = room.start(server.find().path, "-c", conf)
    wait_for(port)
    return Way("nats-server's listener", port, f"nats://127.0.0.1:{bus}", None, "", (process.pid,))


def mosquitto() -> str:
    """Debian has it where ordinary users do not look."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if found is None:
        raise RuntimeError("mosquitto is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when somebody listens there."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"nobody listens on port {port}")


class Bench:
    """Both ends of a way."""

    def __init__(self, way: Way, mqtt: Mqtt, client: Client) -> None:
        self.way, self._mqtt, self._client = way, mqtt, client
        self._came = asyncio.Event()
        self._heard = 0

    async def heard(self, _message: Msg) -> None:
        """A message came on the bus."""
        self._heard += 1
        self._came.set()

    async def settle(self) -> None:
        """Return when a message comes through."""
        while not self._came.is_set():
            await self._mqtt.send("inward", b"x", 0, 1)
            await asyncio.sleep(0.1)

    async def inward(self, qos: int, count: int) -> list[float]:
        """Latencies in microseconds from MQTT to the bus, one at a time."""

        async def one() -> None:
            self._came.clear()
            await self._mqtt.send("inward", b"21.5", qos, 1)
            await self._came.wait()

        return await self._timed(one, count)

    async def outward(self, count: int) -> list[float]:
        """The same from the bus to MQTT."""

        async def one() -> None:
            self._mqtt.came.clear()
            await self._client.publish(f"{self.way.prefix}outward", b"21.5")
            await self._mqtt.came.wait()

        return await self._timed(one, count)

    async def _timed(self, one: Callable[[], Awaitable[None]], count: int) -> list[float]:
        found: list[float] = []
        for _ in range(count):
            begin = time.perf_counter()
            await one()
            found.append((time.perf_counter() - begin) * 1e6)
        return found

    async def rate(self, qos: int, count: int) -> tuple[float, float]:
        """Messages a second from MQTT to the bus, and µs of processor that all daemons take for one."""
        start, cpu, begin = self._heard, sum(map(cpu_s, self.way.pids)), time.perf_counter()
        async with asyncio.timeout(DEADLINE_S):
            await self._mqtt.send("inward", b"21.5", qos, count)
            while self._heard - start < count:
                self._came.clear()
                await self._came.wait()
        took = time.perf_counter() - begin
        return count / took, (sum(map(cpu_s, self.way.pids)) - cpu) * 1e6 / count


@asynccontextmanager
async def ready(way: Way) -> AsyncGenerator[Bench]:
    """Clients at both ends."""
    async with AsyncExitStack() as stack:
        mqtt = Mqtt(*await asyncio.open_connection("127.0.0.1", way.mqtt_port))
        stack.callback(mqtt.close)
        await mqtt.start("bench")
        await mqtt.subscribe("outward")
        listening = asyncio.create_task(mqtt.listen(), name="bench.listen")
        stack.callback(listening.cancel)
        client = Client()
        await client.connect(way.bus, nkeys_seed=str(way.key) if way.key else None)
        stack.push_async_callback(client.close)
        bench = Bench(way, mqtt, client)
        subject = f"{way.prefix}inward"
        await client.subscribe(subject, cb=bench.heard, pending_bytes_limit=1 << 30)  # pyright: ignore[reportUnknownMemberType]
        await client.flush()
        await bench.settle()
        yield bench


async def measure(ways: list[Way], single: int, many: int) -> list[Row]:
    """A row for each way and direction."""
    rows: list[Row] = []
    for way in ways:
        async with ready(way) as bench:
            for label, qos in (("MQTT → bus, QoS 0", 0), ("MQTT → bus, QoS 1", 1)):
                latencies = await bench.inward(qos, single)
                rate, cpu = await bench.rate(qos, many)
                rows.append(_row(way, label, latencies) | {"messages/s": rate, "cpu µs each": cpu})
            rows.append(_row(way, "bus → MQTT", await bench.outward(single)))
    return sorted(rows, key=lambda row: str(row["way"]))


def _row(way: Way, label: str, latencies: list[float]) -> dict[str, str | float | int | None]:
    quantiles = {f"p{share:g} µs": quantile(latencies, share / 100) for share in (50, 90, 99)}
    return {"way": label, "by": way.name, **quantiles, "messages/s": None, "cpu µs each": None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer messages")
    arguments = parser.parse_args()
    single, many = (SINGLE_QUICK, MANY_QUICK) if arguments.quick else (SINGLE, MANY)
    with tempfile.TemporaryDirectory() as text, Room(None, Path(text)) as room:
        rows = asyncio.run(measure([lunix(room), native(room)], single, many))
    publish("mqtt_bridge", "an MQTT message to the bus, and back", rows)


if __name__ == "__main__":
    main()
