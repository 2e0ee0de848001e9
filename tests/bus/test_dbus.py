"""The seam to D-Bus, on a real message bus: calls, signals, names."""

import asyncio

import pytest

from lunix_dbus import Dbus, DbusError, Variant
from lunix_testing.dbus import DbusDaemon
from lunix_testing.dbus_notes import DAEMON, DAEMON_PATH, NAME, NOTES, PATH, Server, listening, serving
from lunix_testing.deadline import Inbox

pytestmark = pytest.mark.requires("program:dbus-daemon")


async def test_a_call_is_answered_with_variants_unpacked(notes: Server, dbus_client: Dbus) -> None:
    answer = await dbus_client.call(NAME, PATH, NOTES, "Echo", "sv", ["Grüße", Variant("u", 7)])
    assert answer == ["Grüße 7"]
    call = await notes.calls.next()
    assert (call.member, call.path, call.body) == ("Echo", PATH, ["Grüße", 7])
    assert call.sender.startswith(":")


@pytest.mark.parametrize(
    ("member", "signature", "body", "told"),
    [
        ("Refuse", "", [], "refused Refuse (org.example.Error.Full: there is no more paper)"),
        ("Break", "", [], "an internal error, see the log"),
        ("Lie", "", [], "an internal error, see the log"),
        ("Echo", "s", ["x"], "Echo takes 'sv' and not 's'"),
        ("Nothing", "", [], "this org.example.Notes has no Nothing"),
    ],
)
async def test_an_error_is_a_sentence(
    notes: Server, dbus_client: Dbus, member: str, signature: str, body: list[object], told: str
) -> None:
    with pytest.raises(DbusError) as caught:
        await dbus_client.call(NAME, PATH, NOTES, member, signature, body)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_who_is_not_there_is_named(dbus_client: Dbus) -> None:
    with pytest.raises(DbusError, match=r"nobody on D-Bus is called org\.example\.Nobody"):
        await dbus_client.call("org.example.Nobody", PATH, NOTES, "Echo")


async def test_an_error_without_a_text_is_one(dbus_client: Dbus) -> None:
    with pytest.raises(DbusError, match="has no Nothing"):
        await dbus_client.call(DAEMON, DAEMON_PATH, DAEMON, "Nothing")


async def test_a_call_that_nobody_answers_ends(notes: Server, dbus_client: Dbus) -> None:
    with pytest.raises(DbusError, match=r"did not answer Wait.*not within 0\.05 s"):
        await dbus_client.call(NAME, PATH, NOTES, "Wait", timeout=0.05)
    notes.release.set()
    assert await dbus_client.call(NAME, PATH, NOTES, "Echo", "sv", ["still", Variant("s", "here")]) == ["still here"]


async def test_introspection_shows_what_is_exported(notes: Server, dbus_daemon: DbusDaemon) -> None:
    call = ("dbus-send", "--system", "--print-reply", f"--dest={NAME}")
    introspect = "org.freedesktop.DBus.Introspectable.Introspect"
    assert 'interface name="org.example.Notes"' in await asyncio.to_thread(dbus_daemon.run, *call, PATH, introspect)
    assert 'node name="example"' in await asyncio.to_thread(dbus_daemon.run, *call, "/org", introspect)
    assert "<interface" not in await asyncio.to_thread(dbus_daemon.run, *call, "/elsewhere", introspect)


async def test_signals_of_a_name_are_heard_from_its_owner_alone(dbus_daemon: DbusDaemon, dbus_client: Dbus) -> None:
    async with listening(dbus_daemon.address) as (heard, owners):
        assert await owners.next() is None
        async with serving(dbus_daemon.address) as server:
            assert await owners.next() is not None
            dbus_client.emit(PATH, NOTES, "Changed", "s", ["forged"])
            names = (await dbus_client.call(DAEMON, DAEMON_PATH, DAEMON, "ListNames"))[0]
            for name in names:
                if name.startswith(":"):
                    dbus_client.emit(PATH, NOTES, "Changed", "s", ["forged"], to=name)
            await dbus_client.call(DAEMON, DAEMON_PATH, DAEMON, "GetId")
            server.dbus.emit(PATH, NOTES, "Changed", "s", ["true"])
            assert await heard.next() == "true"
        assert await owners.next() is None
    assert heard.items == ["true"]


async def test_an_owner_who_was_there_before_is_told(notes: Server, dbus_daemon: DbusDaemon) -> None:
    async with listening(dbus_daemon.address) as (heard, owners):
        assert str(await owners.next()).startswith(":")
        notes.dbus.emit(PATH, NOTES, "Changed", "s", ["x"])
        assert await heard.next() == "x"


async def test_a_second_owner_waits_for_the_name(notes: Server, dbus_daemon: DbusDaemon) -> None:
    second = Server(dbus_daemon.address)
    async with second.dbus:
        assert await second.owns.next() is False
        await notes.dbus.call(DAEMON, DAEMON_PATH, DAEMON, "ReleaseName", "s", [NAME])
        assert await notes.owns.next() is False
        assert await second.owns.next() is True


async def test_a_name_is_taken_from_who_yields_it(dbus_daemon: DbusDaemon) -> None:
    async with serving(dbus_daemon.address, yields=True) as first, serving(dbus_daemon.address, replace=True):
        assert await first.owns.next() is False


async def test_a_name_that_is_refused_is_told(dbus_daemon: DbusDaemon, caplog: pytest.LogCaptureFixture) -> None:
    server = Server(dbus_daemon.address, "org.example.Denied")
    async with server.dbus:
        assert await server.owns.next() is False
        assert server.dbus.connected
    assert "this name is refused to us" in caplog.text


async def test_the_defect_of_a_listener_is_nobody_elses(
    dbus_daemon: DbusDaemon, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_owner: str | None) -> None:
        raise RuntimeError("a defect")

    owners: Inbox[str | None] = Inbox()
    dbus = Dbus(dbus_daemon.address)
    dbus.watch(DAEMON, broken)
    dbus.watch(DAEMON, owners.put)
    async with dbus:
        assert await owners.next() == DAEMON
    assert "a listener met a defect" in caplog.text


async def test_a_call_that_is_given_up_leaves_nothing(notes: Server, dbus_client: Dbus) -> None:
    call = asyncio.create_task(dbus_client.call(NAME, PATH, NOTES, "Wait"))
    await notes.calls.next()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    notes.release.set()
    assert await dbus_client.call(NAME, PATH, NOTES, "Echo", "sv", ["still", Variant("s", "here")]) == ["still here"]


async def test_a_watched_name_that_is_given_back_is_told_once(dbus_daemon: DbusDaemon) -> None:
    other = Server(dbus_daemon.address, "org.example.Other")
    owners: Inbox[str | None] = Inbox()
    other.dbus.watch(NAME, owners.put)
    async with other.dbus:
        assert await owners.next() is None
        async with serving(dbus_daemon.address):
            assert await owners.next() is not None
        assert await owners.next() is None
        assert await other.owns.next() is True
