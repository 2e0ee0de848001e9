"""A port for a program that has to be told one: where it can take a free one by itself, it is given 0."""

import random
import socket
from contextlib import suppress
from pathlib import Path


def free_port() -> int:
    """A port of TCP on which nobody listens, below those that the kernel gives to connections that go out.

    So nobody takes it before it is bound, nor while who listens there is started again.
    """
    outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    chance = random.SystemRandom()
    while True:
        port = chance.randrange(outgoing // 2, outgoing)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def held_port() -> socket.socket:
    """A socket that keeps its port for a program that is told it, and may end and be started again there.

    Nobody listens on it. While it is open, the kernel gives its port to nobody who asks for any.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held
