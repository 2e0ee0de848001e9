"""The port of the bus, with real sockets."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_cli import server
from lunix_cli.kept_server import KeptServer, choose_port
from lunix_common.access import serverconf
from lunix_common.access.serverconf import ANY_PORT
from lunix_common.errors import UsageError
from lunix_common.subjects import TABLE


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def test_a_server_whose_place_cannot_be_told_has_not_started(tmp_path: Path) -> None:
    program = server.Program(Path("/bin/true"), (2, 15, 1))
    kept = KeptServer(program, tmp_path, TABLE, serverconf.Settings(), lambda _: None)
    (tmp_path / "server.port").mkdir()
    for line in ("Starting nats-server", "Listening for client connections on 127.0.0.1:4242", "Server is ready"):
        kept.heard(f"[7] 2026/01/02 03:04:05.678901 [INF] {line}")
    with pytest.raises(OSError, match=r"server\.port"):
        await kept.wait_ready()


def test_the_standard_port_is_taken_where_it_is_free(free: int) -> None:
    said: list[str] = []
    assert choose_port(None, said.append, standard=free) == free
    assert said == []


def test_where_the_standard_port_is_taken_any_will_do(taken: int) -> None:
    said: list[str] = []
    assert choose_port(None, said.append, standard=taken) == ANY_PORT
    assert said[0].startswith(f"port {taken} is taken by ")
    assert f"(pid {os.getpid()})" in said[0]


def test_a_port_that_was_asked_for_is_not_replaced(taken: int, free: int) -> None:
    assert choose_port(free, print) == free
    assert choose_port(0, print) == ANY_PORT
    with pytest.raises(UsageError, match=f"port {taken} is taken"):
        choose_port(taken, print)
    with pytest.raises(UsageError, match="from 1 to 65535"):
        choose_port(65536, print)
