"""An event with senders: what clients send on its subjects reaches its daemon, and nobody but through that."""

import json

import pytest

from lunix_common.table import INWARD
from lunix_testing.peers import Peers

SUBJECT = "mqtt.a.b"


@pytest.mark.parametrize("sender", ["user", "admin", "bridge-mqtt"])
async def test_the_daemon_alone_hears_what_is_sent_and_tells_it_once(peers: Peers, sender: str) -> None:
    daemon, script = await peers("mqtt"), await peers(sender)
    inward = await daemon.listen(f"{INWARD}mqtt.>")
    ears = [await (await peers(name)).listen(subject) for name in ("user", "admin") for subject in ("mqtt.>", ">")]
    await script.send(SUBJECT, b"\xff\x00", headers={"Mqtt-Retain": "1"})
    message = await inward.next()
    assert (message.subject, message.data) == (INWARD + SUBJECT, b"\xff\x00")
    assert (message.headers or {})["Mqtt-Retain"] == "1"
    assert [await ear.heard() for ear in ears] == [[]] * len(ears)
    await daemon.send(SUBJECT, b"told")
    assert [await ear.heard() for ear in ears] == [[(SUBJECT, b"told")]] * len(ears)
    assert await daemon.refusals() == []
    assert await script.refusals() == []


async def test_a_sender_can_wait_for_an_answer(peers: Peers) -> None:
    daemon, script = await peers("mqtt"), await peers("user")
    seen = await daemon.answer(f"{INWARD}mqtt.>", b"sent")
    assert (await script.ask(SUBJECT, b"x")).data == b"sent"
    assert json.loads((seen[0].headers or {})["Nats-Request-Info"])["acc"] == "USER"


async def test_a_request_below_an_event_with_senders_is_no_event_to_anybody(peers: Peers) -> None:
    daemon, script, other = await peers("mqtt"), await peers("user"), await peers("admin")
    await daemon.answer(f"{INWARD}mqtt.list", b"{}")
    ears = [await one.listen("mqtt.>") for one in (script, other)]
    assert (await script.ask("mqtt.list")).data == b"{}"
    assert [await ear.heard() for ear in ears] == [[], []]


async def test_an_observer_neither_sends_nor_hears(peers: Peers) -> None:
    daemon, observer = await peers("mqtt"), await peers("observer")
    inward, ear = await daemon.listen(f"{INWARD}mqtt.>"), await observer.listen("mqtt.>")
    for subject in (SUBJECT, INWARD + SUBJECT):
        await observer.send(subject)
    assert len(await observer.refusals()) == 3
    await daemon.send(SUBJECT)
    assert await ear.heard() == []
    assert await inward.heard() == []


async def test_another_daemon_does_not_hear_what_is_sent(peers: Peers) -> None:
    toast = await peers("toast")
    await toast.listen(f"{INWARD}mqtt.>")
    assert len(await toast.refusals()) == 1


@pytest.mark.parametrize("subject", ["init.poweroff", "mount.mount", "init.start", "wm.exec"])
async def test_a_bridge_is_refused_what_it_has_no_grant_for(peers: Peers, subject: str) -> None:
    bridge = await peers("bridge-mqtt")
    await bridge.send(subject)
    assert await bridge.refusals() == [f'nats: permissions violation for publish to "{subject}"']


async def test_a_bridge_may_show_a_toast(peers: Peers) -> None:
    toast, bridge = await peers("toast"), await peers("bridge-mqtt")
    seen = await toast.answer("toast.in")
    await bridge.ask("toast.in", b"hello")
    assert json.loads((seen[0].headers or {})["Nats-Request-Info"])["acc"] == "USER-bridge-mqtt"
