"""What every daemon does alike, whatever it is about: tried on each one of the table that there is."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.aio.msg import Msg

from lunix_common.access.roles import Client
from lunix_common.subjects import TABLE, Kind, Role, Subject
from lunix_testing import tree
from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter, NotifySocket
from lunix_testing.daemon import without_bus as without_bus
from lunix_testing.server import BusServer


def package(daemon: str) -> str:
    return f"lunix_{daemon}"


def _exists(daemon: str) -> bool:
    """Whether it is one of the services; init has a contract of its own."""
    folder = tree.packages().get(package(daemon))
    return folder is not None and folder.parent.name == "services" and (folder / "__main__.py").exists()


DAEMONS = [daemon for daemon in TABLE.daemons if _exists(daemon)]
ENDPOINTS = [row for daemon in DAEMONS for row in TABLE.of(daemon, Kind.QUERY, Kind.COMMAND)]

every_daemon = pytest.mark.parametrize("name", DAEMONS)


@pytest.fixture
async def admin(bus_server: BusServer) -> AsyncIterator[Nats]:
    """Somebody who may ask everything."""
    client = await bus_server.connect("admin")
    yield client
    await client.close()


def literal(row: Subject) -> str:
    return row.literal(**dict.fromkeys(row.parameters, "x"))


async def ask(client: Nats, subject: str, payload: bytes = b"") -> Msg:
    return await client.request(subject, payload, timeout=30)


async def told(client: Nats, verb: str, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((await ask(client, f"$SRV.{verb}.{name}")).data)
    return answer


async def ready_again(daemon: Daemon, name: str, server: BusServer, since: int) -> Nats:
    """A new connection to a server that came back, once the daemon has one too."""
    await asyncio.to_thread(daemon.wait_for_log, f'"as": "{name}"', since)
    return await server.connect("admin")


def settings(daemon_process: DaemonStarter, name: str) -> list[str]:
    """The names of its settings, as ``--check`` tells them."""
    daemon = daemon_process(package(name), "--check", wait=False)
    assert daemon.wait() == 0
    lines = [line.partition(" = ")[0] for line in daemon.output().splitlines()]
    return [line.removeprefix(f"{name}.") for line in lines if line.startswith(f"{name}.")]


def test_there_is_a_daemon_to_try() -> None:
    assert DAEMONS


@every_daemon
def test_readiness_is_told_in_both_ways(daemon_process: DaemonStarter, notify_socket: NotifySocket, name: str) -> None:
    daemon_process(package(name), env={"NOTIFY_SOCKET": str(notify_socket.path)})
    notify_socket.wait_for("READY=1")
    assert notify_socket.told.count("READY=1") == 1


@every_daemon
def test_a_start_waits_for_the_bus_and_says_so(
    bus_server: BusServer, daemon_process: DaemonStarter, notify_socket: NotifySocket, name: str
) -> None:
    bus_server.kill()
    daemon = daemon_process(package(name), env={"NOTIFY_SOCKET": str(notify_socket.path)}, wait=False)
    notify_socket.wait_for(lambda line: line.startswith("STATUS=waiting for the bus"))
    extended = notify_socket.wait_for(lambda line: line.startswith("EXTEND_TIMEOUT_USEC="))
    assert int(extended.partition("=")[2]) >= 10_000_000
    assert not daemon.is_ready()
    assert "READY=1" not in notify_socket.told
    bus_server.start()
    daemon.wait_ready()
    notify_socket.wait_for("READY=1")


@every_daemon
def test_a_watchdog_is_petted_when_asked_to(
    daemon_process: DaemonStarter, notify_socket: NotifySocket, name: str
) -> None:
    daemon_process(package(name), env={"NOTIFY_SOCKET": str(notify_socket.path), "WATCHDOG_USEC": "400000"})
    for _ in range(3):
        notify_socket.wait_for("WATCHDOG=1")


@every_daemon
@pytest.mark.parametrize("identity", ["user", "admin", "another daemon"])
def test_with_the_key_of_somebody_else_it_is_never_ready(
    bus_server: BusServer, daemon_process: DaemonStarter, notify_socket: NotifySocket, name: str, identity: str
) -> None:
    other = next(daemon for daemon in TABLE.daemons if daemon != name) if identity == "another daemon" else identity
    env = {"NOTIFY_SOCKET": str(notify_socket.path), "NATS_NKEY": str(bus_server.key(other))}
    daemon = daemon_process(package(name), env=env, wait=False)
    assert f"is not that of the daemon {name}" in daemon.wait_for_log("the bus refuses us")
    notify_socket.wait_for(lambda line: line.startswith("STATUS=the key"))
    assert not daemon.is_ready()
    assert "READY=1" not in notify_socket.told


@every_daemon
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_when_asked_to_and_says_so(
    daemon_process: DaemonStarter, notify_socket: NotifySocket, name: str, number: signal.Signals
) -> None:
    daemon = daemon_process(package(name), env={"NOTIFY_SOCKET": str(notify_socket.path)})
    daemon.signal(number)
    assert daemon.wait() == 0
    assert not [line for line in daemon.log if "did not stop in time" in line]
    notify_socket.wait_for("STOPPING=1")


@every_daemon
def test_it_stops_while_it_waits_for_its_first_bus(
    bus_server: BusServer, daemon_process: DaemonStarter, notify_socket: NotifySocket, name: str
) -> None:
    bus_server.kill()
    daemon = daemon_process(package(name), env={"NOTIFY_SOCKET": str(notify_socket.path)}, wait=False)
    notify_socket.wait_for(lambda line: line.startswith("STATUS=waiting for the bus"))
    assert daemon.stop() == 0


@every_daemon
def test_it_stops_while_the_bus_is_away(bus_server: BusServer, daemon_process: DaemonStarter, name: str) -> None:
    daemon = daemon_process(package(name))
    bus_server.kill()
    daemon.wait_for_log("the bus is away")
    assert daemon.stop() == 0


@every_daemon
def test_a_misspelt_setting_is_refused_with_the_nearest_name(daemon_process: DaemonStarter, name: str) -> None:
    key = settings(daemon_process, name)[0]
    config = f"[{name}]\n{key}x = 1"
    daemon = daemon_process(package(name), config=config, wait=False, may_fail=True)
    assert daemon.wait() == 100
    assert f"{key}x" in daemon.log[-1]
    assert f"did you mean {key}?" in daemon.log[-1]
    assert not daemon.tracebacks()
    assert not daemon.is_ready()


@every_daemon
@pytest.mark.parametrize(
    "arguments", [["--no-such-flag"], ["--log-level", "loud"], ["--bus", "http://127.0.0.1:1"], ["--config", "/none"]]
)
def test_wrong_usage_is_100_and_no_defect(without_bus: DaemonStarter, name: str, arguments: list[str]) -> None:
    daemon = without_bus(package(name), *arguments, wait=False, may_fail=True)
    assert daemon.wait() == 100
    assert daemon.log
    assert not daemon.tracebacks()


@every_daemon
def test_check_says_what_would_be_used_without_a_bus(
    bus_server: BusServer, daemon_process: DaemonStarter, name: str
) -> None:
    bus_server.kill()
    daemon = daemon_process(package(name), "--check", wait=False)
    assert daemon.wait() == 0
    output = daemon.output()
    assert f"bus = {bus_server.url}\n" in output
    assert f"key = {bus_server.key(name)}\n" in output
    assert f"\n{name}." in output


@every_daemon
def test_check_refuses_a_wrong_configuration(without_bus: DaemonStarter, name: str) -> None:
    daemon = without_bus(package(name), "--check", config=f"[{name}]\nno = 1", wait=False, may_fail=True)
    assert daemon.wait() == 100
    assert not daemon.output()


@every_daemon
async def test_a_reload_takes_the_configuration_over_or_leaves_it(
    daemon_process: DaemonStarter, admin: Nats, notify_socket: NotifySocket, name: str
) -> None:
    daemon = daemon_process(package(name), env={"NOTIFY_SOCKET": str(notify_socket.path)})
    notify_socket.wait_for("READY=1")
    daemon.signal(signal.SIGHUP)
    await asyncio.to_thread(daemon.wait_for_log, "the configuration was read again")
    notify_socket.wait_for("RELOADING=1")
    notify_socket.wait_for("READY=1")
    daemon.configure(f"[{name}]\nno_such_setting = 1\n")
    assert "no_such_setting" in await asyncio.to_thread(daemon.wait_for_log, "the configuration stays as it was")
    assert (await told(admin, "PING", name))["name"] == name


@every_daemon
async def test_it_answers_again_after_the_server_was_killed(
    bus_server: BusServer, daemon_process: DaemonStarter, name: str
) -> None:
    daemon = daemon_process(package(name))
    bus_server.kill()
    daemon.wait_for_log("the bus is away")
    since = len(daemon.log)
    bus_server.start()
    client = await ready_again(daemon, name, bus_server, since)
    assert (await told(client, "PING", name))["name"] == name
    # Whoever has a state lists it; a stream has a tail.
    asked = next(row for row in TABLE.of(name, Kind.QUERY) if row.pattern.endswith((".list", ".tail")))
    answer = await ask(client, asked.pattern)
    assert not (answer.headers or {}).get("Nats-Service-Error-Code"), answer.data
    await client.close()


@every_daemon
async def test_a_second_instance_is_refused_by_the_system(
    daemon_process: DaemonStarter, admin: Nats, name: str
) -> None:
    first = daemon_process(package(name))
    second = daemon_process(package(name), wait=False, may_fail=True)
    assert await asyncio.to_thread(second.wait) == 111
    assert f"another {name}" in second.log[-1]
    assert not second.tracebacks()
    assert first.running
    assert (await told(admin, "PING", name))["name"] == name


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: row.pattern)
async def test_a_malformed_payload_is_an_error_answer_and_the_daemon_lives_on(
    bus_server: BusServer, daemon_process: DaemonStarter, admin: Nats, row: Subject
) -> None:
    if row.role is Role.GRANT:
        bus_server.add(Client("granted", Role.ADMIN, frozenset({row.pattern})))
        admin = await bus_server.connect("granted")
    daemon = daemon_process(package(row.daemon))
    since = len(daemon.log)
    for payload in (b"{", b"[]", b"{]", b"\xff\xfe", b'{"a":' * 20_000):
        await admin.publish(literal(row), payload)
        answer = await ask(admin, literal(row), payload)
        error = json.loads(answer.data)["error"]
        assert error["code"] == 400, payload[:20]
        assert (answer.headers or {})["Nats-Service-Error-Code"] == "400"
        assert "Traceback" not in error["message"]
    await asyncio.to_thread(daemon.wait_for_log, "a request failed", since)
    assert (await told(admin, "PING", row.daemon))["name"] == row.daemon
    assert not daemon.tracebacks()
    await admin.close()


@every_daemon
async def test_it_describes_itself_and_all_that_the_table_declares(
    bus_server: BusServer, daemon_process: DaemonStarter, name: str
) -> None:
    daemon_process(package(name))
    observer = await bus_server.connect("observer")
    ping, info, stats = [await told(observer, verb, name) for verb in ("PING", "INFO", "STATS")]
    assert ping["type"] == "io.nats.micro.v1.ping_response"
    assert len({about["id"] for about in (ping, info, stats)}) == 1
    declared = {row.wildcard for row in TABLE.of(name, Kind.QUERY, Kind.COMMAND)}
    assert {endpoint["subject"] for endpoint in info["endpoints"]} == declared
    assert {endpoint["subject"] for endpoint in stats["endpoints"]} == declared
    assert info["description"]
    assert name in json.loads((await ask(observer, "$SRV.PING")).data)["name"]
    await observer.close()


@every_daemon
async def test_an_observer_is_refused_every_command(
    bus_server: BusServer, daemon_process: DaemonStarter, name: str
) -> None:
    daemon_process(package(name))
    refused: list[str] = []

    async def take(error: Exception) -> None:
        refused.append(str(error).lower())

    observer = await bus_server.connect("observer", error_cb=take)
    commands = [literal(row) for row in TABLE.of(name, Kind.COMMAND)]
    for command in commands:
        await observer.publish(command, b"{}")
    await observer.flush()
    await ask(observer, f"$SRV.PING.{name}")
    assert [any(f'"{command}"' in error for error in refused) for command in commands] == [True] * len(commands)
    await observer.close()
