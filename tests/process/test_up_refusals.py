"""What keeps ``lunix up`` from starting is said in a sentence, with what to do next; nothing is left behind."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lunix_cli import server
from lunix_testing.command import LunixUp, lunix, wait_until
from lunix_testing.command import lunix_up as lunix_up
from lunix_testing.server import BusServer

Start = Callable[..., LunixUp]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens already."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_is_taken_is_told_with_its_holder(tmp_path: Path, taken: int) -> None:
    said = lunix("up", "--state", str(tmp_path), "--port", str(taken), "--no-tail")
    assert said.code == 100
    assert f"port {taken} is taken by " in said.err
    assert "--port" in said.err


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, port: str) -> None:
    said = lunix("up", "--state", str(tmp_path), f"--port={port}", "--no-tail")
    assert said.code == 100
    assert "a port is a number from 1 to 65535" in said.err


def test_a_daemon_that_there_is_none_of_is_refused_with_those_there_are(tmp_path: Path) -> None:
    said = lunix("up", "--state", str(tmp_path), "--only", "toast,natsdve", "--no-tail")
    assert said.code == 100
    assert "there is no daemon 'natsdve': known are natsdev, toast" in said.err


def test_a_daemon_asked_for_by_name_that_is_configured_wrongly_ends_it(tmp_path: Path) -> None:
    said = lunix(
        "up", "--state", str(tmp_path), "--port", "0", "--only", "toast", "--no-tail", env={"LUNIX_TOAST_NONSENSE": "1"}
    )
    assert said.code == 100
    assert "ready" not in said.out
    assert "toast does not run: " in said.err
    assert "nonsense" in said.err
    assert not (tmp_path / "bus.json").exists()


def test_a_daemon_that_is_configured_wrongly_does_not_keep_the_others_from_running(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", env={"LUNIX_TOAST_NONSENSE": "1"})
    daemons = {one["name"]: one for one in up("status", "--json").json()["daemons"]}
    assert daemons["natsdev"]["state"] == "ready"
    assert daemons["toast"]["state"] == "failed"
    assert "nonsense" in daemons["toast"]["why"]


def test_a_daemon_that_the_system_refuses_something_does_not_keep_the_others_waiting(lunix_up: Start) -> None:
    up = lunix_up("--port", "0", env={"LUNIX_TOAST_TERMINAL": "/nonexistent/tty"})
    natsdev, toast = (up.record["units"][name] for name in ("natsdev", "toast"))
    assert natsdev["phase"] == "ready"
    assert toast["restarts"] >= 3
    assert '"logger": "toast", "message": "ended with exit code 111; starting it again in 0.2 s"' in up.log.read_text()


def test_a_setting_that_is_none_is_refused(tmp_path: Path) -> None:
    said = lunix("up", "--state", str(tmp_path), "--no-tail", env={"LUNIX_UP_PROT": "1"})
    assert said.code == 100
    assert "did you mean port?" in said.err


def test_the_environment_sets_what_flags_would(tmp_path: Path) -> None:
    up = LunixUp(tmp_path / "state", "--only", "toast", env={"LUNIX_UP_PORT": "0"})
    try:
        up.wait_ready()
        assert not up.url.endswith(":4222")
        assert up.stop() == 0
    finally:
        up.close()


def test_a_stop_before_anything_is_ready_leaves_nothing(tmp_path: Path) -> None:
    up = LunixUp(tmp_path / "state", "--port", "0")
    try:
        wait_until((up.state / "server.conf").exists, "the start of the server")
        assert up.stop() == 0
    finally:
        up.close()
    assert not (up.state / "bus.json").exists()
    assert [*(up.state / "run").iterdir()] == []


def test_a_running_server_is_used_where_it_is_named(bus_server: BusServer, lunix_up: Start) -> None:
    up = lunix_up("--bus", bus_server.url, "--only", "toast")
    assert up.record["bus"] == {"url": bus_server.url, "pid": None, "started": None}
    assert up("request", "toast.in", "hello").code == 0


def test_a_running_server_that_is_away_is_waited_for(bus_server: BusServer, lunix_up: Start) -> None:
    bus_server.stop()
    up = lunix_up("--bus", bus_server.url, "--only", "toast", wait=False)
    wait_until(lambda: "no bus at " in up.log.read_text(), "a word on the bus")
    bus_server.start()
    up.wait_ready()


def test_a_running_server_that_does_not_know_us_is_no_bus(bus_server: BusServer, tmp_path: Path) -> None:
    said = lunix("up", "--state", str(tmp_path / "other"), "--bus", bus_server.url, "--no-tail")
    assert said.code == 111
    assert "refuses lunix-up without a key" in said.err


@pytest.fixture
def plain_server() -> Iterator[str]:
    """Somebody's own nats-server, without accounts."""
    process = subprocess.Popen([server.find().path, "-a", "127.0.0.1", "-p", "-1"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    started = server.Started()
    while not started.ready:
        started.read(process.stderr.readline().rstrip())
    try:
        yield started.url
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def test_a_server_of_ones_own_without_accounts_serves_everyone_when_told_so(plain_server: str, lunix_up: Start) -> None:
    up = lunix_up("--bus", plain_server, "--trust-bus", "--only", "toast")
    said = up("request", "toast.in", "hello")
    assert said.code == 0, said.err
    assert not (up.state / "server.conf").exists()
