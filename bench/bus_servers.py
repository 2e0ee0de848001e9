"""lunix-bus beside nats-server: messages a second, the time of a request, memory, and wake-ups when all is quiet.

Clients are plain sockets in processes of their own, so that the server is what limits: 128 bytes from one to one and
from one to a hundred, then requests that are answered, one after the other: while nothing else happens, and while
another client sends to a hundred as fast as it can.

On a machine that others use, a request waits for their time slices: 7 ms is one of them, with either server. With
``--real-time`` (as root) whoever asks, answers and serves goes first, and what is left is the server's own.
"""

import argparse
import multiprocessing as mp
import os
import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.synchronize import Semaphore
from pathlib import Path

from bench.proc import memory, wakeups
from bench.report import Row, median, publish, quantile
from bench.servers import serving
from lunix_cli import server

SERVERS = {"nats-server": False, "lunix-bus": True}
PAYLOAD = b"x" * 128 + b"\r\n"
FANOUT = 100
CONNECTED = 10
SETTLE_S = 15.0
"""Both measure a new connection, or wait for it to say who it is, within this time."""
LISTENERS = 4
_MP = mp.get_context("fork")


def connected(port: int) -> socket.socket:
    """A client that has said hello."""
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')
    settle(client)
    return client


def settle(client: socket.socket) -> None:
    """Return when the server has dealt with all that was sent."""
    client.sendall(b"PING\r\n")
    got = b""
    while not got.endswith(b"PONG\r\n"):
        got += client.recv(4096)


def listen(port: int, count: int, ears: int, ready: Semaphore, done: Semaphore) -> None:
    """Hear so many messages with each of so many clients."""
    left = dict.fromkeys((connected(port) for _ in range(ears)), count * len(b"MSG bench.subject 1 128\r\n" + PAYLOAD))
    waiting = selectors.DefaultSelector()
    for client in left:
        client.sendall(b"SUB bench.subject 1\r\n")
        settle(client)
        waiting.register(client, selectors.EVENT_READ)
    ready.release()
    buffer = bytearray(1 << 20)
    while left:
        for key, _ in waiting.select():
            ear = key.fileobj
            assert isinstance(ear, socket.socket)
            got = ear.recv_into(buffer)
            if not got:
                raise SystemExit("the server has disconnected a subscriber")
            left[ear] -= got
            if not left[ear]:
                del left[ear]
    done.release()


def throughput(port: int, count: int, ears: int) -> float:
    """Deliveries a second."""
    ready, done = _MP.Semaphore(0), _MP.Semaphore(0)
    shares = [ears] if ears == 1 else [ears // LISTENERS] * LISTENERS
    processes = [_MP.Process(target=listen, args=(port, count, share, ready, done)) for share in shares]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    client = connected(port)
    chunk = (b"PUB bench.subject 128\r\n" + PAYLOAD) * 500
    begin = time.perf_counter()
    for _ in range(count // 500):
        client.sendall(chunk)
    for _ in processes:
        if not done.acquire(timeout=120):
            raise TimeoutError("messages were lost")
    took = time.perf_counter() - begin
    for process in processes:
        process.join()
    client.close()
    return count * ears / took


def answer(port: int, ready: Semaphore) -> None:
    """Answer each request until the end."""
    client = connected(port)
    client.sendall(b"SUB bench.ask 1\r\n")
    settle(client)
    ready.release()
    while got := client.recv(65536):
        reply = got.split()[3]
        client.sendall(b"PUB " + reply + b" 2\r\nok\r\n")


def latency(port: int, count: int) -> list[float]:
    """Milliseconds from a request to its answer."""
    ready = _MP.Semaphore(0)
    process = _MP.Process(target=answer, args=(port, ready), daemon=True)
    process.start()
    ready.acquire()
    client = connected(port)
    client.sendall(b"SUB _INBOX.bench.* 1\r\n")
    settle(client)
    took: list[float] = []
    for number in range(count):
        begin = time.perf_counter()
        client.sendall(b"PUB bench.ask _INBOX.bench.%d 2\r\nhi\r\n" % number)
        client.recv(65536)
        took.append((time.perf_counter() - begin) * 1000)
    client.close()
    process.kill()
    process.join()
    return took


def flood(port: int, ready: Semaphore) -> None:
    """Send to so many clients, which read all of it, until the end; with no more right to the processor than others."""
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with suppress(PermissionError):
        os.nice(-20)
    waiting = selectors.DefaultSelector()
    for _ in range(FANOUT):
        ear = connected(port)
        ear.sendall(b"SUB bench.subject 1\r\n")
        settle(ear)
        waiting.register(ear, selectors.EVENT_READ, ear)
    threading.Thread(target=_drain, args=(waiting,), daemon=True).start()
    mouth, chunk = connected(port), (b"PUB bench.subject 128\r\n" + PAYLOAD) * 500
    mouth.sendall(chunk)
    ready.release()
    while True:
        mouth.sendall(chunk)


def _drain(waiting: selectors.BaseSelector) -> None:
    buffer = bytearray(1 << 20)
    while True:
        for key, _ in waiting.select():
            key.data.recv_into(buffer)


def flooded(port: int, count: int) -> list[float]:
    """The same while another client sends to a hundred as fast as it can."""
    ready = _MP.Semaphore(0)
    process = _MP.Process(target=flood, args=(port, ready), daemon=True)
    process.start()
    ready.acquire()
    try:
        return latency(port, count)
    finally:
        process.kill()
        process.join()


@contextmanager
def running(embedded: bool) -> Generator[tuple[int, int]]:
    """The process and the port of a server."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "server.conf")
        path.write_text('{"host": "127.0.0.1", "port": -1, "max_pending": 67108864}')
        with serving(server.find(embedded=embedded), path) as (pid, started):
            yield pid, int(started.url.rpartition(":")[2])


def measure(embedded: bool, count: int, asked: int, seconds: float) -> Row:
    """A row for one server; what moves much is the median of three."""
    with running(embedded) as (pid, port), ExitStack() as stack:
        alone = memory(pid)
        clients = [stack.enter_context(connected(port)) for _ in range(CONNECTED)]
        time.sleep(SETTLE_S)
        before = wakeups(pid)
        time.sleep(seconds)
        woken = wakeups(pid) - before
        for client in clients:
            client.close()
        one = _thrice(lambda: throughput(port, count, 1))
        many = _thrice(lambda: throughput(port, count // FANOUT // 500 * 500, FANOUT))
        times = latency(port, asked)
        beside = flooded(port, asked // 2)
    return {
        "server": next(name for name, one_ in SERVERS.items() if one_ is embedded),
        "RSS alone, MB": alone["Rss"] / 1024,
        "private, MB": alone["Private_Dirty"] / 1024,
        f"wake-ups in {seconds:g} s": woken,
        "messages/s 1 to 1": one,
        f"messages/s 1 to {FANOUT}": many,
        "request p50, ms": median(times),
        "p99": quantile(times, 0.99),
        "beside a flood p50": median(beside),
        "beside a flood p99": quantile(beside, 0.99),
    }


def _thrice(work: Callable[[], float]) -> float:
    return median([work() for _ in range(3)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer messages, and 5 s of quiet")
    parser.add_argument("--real-time", action="store_true", help="go before all others on this machine (as root)")
    given = parser.parse_args()
    quick: bool = given.quick
    if given.real_time:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    count, asked, seconds = (200_000, 500, 5.0) if quick else (2_000_000, 5_000, 60.0)
    rows = [measure(embedded, count, asked, seconds) for embedded in SERVERS.values()]
    publish("bus_servers", f"lunix-bus beside nats-server, {CONNECTED} clients connected while it is quiet", rows)


if __name__ == "__main__":
    main()
