"""``user.>``: free for scripts of the roles user and admin, across their accounts, each message once."""

import json

import pytest

from lunix_common.access.roles import Client, role_of
from lunix_common.subjects import Role
from lunix_testing.peers import Peers
from lunix_testing.server import BusServer

BRIDGE, GUEST = Client("bridge", Role.USER), Client("guest", Role.OBSERVER)
SCRIPTS = ("user", "admin", "bridge")


@pytest.fixture
def scripts_bus(bus_server: BusServer) -> BusServer:
    """A running bus that two more identities were added to."""
    bus_server.add(BRIDGE, GUEST)
    return bus_server


@pytest.mark.parametrize("sender", SCRIPTS)
async def test_a_message_reaches_the_scripts_of_all_accounts_once(
    sender: str, scripts_bus: BusServer, peers: Peers
) -> None:
    ears = [await (await peers(name)).listen(subject) for name in SCRIPTS for subject in ("user.>", "user.*.on", ">")]
    script = await peers(sender)
    await script.send("user.lamp.on", b"please", headers={"Colour": "red"})
    assert await script.refusals() == []
    assert [await ear.heard() for ear in ears] == [[("user.lamp.on", b"please")]] * len(ears)


async def test_headers_come_along(scripts_bus: BusServer, peers: Peers) -> None:
    ears = [await (await peers(name)).listen("user.>") for name in SCRIPTS]
    await (await peers("bridge")).send("user.lamp.on", headers={"Colour": "red"})
    assert [((await ear.next()).headers or {}).get("Colour") for ear in ears] == ["red"] * 3


@pytest.mark.parametrize("identity", ["observer", "guest"])
async def test_observers_neither_send_nor_hear(identity: str, scripts_bus: BusServer, peers: Peers) -> None:
    observer, user = await peers(identity), await peers("user")
    deaf, heard = await observer.listen("user.>"), await user.listen("user.>")
    await observer.send("user.lamp.on")
    assert await observer.refusals() == ['nats: permissions violation for publish to "user.lamp.on"']
    await user.send("user.lamp.off")
    assert await heard.heard() == [("user.lamp.off", b"{}")]
    assert await deaf.heard() == []


@pytest.mark.parametrize("asker", SCRIPTS)
async def test_a_script_answers_those_of_all_accounts(asker: str, scripts_bus: BusServer, peers: Peers) -> None:
    service = await peers("bridge")
    await service.answer("user.time", b"noon")
    assert (await (await peers(asker)).ask("user.time")).data == b"noon"
    assert await service.refusals() == []


async def test_a_script_that_answers_does_not_act_for_the_one_who_names_a_command(
    scripts_bus: BusServer, peers: Peers
) -> None:
    daemon, service, attacker = await peers("natsdev"), await peers("admin"), await peers("user")
    triggered = await daemon.answer("hardware.trigger")
    answered = await service.answer("user.time", b"noon")
    await attacker.send("user.time", reply="hardware.trigger")
    for peer in (service, service, daemon):
        await peer.settle()
    assert len(answered) == 1
    assert answered[0].reply.startswith("_R_.")
    assert triggered == []


async def test_two_who_conspire_gain_no_role_by_a_forged_header_in_an_answer(
    scripts_bus: BusServer, peers: Peers
) -> None:
    daemon, service, attacker = await peers("toast"), await peers("bridge"), await peers("user")
    seen = await daemon.answer("toast.in")
    await service.answer("user.time", headers={"Nats-Request-Info": json.dumps({"acc": "ADMIN"})})
    await attacker.send("user.time", reply="toast.in")
    for peer in (service, service, daemon, daemon):
        await peer.settle()
    assert [role_of(message.headers) for message in seen] == [Role.OBSERVER]


async def test_the_account_of_a_bridge_is_its_own(scripts_bus: BusServer, peers: Peers) -> None:
    daemon, bridge, user = await peers("toast"), await peers("bridge"), await peers("user")
    seen = await daemon.answer("toast.in", b'"for the bridge"')
    ear = await user.listen(">")
    await bridge.ask("toast.in")
    assert role_of(seen[0].headers) is Role.USER
    assert json.loads((seen[0].headers or {})["Nats-Request-Info"])["acc"] == "USER-bridge"
    assert await ear.heard() == []


async def test_the_subjects_that_user_travels_on_cannot_be_read(scripts_bus: BusServer, peers: Peers) -> None:
    user = await peers("user")
    for subject in ("_U_.>", "_I_.>", "_I_.user.>"):
        await user.listen(subject)
    assert len(await user.refusals()) == 3


async def test_adding_an_identity_disconnects_nobody(bus_server: BusServer, peers: Peers) -> None:
    daemon, user = await peers("natsdev"), await peers("user")
    await daemon.answer("hardware.get", b'"still there"')
    events, scripts = await user.listen("hardware.>"), await user.listen("user.>")
    bus_server.add(BRIDGE)
    await daemon.send("hardware.usb.add")
    bridge = await peers("bridge")
    ear = await bridge.listen(">")
    await daemon.send("hardware.usb.remove")
    await user.send("user.lamp.on")
    await bridge.send("user.lamp.off")
    assert await events.heard() == [("hardware.usb.add", b"{}"), ("hardware.usb.remove", b"{}")]
    assert await scripts.heard() == [("user.lamp.on", b"{}"), ("user.lamp.off", b"{}")]
    assert await ear.heard() == [("hardware.usb.remove", b"{}"), ("user.lamp.on", b"{}"), ("user.lamp.off", b"{}")]
    for peer in (user, bridge):
        assert (await peer.ask("hardware.get")).data == b'"still there"'
    assert daemon.client.stats["reconnects"] == user.client.stats["reconnects"] == 0
