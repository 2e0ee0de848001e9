"""``lunix up --server embedded``: the same with lunix-bus in the place of nats-server."""

import os
import signal
from collections.abc import Callable

from lunix_testing.command import LunixUp, wait_until
from lunix_testing.command import lunix_up as lunix_up

Start = Callable[..., LunixUp]


def test_it_serves_tells_what_it_is_and_comes_back_on_its_port(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", "--server", "embedded", "--only", "toast")
    assert up("request", "toast.list").code == 0
    assert up("status").out.startswith(f"bus at {up.url}: lunix-bus ")
    assert up("pub", "toast.in", "tea").code == 0
    assert "wm does not run" in up("pub", "wm.focus", "x11:1").err
    url, before = up.url, up.record["bus"]["pid"]
    os.kill(before, signal.SIGKILL)
    wait_until(
        lambda: (up.state / "bus.json").exists() and up.record["bus"]["pid"] not in (None, before), "a new server"
    )
    wait_until(lambda: up("request", "toast.list").code == 0, "an answer")
    assert up.url == url


def test_it_takes_no_websockets_itself(lunix_up: Start) -> None:
    up = lunix_up("--server", "embedded", "--nats-websocket", wait=False)
    assert up.process.wait(60) == 100
    assert "lunix-bus takes no websockets itself" in up.log.read_text()
