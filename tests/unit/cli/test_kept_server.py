"""The port of the bus, with real sockets."""

import os
import socket
from collections.abc import Iterator

import pytest

from lunix_cli.kept_server import choose_port
from lunix_common.access.serverconf import ANY_PORT
from lunix_common.errors import UsageError


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


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
