"""lunix-bluetooth as BlueZ's agent: each question is an event, and a request is its answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lunix_dbus import Dbus, DbusError, Variant
from lunix_testing.bluetooth import PHONE, Asking, Desk, desk
from lunix_testing.bluetooth import here as here
from lunix_testing.daemon import DaemonStarter
from lunix_testing.dbus import DbusDaemon
from lunix_testing.deadline import deadline
from lunix_testing.examples import Recorder
from lunix_testing.server import BusServer

pytestmark = pytest.mark.requires("program:dbus-daemon")
HOSTILE = "</b><script>\x1b[2J\u202ePress Yes"


@pytest.fixture
async def bluez(dbus_daemon: DbusDaemon) -> AsyncIterator[Asking]:
    async with Asking(dbus_daemon, HOSTILE).here() as found:
        yield found


async def question(here: Desk, kind: str) -> dict[str, Any]:
    asked = await here.next("bluetooth.pair.requested")
    assert (asked["kind"], asked["device"], asked["name"]) == (kind, PHONE, HOSTILE)
    return asked


async def refusal(asking: "asyncio.Task[list[Any]]") -> str:
    with pytest.raises(DbusError) as found:
        await asking
    return found.value.name


async def test_a_passkey_is_confirmed(here: Desk, bluez: Asking, record_example: Recorder) -> None:
    asking = asyncio.create_task(bluez.ask("RequestConfirmation", "ou", 8301))
    event = await here.event("bluetooth.pair.requested")
    asked = event.payload
    assert (asked["kind"], asked["passkey"]) == ("confirm", "008301")
    assert (await here.ask("list"))["pairing"] == [asked]
    record_example(event.subject, {**asked, "name": "Ada's phone", "icon": "phone"}, headers=event.headers)
    answer = {"id": asked["id"], "accept": True}
    reply = await here.ask("pair.answer", answer)
    assert reply == {"id": asked["id"], "device": PHONE, "outcome": "accepted"}
    record_example("bluetooth.pair.answer", answer, reply=reply)
    assert await asking == []
    event = await here.event("bluetooth.pair.ended")
    assert event.payload == reply
    record_example(event.subject, event.payload, headers=event.headers)
    assert (await here.ask("list"))["pairing"] == []
    assert (await here.refused("pair.answer", answer))[0] == 404


async def test_a_pairing_that_we_began_is_as_the_answer_says(here: Desk, bluez: Asking) -> None:
    pairing = asyncio.create_task(here.ask("pair", PHONE))
    asked = await question(here, "confirm")
    await here.ask("pair.answer", {"id": asked["id"], "accept": True})
    assert (await pairing)["device"] == PHONE
    await here.next("bluetooth.pair.ended")
    await here.next("bluetooth.device.paired")
    pairing = asyncio.create_task(here.ask("pair", PHONE))
    asked = await question(here, "confirm")
    await here.ask("pair.answer", {"id": asked["id"], "accept": False})
    error = (await pairing)["error"]
    assert error["code"] == 409
    assert "AuthenticationRejected" in error["message"]
    async with deadline("the end of the pairing"):
        await bluez.called.until(lambda member: member == "CancelPairing")


@pytest.mark.parametrize(
    ("member", "signature", "more", "kind", "typed", "given"),
    [
        ("RequestPinCode", "o", (), "enter_pin", {"pin": "0000"}, ["0000"]),
        ("RequestPasskey", "o", (), "enter_passkey", {"passkey": "048301"}, [48301]),
    ],
)
async def test_what_a_person_types_is_given(
    here: Desk, bluez: Asking, member: str, signature: str, more: tuple[object, ...], kind: str,
    typed: dict[str, str], given: list[object],
) -> None:  # fmt: skip
    asking = asyncio.create_task(bluez.ask(member, signature, *more))
    asked = await question(here, kind)
    assert (await here.refused("pair.answer", {"id": asked["id"], "accept": True}))[0] == 400
    await here.ask("pair.answer", {"id": asked["id"], "accept": True, **typed})
    assert await asking == given
    await here.next("bluetooth.pair.ended")
    asking = asyncio.create_task(bluez.ask(member, signature, *more))
    asked = await question(here, kind)
    await here.ask("pair.answer", {"id": asked["id"], "accept": False})
    assert await refusal(asking) == "org.bluez.Error.Rejected"


async def test_services_and_pairings_without_a_passkey_are_asked_about(here: Desk, bluez: Asking) -> None:
    asking = asyncio.create_task(bluez.ask("RequestAuthorization"))
    asked = await question(here, "authorize")
    await here.ask("pair.answer", {"id": asked["id"], "accept": True})
    assert await asking == []
    await here.next("bluetooth.pair.ended")
    asking = asyncio.create_task(bluez.ask("AuthorizeService", "os", "0000110d-0000-1000-8000-00805f9b34fb"))
    asked = await question(here, "service")
    assert asked["service"] == "0000110d-0000-1000-8000-00805f9b34fb"
    await here.ask("pair.answer", {"id": asked["id"], "accept": False})
    assert await refusal(asking) == "org.bluez.Error.Rejected"


async def test_what_is_shown_is_over_when_the_device_is_paired(here: Desk, bluez: Asking) -> None:
    assert await bluez.ask("DisplayPasskey", "ouq", 7, 0) == []
    first = await question(here, "show_passkey")
    assert (first["passkey"], first["entered"]) == ("000007", 0)
    assert "until" not in first
    await bluez.ask("DisplayPasskey", "ouq", 7, 3)
    second = await question(here, "show_passkey")
    assert (second["id"], second["entered"]) == (first["id"], 3)
    assert (await here.refused("pair.answer", {"id": first["id"], "accept": True}))[0] == 404
    await bluez.ask("DisplayPinCode", "os", "4711")
    assert (await here.next("bluetooth.pair.ended"))["outcome"] == "cancelled"
    assert (await question(here, "show_pin"))["pin"] == "4711"
    bluez.change(Paired=Variant("b", True))
    await here.next("bluetooth.device.paired")
    assert (await here.next("bluetooth.pair.ended"))["outcome"] == "accepted"


async def test_what_nobody_answers_is_refused(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: Asking
) -> None:
    async with desk(bus_server, daemon_process, dbus_daemon, config="answer_s = 0.2\n") as found:
        asking = asyncio.create_task(bluez.ask("RequestConfirmation", "ou", 1))
        asked = await question(found, "confirm")
        assert await refusal(asking) == "org.bluez.Error.Rejected"
        assert (await found.next("bluetooth.pair.ended"))["outcome"] == "expired"
        assert (await found.refused("pair.answer", {"id": asked["id"], "accept": True}))[0] == 404


async def test_bluez_may_give_up(here: Desk, bluez: Asking) -> None:
    asking = asyncio.create_task(bluez.ask("RequestPinCode"))
    await question(here, "enter_pin")
    await bluez.ask("Cancel", "")
    assert await refusal(asking) == "org.bluez.Error.Canceled"
    assert (await here.next("bluetooth.pair.ended"))["outcome"] == "cancelled"


async def test_nobody_but_bluez_may_ask(here: Desk, bluez: Asking, dbus_client: Dbus) -> None:
    """Else any program could have a person type a passkey, or believe in a pairing."""
    await bluez.registered.next(30)
    owner = bluez.agent[0]
    for member, signature, body in (
        ("RequestConfirmation", "ou", [f"/org/bluez/hci0/dev_{PHONE.replace(':', '_')}", 1]),
        ("DisplayPinCode", "os", [f"/org/bluez/hci0/dev_{PHONE.replace(':', '_')}", "1"]),
        ("Cancel", "", []),
    ):
        with pytest.raises(DbusError) as found:
            await dbus_client.call(owner, "/org/lunix/agent", "org.bluez.Agent1", member, signature, body)
        assert found.value.name.endswith("AccessDenied")
    await asyncio.to_thread(here.daemon.wait_for_log, "somebody else than BlueZ")
    assert not here.heard.items


async def test_of_a_device_that_bluez_never_told_nothing_is_asked(here: Desk, bluez: Asking) -> None:
    await bluez.registered.next(30)
    owner = bluez.agent[0]
    with pytest.raises(DbusError) as found:
        await bluez.dbus.call(owner, "/org/lunix/agent", "org.bluez.Agent1", "RequestPinCode", "o", ["/a/b"])
    assert found.value.name == "org.bluez.Error.Rejected"
    assert not here.heard.items


async def test_without_an_agent_bluez_is_told_of_none(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: Asking
) -> None:
    async with desk(bus_server, daemon_process, dbus_daemon, config='agent = "off"\n') as found:
        assert await found.ask("connect", PHONE)
        assert not bluez.registered.items


async def test_a_reason_may_be_told_before_the_end_or_after(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: Asking
) -> None:
    async with desk(bus_server, daemon_process, dbus_daemon, config="settle_s = 0.3\n") as found:
        for first in (True, False):
            bluez.change(Connected=Variant("b", True))
            await found.next("bluetooth.connected")
            if first:
                bluez.disconnected("org.bluez.Reason.Timeout")
            bluez.change(Connected=Variant("b", False))
            if not first:
                bluez.disconnected("org.bluez.Reason.Timeout")
            assert (await found.next("bluetooth.disconnected"))["reason"] == "timeout"


async def test_a_bluez_that_did_not_tell_its_objects_is_asked_again_when_something_happens(
    bus_server: BusServer, daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, bluez: Asking
) -> None:
    bluez.silent = True
    async with desk(bus_server, daemon_process, dbus_daemon) as found:
        assert not await found.listed()
        bluez.silent = False
        bluez.change(Connected=Variant("b", False))
        heard = {(await found.event(f"bluetooth.{kind}.added")).payload["resync"] for kind in ("adapter", "device")}
        assert heard == {True}
