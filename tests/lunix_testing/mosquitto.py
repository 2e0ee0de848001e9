"""The fixture ``mosquitto``: a real broker on a free port, with a folder of its own; and its command line clients."""

import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg

from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import Inbox
from lunix_testing.ports import free_port
from lunix_testing.server import BusServer

DEADLINE = 30.0


@dataclass
class Mosquitto:
    """A broker; ``more`` are lines of its configuration."""

    folder: Path
    more: Sequence[str] = ("allow_anonymous true",)
    scheme: str = "mqtt"
    client_options: Sequence[str] = ()
    """What ``mosquitto_pub`` and ``mosquitto_sub`` need beside the port."""
    port: int = 0
    log: list[str] = field(default_factory=list[str])
    _process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        self._news = threading.Condition()
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def config(self) -> str:
        """The first lines of the bridge's configuration."""
        return f'[mqtt]\nbroker = "{self.url}"\n'

    def start(self) -> None:
        """Start it, on the port that it had before, and wait until it serves."""
        self.folder.mkdir(exist_ok=True)
        file = self.folder / "mosquitto.conf"
        keeps = ["persistence true", f"persistence_location {self.folder}/", "autosave_on_changes true"]
        keeps += ["autosave_interval 1", "log_type all", "user root", "max_queued_messages 0"]
        file.write_text("\n".join([f"listener {self.port} 127.0.0.1", *keeps, *self.more, ""]), encoding="utf-8")
        since = len(self.log)
        self._process = subprocess.Popen(
            [program(), "-c", file, "-v"], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, errors="replace"
        )
        threading.Thread(target=self._read, args=(self._process,), name="mosquitto.log", daemon=True).start()
        self.wait_for_log("running", since)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(DEADLINE)
        self._process = None

    def stop(self) -> None:
        """End it in order; it keeps what it persists."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE)
            self._process = None

    def wait_for_log(self, text: str, since: int = 0) -> str:
        """Wait for a line of its log that contains ``text``."""
        found: list[str] = []

        def seen() -> bool:
            found[:] = [line for line in self.log[since:] if text in line]
            return bool(found)

        with self._news:
            assert self._news.wait_for(seen, DEADLINE), f"{text!r} is not in {self.log[since:]}"
        return found[0]

    def wait_for_acks(self, client: str, since: int = 0) -> None:
        """Wait until a client has acknowledged all that was sent to it with QoS 1: of that, nothing is sent again."""

        def all_of_it() -> bool:
            lines = self.log[since:]
            sent = sum(f"Sending PUBLISH to {client} " in line and " q1," in line for line in lines)
            return sent == sum(f"Received PUBACK from {client} " in line for line in lines)

        with self._news:
            assert self._news.wait_for(all_of_it, DEADLINE), f"{client} has not acknowledged all: {self.log[since:]}"

    def pub(self, topic: str, payload: str | bytes = "", *options: str) -> None:
        """Publish with ``mosquitto_pub``, which waits until the broker has it."""
        data = payload.encode() if isinstance(payload, str) else payload
        self.run_pub(data, "-t", topic, "-s" if data else "-n", *options)

    def run_pub(self, data: bytes, *options: str) -> None:
        """Run ``mosquitto_pub`` to its end with these options and this input."""
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.port), *self.client_options, *options]
        subprocess.run(command, input=data, check=True, timeout=DEADLINE, capture_output=True)

    @contextmanager
    def sub(self, topic: str, *options: str) -> Generator["Heard"]:
        """Listen with ``mosquitto_sub``; a line a message, its topic first."""
        heard = Heard(self, topic, options)
        try:
            yield heard
        finally:
            heard.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr as lines:
            for line in lines:
                with self._news:
                    self.log.append(line.rstrip())
                    self._news.notify_all()


class Heard:
    """The lines of a ``mosquitto_sub``."""

    def __init__(self, broker: Mosquitto, topic: str, options: Sequence[str]) -> None:
        self.lines: list[str] = []
        self._news = threading.Condition()
        since = len(broker.log)
        command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), *broker.client_options, "-v"]
        self._process = subprocess.Popen([*command, "-t", topic, *options], stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, name="mosquitto_sub", daemon=True)
        self._reader.start()
        broker.wait_for_log("Sending SUBACK", since)

    def wait_for(self, text: str) -> str:
        """Wait for a line that contains ``text``."""
        with self._news:
            seen = self._news.wait_for(lambda: any(text in line for line in self.lines), DEADLINE)
        assert seen, f"{text!r} did not come, but {self.lines}"
        return next(line for line in self.lines if text in line)

    def wait_for_lines(self, number: int) -> None:
        """Wait until there are so many lines."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.lines) >= number, DEADLINE), self.lines

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()


def program() -> str:
    """Debian has it where ordinary users do not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin") or "mosquitto"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that anybody may use."""
    with ExitStack() as stack:
        broker = Mosquitto(tmp_path / "mosquitto")
        broker.start()
        stack.callback(broker.stop)
        yield broker


Listen = Callable[..., Awaitable[Inbox[Msg]]]
Bridge = Callable[..., Daemon]


@pytest.fixture
async def user(bus_server: BusServer) -> AsyncIterator[Nats]:
    """A client of the role user."""
    client = await bus_server.connect("user", max_reconnect_attempts=-1, reconnect_time_wait=0.05)
    yield client
    await client.close()


@pytest.fixture
async def listen(bus_server: BusServer) -> AsyncIterator[Listen]:
    """Subscribe as the role user, on the test's bus or another one."""
    async with AsyncExitStack() as stack:

        async def subscribe(subject: str, server: BusServer = bus_server) -> Inbox[Msg]:
            client = await server.connect("user", max_reconnect_attempts=-1, reconnect_time_wait=0.05)
            stack.push_async_callback(client.close)
            inbox = Inbox[Msg]()
            await client.subscribe(subject, cb=inbox.put_async)  # pyright: ignore[reportUnknownMemberType]
            await client.flush()
            return inbox

        yield subscribe


@pytest.fixture
def bridge(mosquitto: Mosquitto, daemon_process: DaemonStarter) -> Bridge:
    """Start lunix-mqtt between the test's broker and bus; returns when it has subscribed."""

    def start(more: str = "", broker: Mosquitto = mosquitto, **options: Any) -> Daemon:
        since = len(broker.log)
        daemon = daemon_process("lunix_mqtt", config=f"{broker.config}{more}", **options)
        subscribed(broker, since)
        return daemon

    return start


def subscribed(broker: Mosquitto, since: int) -> None:
    """Wait until a bridge has connected and the broker has sent back its state, behind all that it retains."""
    broker.wait_for_log("Sending PUBLISH to lunix-", since)
    broker.wait_for_log("Received PUBACK from lunix-", since)


@pytest.fixture
async def other_bus(tmp_path: Path) -> AsyncIterator[BusServer]:
    """The bus of another machine."""
    running = BusServer(tmp_path / "other")
    running.start()
    yield running
    running.stop()


def pub_many(broker: Mosquitto, first: int, count: int) -> None:
    """Publish numbers with QoS 1 on ``n``; all are with the broker when this returns."""
    lines = "".join(f"{number}\n" for number in range(first, first + count)).encode()
    broker.run_pub(lines, "-t", "n", "-q", "1", "-l")


def numbers(inbox: Inbox[Msg]) -> list[int]:
    """Those that came of what ``pub_many`` published."""
    return [int(message.data) for message in inbox.items if message.subject == "mqtt.n"]


def told_twice(inbox: Inbox[Msg]) -> list[int]:
    """Numbers that came again without a word."""
    seen: set[bytes] = set()
    found: list[int] = []
    for message in inbox.items:
        if message.subject == "mqtt.n":
            if message.data in seen and "Mqtt-Dup" not in (message.headers or {}):
                found.append(int(message.data))
            seen.add(message.data)
    return found


def pairs(inbox: Inbox[Msg]) -> list[tuple[str, bytes]]:
    """Subjects and payloads of what came."""
    return [(message.subject, message.data) for message in inbox.items]
