"""The server is known before it is spoken to: who listens on a loopback port, and TLS for other machines."""

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlparse

import pytest

from lunix_common.access import serverconf
from lunix_common.bus import os_peer
from lunix_common.bus.errors import BusRefused
from lunix_common.bus.options import BusOptions, find
from lunix_common.bus.os_peer import CheckedTransport, peer_uid
from lunix_common.bus.session import Session
from lunix_testing.certificates import self_signed
from lunix_testing.client import Nats
from lunix_testing.server import BusServer

SECONDS = 30.0
NOBODY = 65534
INFO = b'INFO {"server_id":"x","version":"2.15.1","proto":1,"headers":true,"max_payload":1048576,"nonce":"abc"}\r\n'

ROGUE = f"""
import contextlib, os, socket, sys
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
    connection.sendall({INFO!r})
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            got += piece
            connection.sendall(b"PONG\\r\\n" if b"PING" in got else b"")
    print(got.hex() or "nothing", flush=True)
"""


class Rogue:
    """A server of another user that speaks NATS and keeps what it is told."""

    def __init__(self, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", ROGUE, str(port)], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self.url = f"nats://127.0.0.1:{int(self._out.readline())}"

    async def told(self) -> str:
        """All that it was told by its one client, once that has left."""
        return (await asyncio.wait_for(asyncio.to_thread(self._out.readline), SECONDS)).strip()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()


@pytest.fixture
def rogue() -> Iterator[Rogue]:
    one = Rogue()
    try:
        yield one
    finally:
        one.end()


async def plain_client(url: str, transport: CheckedTransport, seed: Path | None = None) -> Nats:
    errors: list[Exception] = []

    async def note(error: Exception) -> None:
        errors.append(error)

    client = Nats()
    client._transport = transport  # pyright: ignore[reportPrivateUsage]
    await client.connect(
        url,
        nkeys_seed=str(seed) if seed else None,
        allow_reconnect=False,
        max_reconnect_attempts=1,
        reconnect_time_wait=0,
        error_cb=note,
    )
    return client


def pair(family: socket.AddressFamily, host: str, accept: bool = True, close: bool = False) -> Iterator[socket.socket]:
    with socket.create_server((host, 0), family=family) as listener, socket.socket(family) as connection:
        connection.connect(listener.getsockname()[:2])
        if accept:
            with listener.accept()[0] as accepted:
                if close:
                    accepted.close()
                yield connection
        else:
            yield connection


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_the_user_behind_a_loopback_connection_is_known(family: socket.AddressFamily, host: str) -> None:
    for connection in pair(family, host):
        assert peer_uid(connection) == os.geteuid()


def test_the_user_behind_a_listener_for_both_families_is_known() -> None:
    with (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener,
        socket.create_connection(("127.0.0.1", listener.getsockname()[1])) as connection,
        listener.accept()[0],
    ):
        assert peer_uid(connection) == os.geteuid()


def test_a_connection_that_nobody_accepted_has_no_user() -> None:
    for connection in pair(socket.AF_INET, "127.0.0.1", accept=False):
        assert peer_uid(connection) is None


def test_a_connection_that_the_far_end_closed_has_no_user() -> None:
    for connection in pair(socket.AF_INET, "127.0.0.1", close=True):
        assert connection.recv(1) == b""
        assert peer_uid(connection) is None


def test_a_kernel_without_ipv6_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def elsewhere(_first: str, second: str) -> Path:
        return Path("/proc/net", second) if second == "tcp" else tmp_path / second

    monkeypatch.setattr(os_peer, "Path", elsewhere)
    for connection in pair(socket.AF_INET, "127.0.0.1"):
        assert peer_uid(connection) == os.geteuid()
    for connection in pair(socket.AF_INET, "127.0.0.1", accept=False):
        assert peer_uid(connection) is None


@pytest.mark.root
async def test_a_server_of_another_user_is_told_nothing(rogue: Rogue) -> None:
    transport = CheckedTransport()
    with pytest.raises(PermissionError, match=f"run by uid {NOBODY} and not by 0.*LUNIX_SERVER_UID={NOBODY}"):
        await transport.connect(urlparse(rogue.url), 65536, int(SECONDS))
    assert await rogue.told() == "nothing"


@pytest.mark.root
async def test_a_daemon_that_finds_a_rogue_server_on_the_port_of_its_bus_tells_it_nothing(
    bus_server: BusServer,
) -> None:
    bus_server.stop()
    rogue = Rogue(bus_server.port)
    try:
        options = BusOptions(bus_server.url, bus_server.key("natsdev"), frozenset({0}))
        with pytest.raises(BusRefused, match=f"uid {NOBODY}"):
            await Session(options, "natsdev", lambda _number: None).open()
        assert await rogue.told() == "nothing"
    finally:
        rogue.end()


@pytest.mark.root
async def test_a_rogue_server_would_be_told_who_we_are_without_the_check(rogue: Rogue, bus_server: BusServer) -> None:
    client = await plain_client(rogue.url, CheckedTransport({NOBODY}), bus_server.key("natsdev"))
    await client.close()
    assert b"CONNECT" in bytes.fromhex(await rogue.told())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_our_own_server_is_spoken_to(host: str, bus_server: BusServer) -> None:
    client = await plain_client(f"nats://{host}:{bus_server.port}", CheckedTransport(), bus_server.key("observer"))
    assert client.is_connected
    await client.close()


async def test_an_address_of_ipv6_works_too() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(greet, "::1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        transport = CheckedTransport()
        await transport.connect(urlparse(f"nats://[::1]:{port}"), 65536, int(SECONDS))
        assert await transport.readline() == INFO  # type: ignore[no-untyped-call]
        transport.close()  # type: ignore[no-untyped-call]
        await transport.wait_closed()  # type: ignore[no-untyped-call]


async def test_a_server_that_says_nothing_is_not_spoken_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = CheckedTransport()
        url = f"nats://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(TimeoutError):
            await transport.connect(urlparse(url), 65536, 0.2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_server_that_takes_no_connection_is_given_up() -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        url = urlparse(f"nats://127.0.0.1:{listener.getsockname()[1]}")
        for _ in range(3):  # its queue is full with one of them
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        with pytest.raises(TimeoutError):
            await CheckedTransport().connect(url, 65536, 0.2)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_server_that_leaves_at_once_is_not_spoken_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = CheckedTransport()
        connecting = asyncio.create_task(
            transport.connect(urlparse(f"nats://127.0.0.1:{listener.getsockname()[1]}"), 65536, int(SECONDS))
        )
        connection, _ = await asyncio.to_thread(listener.accept)
        connection.close()
        with pytest.raises(ConnectionAbortedError, match="left"):
            await connecting


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_no_server_is_an_error(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await CheckedTransport().connect(urlparse(f"nats://{host}:{port}"), 65536, int(SECONDS))


@pytest.mark.parametrize("host", ["192.0.2.1", "bus.example", "10.0.0.1"])
async def test_another_machine_is_not_even_connected_to_without_tls(host: str) -> None:
    with pytest.raises(PermissionError, match=f"use tls://{host}"):
        await CheckedTransport().connect(urlparse(f"nats://{host}:4222"), 65536, int(SECONDS))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_host_is_this_machine(host: str) -> None:
    assert os_peer.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org", "localhost.example.org", "::ffff:8.8.8.8"])
def test_any_other_host_is_another_machine(host: str) -> None:
    assert not os_peer.is_loopback(host)


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes this machine for another one: no test reaches beyond it."""

    def never(_host: str) -> bool:
        return False

    monkeypatch.setattr(os_peer, "is_loopback", never)


@asynccontextmanager
async def listening(greeting: bytes) -> AsyncGenerator[tuple[str, Callable[[], bytes]]]:
    """A server that greets, and what it was told."""
    told = bytearray()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        told.extend(await reader.read())
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as listener:
        yield f"tls://127.0.0.1:{listener.sockets[0].getsockname()[1]}", lambda: bytes(told)


@pytest.mark.usefixtures("far_away")
async def test_another_machine_that_offers_no_tls_is_told_nothing() -> None:
    async with listening(INFO) as (url, told):
        transport = CheckedTransport()
        await transport.connect(urlparse(url), 65536, int(SECONDS))
        with pytest.raises(PermissionError, match="offers no TLS"):
            transport.write(b"CONNECT")
        with pytest.raises(PermissionError, match="offers no TLS"):
            transport.writelines([b"CONNECT"])
        await transport.wait_closed()  # type: ignore[no-untyped-call]
        assert told() == b""


@contextmanager
def tls_bus(folder: Path) -> Generator[tuple[BusServer, str, Path]]:
    """A server with a certificate that nobody vouches for, its address, and the certificate."""
    key, certificate = self_signed(folder)
    # Where a handshake is slow, nats-server hangs up after 2 s.
    tls = {"tls": {"cert_file": str(certificate), "key_file": str(key), "timeout": 30}}
    server = BusServer(folder / "state", settings=serverconf.Settings(extra=tls))
    server.start()
    try:
        yield server, server.url.replace("nats://", "tls://"), certificate
    finally:
        server.stop()


@pytest.mark.usefixtures("far_away")
@pytest.mark.requires("program:openssl")
async def test_another_machine_is_spoken_to_by_tls(tmp_path: Path) -> None:
    with tls_bus(tmp_path) as (server, url, certificate):
        client = Nats()
        client._transport = CheckedTransport()  # pyright: ignore[reportPrivateUsage]
        await client.connect(
            url,
            nkeys_seed=str(server.key("observer")),
            tls=ssl.create_default_context(cafile=str(certificate)),
        )
        await client.flush()
        await client.close()


@pytest.mark.requires("program:openssl")
async def test_a_bus_vouched_for_by_its_own_certificate_ends_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_bus(tmp_path) as (server, url, certificate):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        environ = {"NATS_NKEY": str(server.key("observer"))}
        session = Session(find("observer", url=url, state=server.state, environ=environ), "known", lambda _: None)
        await session.open()
        await session.flush()
        server.stop()
        await session.ended
        await session.close()
        assert "eof_received" not in caplog.text


@pytest.mark.requires("program:openssl")
async def test_a_bus_with_a_certificate_of_somebody_else_s_is_refused_at_once(tmp_path: Path) -> None:
    """nats-py's own close() would wait for ever for the end of that connection."""
    with tls_bus(tmp_path) as (server, url, _):
        environ = {"NATS_NKEY": str(server.key("observer"))}
        session = Session(find("observer", url=url, state=server.state, environ=environ), "known", lambda _: None)
        with pytest.raises(BusRefused, match="a certificate that is not believed here: self-signed certificate"):
            await asyncio.wait_for(session.open(), SECONDS)
        await asyncio.wait_for(session.close(), SECONDS)
        assert session.ended.done()


@pytest.mark.requires("program:openssl")
async def test_a_key_that_is_refused_by_tls_ends_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_bus(tmp_path) as (server, url, certificate):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        session = Session(BusOptions(url, None, frozenset({0, os.geteuid()})), "nobody", lambda _: None)
        with pytest.raises(BusRefused, match="refuses nobody"):
            await session.open()
        await session.close()
        server.stop()
        assert "eof_received" not in caplog.text
