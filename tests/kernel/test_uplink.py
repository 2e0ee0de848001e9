"""A device on lunix-bus in a fleet: what its operators see and may, a hub that is killed, a credential that ends."""

import asyncio
import json
from typing import Any

import nats.errors
import pytest
from nats.aio.msg import Msg

from lunix_common.access.roles import role_of
from lunix_common.bus.messages import BOOT, PREV, SEQ
from lunix_common.subjects import Role
from lunix_testing.command import lunix, wait_until
from lunix_testing.deadline import Inbox
from lunix_testing.examples import Recorder
from lunix_testing.fleet import HUB, PATIENCE, Fleet, Heard, Machine, Operator, all_connected
from lunix_testing.fleet import fleet as fleet

pytestmark = [pytest.mark.root, pytest.mark.requires("netns", "veth", "program:openssl"), pytest.mark.timeout(300)]

ROOM, COUNT = 64 * 1024, 200


@pytest.fixture(scope="module")
def fresh(fleet: Fleet) -> Machine:
    """A device that belongs to nothing yet, with little room for events that wait."""
    words = ("--server", "embedded", "--only", "toast,init,uplink")
    device = fleet.start("dev", *words, env={"LUNIX_UPLINK_BUFFER_BYTES": str(ROOM)})
    assert device.up is not None
    device.up.wait_ready(PATIENCE)
    return device


def test_it_joins_and_leaves_by_the_words_of_every_machine(
    fleet: Fleet, fresh: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    credential = fleet.credential("add", "box1", "--role", "user")
    assert "belongs to no fleet" in fresh("status").out
    fleet.join(fresh, credential, "--role", "user")
    fleet.do(fresh, "status")
    told = f"host.box1\nhost.box1 at tls://{HUB}; its operators are at most user here\n"
    told += "`lunix doctor` tells whether the hub can be reached, and lets it in\n"
    assert capsys.readouterr().out == told
    wait_until(lambda: all_connected(fleet), "that both roles are connected", PATIENCE)
    fleet.do(fleet.hub, "list")
    assert capsys.readouterr().out.splitlines()[1].split() == ["box1", "host.box1.>", "user", "10.77.0.2"]
    fleet.do(fresh, "leave")
    wait_until(lambda: "belongs to no fleet" in fresh("status").out, "that it has left", PATIENCE)
    assert not list((fresh.state / "keys").glob("fleet-*"))
    fleet.do(fleet.hub, "remove", "box1")


@pytest.fixture(scope="module")
def device(fleet: Fleet, fresh: Machine) -> Machine:
    """It lets operators be administrators, who may restart services."""
    fleet.join(fresh, fleet.credential("add", "dev", "--role", "admin"), "--role", "admin", "--grant", "init.restart")
    return fresh


async def toast(device: Machine, text: str) -> None:
    await device.ask("toast.in", json.dumps({"summary": text, "timeout_ms": 1}).encode())


async def test_an_operator_sees_the_device_and_commands_what_it_lets_him(fleet: Fleet, device: Machine) -> None:
    anna = await fleet.operator("anna", "--role", "admin")
    await anna.listen("host.dev.toast.shown", "host.dev.init.service.toast.>", "host.dev.user.>", "host.dev.uplink.>")
    assert (await anna.answered("host.dev.toast.in", b"tea"))["id"]
    first = await anna.until("host.dev.toast.shown", summary="tea")
    await toast(device, "more tea")
    second = await anna.until("host.dev.toast.shown", summary="more tea")
    # The numbers by which a loss is told come over.
    assert first.headers[BOOT] == second.headers[BOOT]
    assert (second.headers[PREV], int(second.headers[SEQ]) > int(first.headers[SEQ])) == (first.headers[SEQ], True)
    script = await device.connect("user")
    await script.publish("user.hello", b"x", headers={"Lunix-Mark": "kept"})
    assert (await anna.until("host.dev.user.hello")).headers == {"Lunix-Mark": "kept"}
    await script.flush()
    await script.close()
    with pytest.raises(nats.errors.NoRespondersError):
        await anna.ask("host.dev.init.stop", b"toast")  # no grant
    with pytest.raises(nats.errors.NoRespondersError):
        await anna.ask("host.dev.power.list")  # no daemon
    await anna.ask("host.dev.init.restart", b"toast")
    await anna.until("host.dev.init.service.toast.ready")
    await anna.client.close()


async def test_all_daemons_answer_one_question(fleet: Fleet, device: Machine) -> None:
    anna = await fleet.operator("anna", "--role", "admin")
    await anna.answered("host.dev.init.list")
    names: Inbox[str] = Inbox()

    async def take(message: Msg) -> None:
        names.put(json.loads(message.data)["name"])

    await anna.client.subscribe("_INBOX.all", cb=take)  # pyright: ignore[reportUnknownMemberType]
    await anna.client.publish("host.dev.$SRV.PING", b"", reply="_INBOX.all")
    await names.count(3, PATIENCE)
    assert set(names.items) == {"toast", "init", "uplink"}
    await anna.client.close()


async def test_a_request_is_of_the_lesser_of_both_roles_whatever_it_says(fleet: Fleet, device: Machine) -> None:
    """Seen by a daemon of the device: its server writes the role."""
    daemon = await device.connect("natsdev")
    heard: Inbox[Msg] = Inbox()

    async def answer(message: Msg) -> None:
        heard.put(message)
        await message.respond(b"{}")

    await daemon.subscribe("hardware.list", cb=answer)  # pyright: ignore[reportUnknownMemberType]
    await daemon.flush()
    for name, role in (("olga", Role.OBSERVER), ("uwe", Role.USER), ("anna", Role.ADMIN)):
        operator = await fleet.operator(name, "--role", role)
        await operator.answered("host.dev.uplink.list")
        number = len(heard.items)
        await operator.ask("host.dev.hardware.list", headers={"Nats-Request-Info": '{"acc":"ADMIN"}', "Mark": name})
        headers = (await heard.count(number + 1))[number].headers or {}
        assert json.loads(headers["Nats-Request-Info"])["acc"] == f"{role.upper()}-fleet-{role}"
        assert (role_of(headers), headers["Mark"]) == (role, name)
        await operator.client.close()
    await daemon.close()
    eve = await fleet.operator("olga")
    await eve.client.publish("host.dev.toast.in", b"x")
    assert 'publish to "host.dev.toast.in"' in (await eve.errors.count(1))[0].lower()
    await eve.client.close()


async def test_what_waited_for_the_hub_comes_in_order_and_what_did_not_is_told(
    fleet: Fleet, device: Machine, record_example: Recorder
) -> None:
    uwe = await fleet.operator("uwe", "--role", "user")
    await uwe.answered("host.dev.uplink.list")
    await uwe.client.close()
    here = await listening(device, "user", "uplink.>")
    await asyncio.to_thread(fleet.server.kill)
    await here.until("uplink.disconnected", id="user")
    script = await device.connect("user")
    for number in range(COUNT):
        await script.publish("user.number", b"%d" % number + b" " * 1000, headers={"Number": str(number)})
    await script.flush()
    await script.close()
    listed = await device.ask("uplink.list")
    link = next(one for one in listed["items"] if one["id"] == "user")
    assert (link["connected"], "reason" in link) == (False, True)
    await asyncio.to_thread(fleet.server.start)
    told = await here.until("uplink.dropped", id="user")
    dropped = told.payload["dropped"]["user"]
    assert 100 < dropped < COUNT
    # What the hub keeps is what it heard: nobody could listen there before the device was back.
    uwe = await fleet.operator("uwe")
    await uwe.answered("host.dev.uplink.list")
    kept = await asyncio.to_thread(history, fleet, "uwe", "host.dev.user.number", COUNT - dropped)
    assert [int(one["headers"]["Number"]) for one in kept] == list(range(dropped, COUNT))
    there = await asyncio.to_thread(history, fleet, "uwe", "host.dev.uplink.dropped", 1)
    assert {one["payload"]["id"] for one in there} <= {"observer", "user", "admin"}
    record_example(told.subject, told.payload, headers=told.headers)
    record_example("uplink.list", {}, reply=listed)
    for verb in ("disconnected", "connected"):
        one = await here.until(f"uplink.{verb}", id="user")
        record_example(one.subject, one.payload, headers=one.headers)
    await uwe.client.close()
    await here.client.close()


def history(fleet: Fleet, operator: str, subject: str, count: int) -> list[dict[str, Any]]:
    """What an operator finds that the hub has heard, once it is so much."""
    state = str(fleet.folder / "looks-back")
    with fleet.hub.place.inside():
        login = lunix("fleet", "login", "--state", state, "tls://127.0.0.1:4223", str(fleet.credentials[operator]))
        env = dict(line.removeprefix("export ").split("=", 1) for line in login.out.splitlines())
        found: list[dict[str, Any]] = []

        def enough() -> bool:
            done = lunix("history", subject, "--json", env=env)
            found[:] = map(json.loads, done.out.splitlines())
            return len(found) >= count

        wait_until(enough, f"{count} of {subject} in the history", PATIENCE)
    return found


async def listening(device: Machine, identity: str, *subjects: str) -> Operator:
    """A client of the device's own bus."""
    here = Operator(await device.connect(identity))
    await here.listen(*subjects)
    return here


async def test_a_revoked_credential_is_told_and_a_new_one_counts(
    fleet: Fleet, device: Machine, record_example: Recorder
) -> None:
    here = await listening(device, "user", "uplink.>")
    await asyncio.to_thread(fleet.do, fleet.hub, "remove", "dev")

    def refused(heard: Heard) -> bool:
        return heard.subject == "uplink.disconnected" and "refuses host.dev: Auth" in heard.payload.get("reason", "")

    def all_refused(_heard: Heard) -> bool:
        return len({one.payload["id"] for one in here.heard.items if refused(one)}) == len(Role) - 1

    await here.heard.until(all_refused, PATIENCE)
    assert "refuses host.dev: Authorization Violation" in (await asyncio.to_thread(device, "status")).out
    findings = (await asyncio.to_thread(device, "doctor", "--json")).json()
    (found,) = (one for one in findings if one["what"] == "fleet")
    assert (found["verdict"], "refuses host.dev: Authorization Violation" in found["found"]) == ("bad", True)
    assert "lunix fleet add dev --role admin" in found["fix"]
    credential = await asyncio.to_thread(fleet.credential, "add", "dev")
    await asyncio.to_thread(fleet.join, device, credential)
    for verb, role in (("removed", "admin"), ("added", "observer")):
        told = await here.until(f"uplink.{verb}", id=role)
        record_example(told.subject, told.payload, headers=told.headers)
    olga = await fleet.operator("anna", "--role", "admin")
    listed = await olga.answered("host.dev.uplink.list")
    assert [one["id"] for one in listed["items"]] == ["observer"]
    with pytest.raises(nats.errors.NoRespondersError):
        await olga.ask("host.dev.toast.in", b"x")
    await olga.client.close()
    await here.client.close()
