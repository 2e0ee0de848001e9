"""The seam to D-Bus, where the message bus is not there, or goes."""

import asyncio
from pathlib import Path

import pytest
from dbus_fast import Message

from lunix_common import os_libc
from lunix_dbus import Dbus, DbusAway, Match
from lunix_dbus import connection as connection_module
from lunix_dbus.address import SocketWatch
from lunix_testing.dbus import DbusDaemon
from lunix_testing.dbus_notes import DAEMON, DAEMON_PATH, NAME, NOTES, PATH, Server, listening, serving
from lunix_testing.deadline import Inbox, deadline

pytestmark = pytest.mark.requires("program:dbus-daemon")


async def test_an_outage_is_told_and_everything_comes_back(dbus_daemon: DbusDaemon) -> None:
    async with serving(dbus_daemon.address) as server, listening(dbus_daemon.address) as (heard, owners):
        assert await owners.next() is not None
        await asyncio.to_thread(dbus_daemon.kill)
        assert await server.owns.next() is False
        assert await owners.next() is None
        with pytest.raises(DbusAway, match=r"Connection refused|No such file|broke"):
            await server.dbus.call(DAEMON, DAEMON_PATH, DAEMON, "GetId")
        server.dbus.emit(PATH, NOTES, "Changed", "s", ["into the void"])
        await asyncio.to_thread(dbus_daemon.start)
        assert await server.owns.next() is True
        while await owners.next() is None:
            pass
        server.dbus.emit(PATH, NOTES, "Changed", "s", ["again"])
        assert await heard.next() == "again"


async def test_a_call_in_flight_when_the_bus_breaks_says_so(
    notes: Server, dbus_client: Dbus, dbus_daemon: DbusDaemon
) -> None:
    call = asyncio.create_task(dbus_client.call(NAME, PATH, NOTES, "Wait"))
    await notes.calls.next()
    dbus_daemon.kill()
    session = dbus_client._session
    assert session is not None
    with pytest.raises(DbusAway, match="broke during Wait"):
        await call
    with pytest.raises(DbusAway, match="broke before Wait"):
        await connection_module.ask(session, Message(NAME, PATH, NOTES, "Wait"), 1.0)
    notes.release.set()


async def test_a_bus_that_is_not_there_is_found_as_soon_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No attempt is due for an hour: the kernel tells when the socket is made."""
    monkeypatch.setattr(connection_module, "FIRST_RETRY_S", 0.01)
    daemon = DbusDaemon(tmp_path)
    daemon.path = tmp_path / "run" / "dbus" / "socket"
    daemon.config.write_text(daemon.config.read_text().replace(str(tmp_path / "dbus.socket"), str(daemon.path)))
    owners: Inbox[str | None] = Inbox()
    dbus = Dbus(daemon.address)
    dbus.watch(DAEMON, owners.put)
    try:
        async with dbus:
            async with deadline("the first attempt"):
                await dbus.tried()
            assert not dbus.connected
            assert "No such file" in dbus.why
            daemon.path.parent.mkdir(parents=True)
            daemon.start()
            assert await owners.next() == DAEMON
    finally:
        daemon.close()


async def test_a_session_without_an_address_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    async with Dbus("session") as dbus:
        await dbus.tried()
        with pytest.raises(DbusAway, match="no session bus"):
            await dbus.call(DAEMON, DAEMON_PATH, DAEMON, "GetId")


async def test_a_watch_wakes_for_its_socket_alone(tmp_path: Path) -> None:
    with SocketWatch(f"unix:path={tmp_path}/x") as watch:
        assert watch.watching
        (tmp_path / "y").touch()
        assert not await watch.wait(0.02)
        (tmp_path / "x").touch()
        assert await watch.wait(10)
    with SocketWatch("tcp:host=127.0.0.1,port=1") as watch:
        assert not watch.watching
        assert not await watch.wait(0.001)


async def test_a_bus_that_hangs_up_during_the_greeting_is_tried_again(tmp_path: Path) -> None:
    """As a dbus-daemon does that starts, or one that is full."""
    daemon = DbusDaemon(tmp_path)
    greeted: Inbox[bool] = Inbox()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        greeted.put(True)
        writer.close()
        await writer.wait_closed()

    owners: Inbox[str | None] = Inbox()
    dbus = Dbus(daemon.address)
    dbus.watch(DAEMON, owners.put)
    try:
        async with await asyncio.start_unix_server(hang_up, daemon.path) as server, dbus:
            await greeted.count(3)
            server.close()
            daemon.path.unlink()
            await asyncio.to_thread(daemon.start)
            assert await owners.next() == DAEMON
    finally:
        daemon.close()


async def test_what_is_forbidden_to_the_session_is_tried_again_and_told(dbus_daemon: DbusDaemon) -> None:
    dbus = Dbus(dbus_daemon.address)
    dbus.subscribe(Match(NAME, "no interface", "X"), lambda _signal: None)
    async with dbus:
        async with deadline("the first attempt"):
            await dbus.tried()
        assert not dbus.connected
        assert "refused AddMatch" in dbus.why


async def test_without_more_watches_of_the_kernel_it_is_tried_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_descriptor: int, path: str, _mask: int) -> int:
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(os_libc, "inotify_add_watch", none_left)
    with SocketWatch(f"unix:path={tmp_path}/x") as watch:
        assert not watch.watching


async def test_files_beside_the_socket_wake_nobody_who_is_connected(dbus_daemon: DbusDaemon) -> None:
    async with Dbus(dbus_daemon.address) as dbus:
        async with deadline("a connection to D-Bus"):
            await dbus.tried()
        assert dbus.unique_name is not None
        assert not [what for what in opened() if "inotify" in what]
    assert dbus.unique_name is None


def opened() -> list[str]:
    """What our descriptors are."""
    links = [Path(f"/proc/self/fd/{number}") for number in range(3, 64)]
    return [str(link.readlink()) for link in links if link.is_symlink()]
