"""An identity that was given a part of what its role may: it hears and sends that, and nothing else."""

import pytest

from lunix_common.access.roles import Client
from lunix_common.subjects import Role
from lunix_testing.peers import Peers
from lunix_testing.server import BusServer

SCRIPT = Client("script-lamp", Role.USER, only=("hardware.usb.add", "toast.in", "ps.calibre", "user.lamp.*"))
READER = Client("script-reader", Role.OBSERVER, only=("hardware.>",))


@pytest.fixture
def bus(bus_server: BusServer) -> BusServer:
    """A running bus on which scripts have identities."""
    bus_server.add(SCRIPT, READER)
    return bus_server


async def test_it_hears_what_was_given_and_a_wider_subscription_is_refused(bus: BusServer, peers: Peers) -> None:
    natsdev, script = await peers("natsdev"), await peers(SCRIPT.name)
    ear = await script.listen("hardware.usb.add")
    await natsdev.send("hardware.usb.add", b"{}")
    await natsdev.send("hardware.usb.remove", b"{}")
    assert await ear.heard() == [("hardware.usb.add", b"{}")]
    assert await script.refusals() == []
    for subject in ("hardware.usb.remove", "hardware.>", ">", "toast.shown", "user.>", "_INBOX_.x"):
        await script.listen(subject)
        assert await script.refusals() == [f'nats: permissions violation for subscription to "{subject.lower()}"']


async def test_it_asks_what_was_given_and_nothing_else(bus: BusServer, peers: Peers) -> None:
    toast, ps, script = await peers("toast"), await peers("ps"), await peers(SCRIPT.name)
    seen = await toast.answer("toast.in")
    await ps.answer("ps.>")
    assert (await script.ask("toast.in")).data == b"{}"
    assert b'"acc":"USER-script-lamp"' in (seen[0].headers or {})["Nats-Request-Info"].encode()
    assert (await script.ask("ps.calibre")).data == b"{}"
    for subject in ("ps.firefox", "toast.close", "hardware.usb.add", "_U_.user.door", "$SRV.PING"):
        await script.send(subject)
        assert await script.refusals() == [f'nats: permissions violation for publish to "{subject.lower()}"']


async def test_it_tells_other_scripts_what_was_given(bus: BusServer, peers: Peers) -> None:
    user, script = await peers("user"), await peers(SCRIPT.name)
    heard, hears = await user.listen("user.>"), await script.listen("user.lamp.*")
    await script.send("user.lamp.on", b"a")
    await user.send("user.lamp.off", b"b")
    await user.send("user.door.open", b"c")
    assert await heard.heard() == [("user.lamp.on", b"a"), ("user.lamp.off", b"b"), ("user.door.open", b"c")]
    assert await hears.heard() == [("user.lamp.on", b"a"), ("user.lamp.off", b"b")]


async def test_a_wide_wish_gives_no_more_than_the_role(bus: BusServer, peers: Peers) -> None:
    natsdev, reader = await peers("natsdev"), await peers(READER.name)
    triggered = await natsdev.answer("hardware.trigger")
    await natsdev.answer("hardware.list")
    assert (await reader.ask("hardware.list")).data == b"{}"
    await reader.send("hardware.trigger")
    assert await reader.refusals() == ['nats: permissions violation for publish to "hardware.trigger"']
    await natsdev.settle()
    assert triggered == []
