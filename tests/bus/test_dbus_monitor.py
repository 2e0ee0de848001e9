"""A monitor of a real message bus: what others say to each other, and what ends it."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from lunix_dbus import Dbus, DbusAway, DbusError, Message, MessageType, Variant, overhear
from lunix_testing.dbus import DbusDaemon
from lunix_testing.dbus_notes import DAEMON, NAME, NOTES, PATH, Server
from lunix_testing.deadline import SECONDS, Inbox, deadline

pytestmark = pytest.mark.requires("program:dbus-daemon")

RULES = (f"interface='{NOTES}'", f"sender='{NAME}'")


@asynccontextmanager
async def monitoring(
    address: str, heard: Inbox[Message], rules: Sequence[str] = RULES
) -> "AsyncGenerator[asyncio.Task[None]]":
    began = asyncio.Event()
    task = asyncio.create_task(overhear(address, rules, began.set, heard.put))
    await asyncio.wait_for(began.wait(), SECONDS)
    yield task
    task.cancel()
    await asyncio.wait({task})


async def test_calls_answers_errors_and_signals_of_others_are_heard(
    dbus_daemon: DbusDaemon, notes: Server, dbus_client: Dbus
) -> None:
    heard = Inbox[Message]()
    async with monitoring(dbus_daemon.address, heard):
        await dbus_client.call(NAME, PATH, NOTES, "Echo", "sv", ["Grüße", Variant("u", 7)])
        with pytest.raises(DbusError):
            await dbus_client.call(NAME, PATH, NOTES, "Refuse")
        notes.dbus.emit(PATH, NOTES, "Changed", "s", ["now"])
        signal = await heard.until(lambda one: one.message_type is MessageType.SIGNAL and one.member == "Changed")
    call, answer, refused, error = [one for one in heard.items if one.member != "Changed"][:4]
    assert (call.message_type, call.member, call.signature) == (MessageType.METHOD_CALL, "Echo", "sv")
    assert call.body == ["Grüße", Variant("u", 7)]
    assert answer.message_type is MessageType.METHOD_RETURN
    assert (answer.reply_serial, answer.destination) == (call.serial, call.sender)
    assert answer.body == ["Grüße 7"]
    assert error.message_type is MessageType.ERROR
    assert (error.reply_serial, error.body) == (refused.serial, ["there is no more paper"])
    assert (signal.body, signal.sender) == (["now"], answer.sender)


async def test_a_defect_of_who_listens_ends_nothing(
    dbus_daemon: DbusDaemon, notes: Server, dbus_client: Dbus, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Inbox[Message]()

    def stumble(one: Message) -> None:
        heard.put(one)
        raise ValueError("a defect")

    began = asyncio.Event()
    task = asyncio.create_task(overhear(dbus_daemon.address, RULES, began.set, stumble))
    await asyncio.wait_for(began.wait(), SECONDS)
    for _ in range(2):
        await dbus_client.call(NAME, PATH, NOTES, "Echo", "sv", ["x", Variant("u", 7)])
    await heard.count(4)
    assert "a listener met a defect" in caplog.text
    task.cancel()
    await asyncio.wait({task})


async def test_it_returns_when_the_message_bus_ends(dbus_daemon: DbusDaemon) -> None:
    async with monitoring(dbus_daemon.address, Inbox[Message]()) as task:
        dbus_daemon.kill()
        async with deadline("the end of the monitor"):
            await task


async def test_without_a_message_bus_it_says_so(dbus_daemon: DbusDaemon) -> None:
    dbus_daemon.kill()
    with pytest.raises(DbusAway, match="no D-Bus"):
        await overhear(dbus_daemon.address, RULES, lambda: None, lambda _one: None)


async def test_a_policy_that_forbids_it_is_told(dbus_daemon: DbusDaemon) -> None:
    rule = f'<deny send_destination="{DAEMON}" send_interface="{DAEMON}.Monitoring"/>'
    text = dbus_daemon.config.read_text(encoding="utf-8")
    dbus_daemon.config.write_text(text.replace("</policy>", f"{rule}</policy>"), encoding="utf-8")
    dbus_daemon.kill()
    await asyncio.to_thread(dbus_daemon.start)
    with pytest.raises(DbusError, match="BecomeMonitor"):
        await overhear(dbus_daemon.address, RULES, lambda: None, lambda _one: None)
