"""lunix-bus as a process: who does not keep up, who is silent, TLS, reloading, leaving."""

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lunix_testing.certificates import self_signed

SECONDS = 30.0
QUIET = b'CONNECT {"verbose":false,"pedantic":false}\r\n'
Start = Callable[..., "Embedded"]


class Embedded:
    """A running lunix-bus and its log."""

    def __init__(self, folder: Path, found: dict[str, Any], *words: str) -> None:
        self.path = folder / "server.conf"
        self.write(found)
        command = [sys.executable, "-P", "-m", "lunix_bus", "-c", str(self.path), *words]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.log: list[str] = []
        self.clients: list[Plain] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.wait_for(r"Listening .*:(\d+)$")[1])
        self.wait_for("Server is ready")

    def write(self, found: dict[str, Any]) -> None:
        self.path.write_text(json.dumps({"port": -1} | found))

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.log.append(line.rstrip())
                self._news.notify_all()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line of the log in which this is found."""

        def found() -> re.Match[str] | None:
            return next((match for line in self.log if (match := re.search(pattern, line))), None)

        with self._news:
            match = self._news.wait_for(found, SECONDS)
        assert match is not None, self.log
        return match

    def end(self) -> None:
        for client in self.clients:
            client.socket.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def plain(self) -> "Plain":
        """Somebody who has said nothing yet."""
        self.clients.append(Plain(self.port))
        return self.clients[-1]

    def client(self, first: bytes = QUIET) -> "Plain":
        client = self.plain()
        client.send(first)
        return client


class Plain:
    """A client, byte by byte."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, last: bytes) -> bytes:
        """What comes, up to this."""
        got = b""
        while last not in got:
            piece = self.socket.recv(65536)
            assert piece, got[-300:]
            got += piece
        return got

    def settle(self) -> bytes:
        self.send(b"PING\r\n")
        return self.until(b"PONG\r\n")

    def rest(self) -> bytes:
        """All until the server ends the connection."""
        got = b""
        try:
            while piece := self.socket.recv(1 << 20):
                got = got[-4096:] + piece
        except ConnectionError:
            got += b"<RESET>"
        return got


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Embedded] = []

    def begin(found: dict[str, Any] | None = None, *words: str) -> Embedded:
        running.append(Embedded(tmp_path, found or {}, *words))
        return running[-1]

    try:
        yield begin
    finally:
        for one in running:
            one.end()


def rss_kib(pid: int) -> int:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def test_who_does_not_keep_up_is_told_and_cut_off_and_memory_stays_bounded(start: Start) -> None:
    most = 4 * 1024 * 1024
    server = start({"max_pending": most, "write_deadline": "20s"})
    slow, quick, mouth = server.client(), server.client(), server.client()
    before = rss_kib(server.process.pid)
    for client in (slow, quick):
        client.send(b"SUB a 1\r\n")
        client.settle()
    message = b"PUB a 100000\r\n" + b"x" * 100_000 + b"\r\n"
    got = 0
    for number in range(400):
        mouth.send(message)
        while got < number * 100_000:  # one that reads, never far behind, gets all of it
            got += len(quick.socket.recv(1 << 20))
    mouth.settle()
    server.wait_for(r"Slow Consumer Detected: MaxPending of \d+ Exceeded")
    assert slow.rest().endswith(b"-ERR 'Slow Consumer'\r\n")
    assert rss_kib(server.process.pid) - before < 6 * most // 1024


def test_who_reads_nothing_at_all_is_cut_off_after_a_while(start: Start) -> None:
    server = start({"max_pending": 64 * 1024 * 1024, "write_deadline": "300ms"})
    slow, mouth = server.client(), server.client()
    slow.send(b"SUB a 1\r\n")
    slow.settle()
    for _ in range(450):
        mouth.send(b"PUB a 100000\r\n" + b"x" * 100_000 + b"\r\n")
    mouth.settle()
    server.wait_for(r"Slow Consumer Detected: WriteDeadline of 0.3s exceeded")


def test_who_is_silent_is_asked_and_then_let_go(start: Start) -> None:
    server = start({"ping_interval": "200ms", "ping_max": 2})
    client = server.client()
    assert client.rest().endswith(b"PING\r\nPING\r\n-ERR 'Stale Connection'\r\n")


def test_who_answers_stays(start: Start) -> None:
    # Two seconds are its time for an answer, and without any it would be cut off before the last of these.
    client = start({"ping_interval": "20ms", "ping_max": 100}).client()
    for _ in range(110):
        client.until(b"PING\r\n")
        client.send(b"PONG\r\n")


def test_who_does_not_say_who_it_is_has_a_while_for_it(start: Start) -> None:
    server = start({"authorization": {"token": "t", "timeout": "200ms"}})
    assert server.plain().rest().endswith(b"-ERR 'Authentication Timeout'\r\n")


def test_more_connections_than_may_be_are_refused(start: Start) -> None:
    server = start({"max_connections": 1})
    first = server.client()
    first.settle()
    assert server.plain().rest() == b"-ERR 'maximum connections exceeded'\r\n"
    first.settle()


def test_a_client_that_vanishes_leaves_nothing(start: Start) -> None:
    server = start()
    gone, stays = server.client(), server.client()
    gone.send(b"SUB a 1\r\n")
    gone.settle()
    gone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    gone.socket.close()
    stays.send(b"SUB a 2\r\nPUB a 1\r\nx\r\n")
    assert stays.settle().endswith(b"MSG a 2 1\r\nx\r\nPONG\r\n")


def test_users_of_the_command_line(start: Start) -> None:
    server = start(None, "--user", "u", "--pass", "p")
    server.client(b'CONNECT {"user":"u","pass":"p"}\r\n').until(b"+OK\r\n")
    assert server.client(b'CONNECT {"user":"u","pass":"q"}\r\n').rest().endswith(b"-ERR 'Authorization Violation'\r\n")


def test_a_configuration_is_read_again_and_a_wrong_one_changes_nothing(start: Start) -> None:
    one, two = ({"user": name, "password": "x"} for name in ("one", "two"))
    server = start({"authorization": {"users": [one, two]}})
    login = b'CONNECT {"user":"%b","pass":"x","verbose":false}\r\n'
    clients = [server.client(login % name) for name in (b"one", b"two")]
    for client in clients:
        client.send(b"SUB a 1\r\n")
        client.settle()
    server.path.write_text("{")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("Failed to reload server configuration")
    server.write({"authorization": {"users": [one]}})
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("Reloaded server configuration")
    assert clients[1].rest().endswith(b"-ERR 'Authorization Violation'\r\n")
    clients[0].send(b"PUB a 1\r\nx\r\n")
    assert clients[0].settle() == b"MSG a 1 1\r\nx\r\nPONG\r\n"


def test_a_server_that_is_to_go_says_so_and_takes_nobody_new(start: Start) -> None:
    server = start()
    client = server.client()
    client.settle()
    server.process.send_signal(signal.SIGUSR2)
    assert b'"ldm":true' in client.until(b'"ldm":true')
    with pytest.raises(ConnectionRefusedError):
        server.plain()
    client.settle()


def test_it_ends_at_once_when_it_is_asked_to(start: Start) -> None:
    server = start()
    client = server.client()
    client.settle()
    server.process.terminate()
    assert server.process.wait(SECONDS) == 0
    assert client.rest() in (b"", b"<RESET>")


def certified(folder: Path) -> dict[str, Any]:
    """The settings of TLS with a certificate that is made for it, and all the time for a handshake."""
    key, certificate = self_signed(folder)
    return {"cert_file": str(certificate), "key_file": str(key), "timeout": "30s"}


@pytest.mark.requires("program:openssl")
def test_who_goes_away_in_the_midst_of_a_handshake_leaves_nothing_and_who_dawdles_keeps_nobody(
    start: Start, tmp_path: Path
) -> None:
    server = start({"max_connections": 1, "tls": certified(tmp_path) | {"timeout": "20s"}})
    for begun in (b"", b"\x16\x03\x01\x00"):
        gone = server.plain()
        gone.until(b"tls_required")
        gone.send(begun)
        gone.socket.close()
        server.wait_for(f"cid:{len(server.clients)} - TLS handshake error")
    assert b"tls_required" in server.plain().until(b"\r\n")  # and not that there are too many
    server.process.terminate()
    assert server.process.wait(SECONDS) == 0


@pytest.mark.requires("program:openssl")
def test_what_comes_right_behind_a_handshake_is_not_answered_in_the_clear(start: Start, tmp_path: Path) -> None:
    tls = certified(tmp_path)
    client = start({"tls": tls}).plain()
    client.until(b"\r\n")
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=tls["cert_file"])
    hidden = context.wrap_bio(heard, said, server_hostname="127.0.0.1")

    def when_heard(ask: Callable[[], Any]) -> Any:
        while True:
            try:
                return ask()
            except ssl.SSLWantReadError:
                client.send(said.read())
                heard.write(client.socket.recv(65536))

    when_heard(hidden.do_handshake)
    hidden.write(QUIET + b"PING\r\n")
    client.send(said.read())  # with the last words of the handshake
    assert when_heard(hidden.read) == b"PONG\r\n"


@pytest.mark.requires("program:openssl")
@pytest.mark.parametrize("first", [False, True])
def test_tls(start: Start, tmp_path: Path, first: bool) -> None:
    tls = certified(tmp_path)
    certificate, key = tls["cert_file"], tls["key_file"]
    server = start({"tls": tls | {"handshake_first": first, "verify": True, "ca_file": certificate}})
    context = ssl.create_default_context(cafile=certificate)
    context.load_cert_chain(certificate, key)
    client = server.plain()
    if not first:
        assert b'"tls_required":true,"tls_verify":true' in client.until(b"\r\n")
    client.socket = context.wrap_socket(client.socket, server_hostname="127.0.0.1")
    client.send(QUIET + b"SUB a 1\r\nPUB a 100000\r\n" + b"x" * 100_000 + b"\r\n")
    assert client.settle().endswith(b"x\r\nPONG\r\n")
    client.send(b"nonsense\r\n")
    assert client.until(b"Operation'\r\n") == b"-ERR 'Unknown Protocol Operation'\r\n"
    client.socket.close()
    plain = server.plain()
    plain.send(b"PING\r\n" * 100)
    server.wait_for("TLS handshake error")


def test_who_connects_to_a_socket_that_is_there_already_is_told(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "bus.sock"
    path.touch()
    words = [sys.executable, "-P", "-m", "lunix_bus", "--no-tcp", "--unix", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 111
    assert done.stderr.endswith("/bus.sock' is already in use\n")
    path.unlink()
    start(None, "--unix", str(path))
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (111, f"lunix-bus: another server listens on {path}")


def test_a_socket_that_was_left_behind_is_taken(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "bus.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    server = start(None, "--unix", str(path))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert client.recv(5) == b"INFO "
    server.end()
    assert not path.exists()


def test_what_would_be_used_is_told(tmp_path: Path) -> None:
    words = [sys.executable, "-P", "-m", "lunix_bus", "--check", "-p", "4", "--unix", "/run/x", "--auth", "t"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("address = nats://127.0.0.1:4\naddress = unix:///run/x\nlimits = Limits(max_payload=")
    done = subprocess.run([*words, "--what"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (100, "lunix-bus: unrecognized arguments: --what")


def test_a_configuration_that_is_not_known_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "server.conf"
    path.write_text('{"websocket": {"port": 1}}')
    words = [sys.executable, "-P", "-m", "lunix_bus", "-c", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (100, f"lunix-bus: {path}: lunix-bus has no setting websocket\n")


def test_its_addresses_are_written_into_a_file(start: Start, tmp_path: Path) -> None:
    server = start(None, "--ports_file_dir", str(tmp_path))
    found = json.loads((tmp_path / f"nats-server_{server.process.pid}.ports").read_bytes())
    assert found == {"nats": [f"nats://127.0.0.1:{server.port}"]}


def test_an_address_of_ipv6_is_written_in_brackets(start: Start) -> None:
    server = start(None, "-a", "::1")
    assert f"[::1]:{server.port}" in "\n".join(server.log)
