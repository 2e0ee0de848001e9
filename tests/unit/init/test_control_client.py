"""The client's side of the control socket, when init goes away."""

import socket

import pytest

from lunix_init.control import Control


@pytest.mark.parametrize(
    ("said", "told"), [(b"", "closed the connection"), (b'{"id": 1, "ok"', "closed the connection within a line")]
)
def test_an_init_that_goes_away_is_an_error(said: bytes, told: str) -> None:
    ours, theirs = socket.socketpair()
    with theirs, Control(ours) as control:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError, match=told):
            control.do("list")
