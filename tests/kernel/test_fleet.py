"""A fleet of machines in network namespaces: who sees and commands what, and what a hostile or cut-off one can do."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import nats.errors
import pytest
from nats.aio.msg import Msg

from lunix_common.access.roles import role_of
from lunix_common.bus.follow import Numbered, State
from lunix_common.bus.messages import BOOT, PREV, SEQ
from lunix_common.schemas import model
from lunix_common.subjects import TABLE, Kind, Role
from lunix_testing.command import wait_until
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.fleet import HUB, PATIENCE, Fleet, Heard, Leaf, Machine, Operator, all_connected, follow_the_how_to
from lunix_testing.fleet import fleet as fleet

pytestmark = [pytest.mark.root, pytest.mark.requires("netns", "veth", "program:openssl"), pytest.mark.timeout(300)]

HOSTILE = "evil.>*\x1b]52 ‮"
HOSTILE_TOKEN = "evil%2E%3E%2A%1B%5D52%20%E2%80%AE"


@pytest.fixture(scope="module")
def started(fleet: Fleet) -> tuple[Machine, ...]:
    """Three machines, each with a bus, that belong to nothing yet."""
    machines = [fleet.start(f"box{number}", "--only", "toast,init") for number in (1, 2, 3)]
    for machine in machines:
        assert machine.up is not None
        machine.up.wait_ready()
    return tuple(machines)


def test_the_how_to_works_as_it_is_written(fleet: Fleet, started: tuple[Machine, ...]) -> None:
    """``docs/howto/join-a-fleet.md``: first, while the fleet has no members but those of the page."""
    follow_the_how_to(fleet, started[0])


@dataclass
class Boxes:
    """Three machines: what operators may at most be there is a user, an observer, and an administrator."""

    user: Machine
    observer: Machine
    """Its name is hostile."""
    admin: Machine
    """Operators may restart its services."""


@pytest.fixture(scope="module")
def boxes(fleet: Fleet, started: tuple[Machine, ...]) -> Boxes:
    found = Boxes(*started)
    fleet.join(found.user, fleet.credential("add", "box1", "--role", "user"), "--role", "user")
    fleet.join(found.observer, fleet.credential("add", HOSTILE))
    admin = fleet.credential("add", "box3", "--role", "admin")
    fleet.join(found.admin, admin, "--role", "admin", "--grant", "init.restart")
    return found


async def test_an_operator_sees_every_machine_and_commands_those_that_let_it(fleet: Fleet, boxes: Boxes) -> None:
    anna = await fleet.operator("anna", "--role", "admin")
    await anna.listen("host.*.toast.shown", "host.*.init.service.toast.>", "host.*.user.>")
    for prefix in ("host.box1", f"host.{HOSTILE_TOKEN}", "host.box3"):
        await anna.connected(prefix)
    for name in ("box1", "box3"):
        assert (await anna.answered(f"host.{name}.toast.in", b"tea"))["id"]
        assert (await anna.until(f"host.{name}.toast.shown")).payload["summary"] == "tea"
    script = await boxes.user.connect("user")
    await script.publish("user.hello", b"x")
    await anna.until("host.box1.user.hello")
    await script.close()
    # What an operator may not do there is not even taken.
    for refused in (f"host.{HOSTILE_TOKEN}.toast.in", "host.box1.init.restart", "host.box3.init.stop"):
        with pytest.raises(nats.errors.NoRespondersError):
            await anna.ask(refused, b"toast")
    assert {one["id"] for one in (await anna.ask(f"host.{HOSTILE_TOKEN}.init.list"))["items"]} >= {"toast", "bus"}
    await anna.answered("host.box3.init.restart", b"toast")
    await anna.until("host.box3.init.service.toast.ready")
    assert (await boxes.observer.ask("toast.list"))["items"] == []
    await asyncio.to_thread(wait_until, lambda: all_connected(fleet), "that all machines are connected", PATIENCE)
    listed = await asyncio.to_thread(fleet.hub, "fleet", "list", "--json")
    assert {one["name"]: one["connected"] for one in listed.json()["machines"]} == dict.fromkeys(
        ("box1", HOSTILE, "box3"), True
    )
    assert "\x1b" not in (await asyncio.to_thread(fleet.hub, "fleet", "list")).out
    await anna.client.close()


async def test_a_request_is_of_the_lesser_of_both_roles_whatever_it_says(fleet: Fleet, boxes: Boxes) -> None:
    """Seen by a daemon of the machine: the server writes the role, over what the operator wrote."""
    daemon = await boxes.admin.connect("natsdev")
    heard: Inbox[Msg] = Inbox()

    async def answer(message: Msg) -> None:
        heard.put(message)
        await message.respond(b"{}")

    await daemon.subscribe("hardware.list", cb=answer)  # pyright: ignore[reportUnknownMemberType]
    await daemon.flush()
    for number, (name, role) in enumerate((("olga", Role.OBSERVER), ("uwe", Role.USER), ("anna", Role.ADMIN))):
        operator = await fleet.operator(name, "--role", role)
        await operator.connected("host.box3")
        await operator.ask("host.box3.hardware.list", headers={"Nats-Request-Info": '{"acc":"ADMIN"}'})
        headers = (await heard.count(number + 1))[number].headers or {}
        assert json.loads(headers["Nats-Request-Info"])["acc"] == f"{role.upper()}-fleet-{role}"
        assert role_of(headers) is role
        await operator.client.close()
    await daemon.close()


async def test_an_operator_may_less_than_a_machine_allows(fleet: Fleet, boxes: Boxes) -> None:
    eve = await fleet.operator("eve", "--machine", "box1")
    await eve.listen("host.>")
    await eve.connected("host.box1")
    # Refused by the hub, and the machine hears nothing of it; so is what would be another's event or answer.
    for number, subject in enumerate(
        ("host.box1.toast.in", "host.box1.toast.shown", "host.box1._INBOX.x", "host.box3.init.list")
    ):
        await eve.client.publish(subject, b"x")
        assert f'publish to "{subject.lower()}"' in (await eve.errors.count(number + 1))[number].lower()
    await boxes.user.ask("toast.in", b"for users")
    await boxes.user.ask("init.restart", b"toast")
    await eve.until("host.box1.init.service.toast.ready")
    rows = [TABLE.find(heard.subject.removeprefix("host.box1.")) for heard in eve.heard.items]
    assert {row.role for row in rows if row is not None and row.kind is Kind.EVENT} == {Role.OBSERVER}
    await eve.client.close()


async def test_a_hostile_leaf_sees_and_changes_nothing_of_others(fleet: Fleet, boxes: Boxes) -> None:
    anna = await fleet.operator("anna", "--role", "admin")
    await anna.listen("host.>", "fleet.>")
    place = fleet.machine("mallory").place
    leaf = Leaf(
        fleet.folder / "mallory", place, await asyncio.to_thread(fleet.credential, "add", "mallory", "--role", "admin")
    )
    mallory = await leaf.connect()
    await mallory.listen(">")
    await connected_leaf(anna, mallory)
    before = await toasts(boxes)
    told = (
        "host.box1.hardware.usb.add", "host.other.hardware.usb.add", "hardware.usb.add", "host.box1.toast.in",
        "toast.in", "_INBOX.lunix.x", "_R_.x", "fleet.box1.left", "init.poweroff", "$SYS.REQ.SERVER.PING",
        "$SYS.REQ.ACCOUNT.PING.CONNZ", "$JS.API.INFO", "_GR_.x", "$LDS.x", "user.hello",
    )  # fmt: skip
    for subject in told:
        await mallory.client.publish(subject, b'"mallory"', reply="host.box1.toast.in")
    # What others do meanwhile, answers among it.
    for box in (boxes.user, boxes.admin):
        await box.ask("toast.in", b'{"summary": "secret", "timeout_ms": 300000}')
    await anna.answered("host.box1.toast.list")
    await anna.answered("host.box3.init.list")
    await mallory.client.publish("hardware.usb.remove", b'"end"')
    await anna.until("host.mallory.hardware.usb.remove")
    hers = {heard.subject for heard in anna.heard.items if heard.payload == "mallory"}
    assert hers == {"host.mallory.hardware.usb.add", "host.mallory.user.hello"}
    # Beside what she said herself, and what her own server answers to it.
    others = [one for one in mallory.heard.items if one.payload != "mallory" and not from_herself(one)]
    heard = {one.subject for one in others}
    assert heard <= {"toast.list", "hardware.usb.remove", "$SRV.PING"}, heard
    after = await toasts(boxes)
    assert sorted(after[one] for one in after.keys() - before.keys()) == ["secret", "secret"]
    await mallory.client.close()
    await leaf.close()
    await anna.client.close()


async def toasts(boxes: Boxes) -> dict[str, str]:
    """What is on the screens of two machines, by id; what other tests have left expires."""
    listed = [item for box in (boxes.user, boxes.admin) for item in (await box.ask("toast.list"))["items"]]
    return {item["id"]: item["summary"] for item in listed}


def from_herself(heard: Heard) -> bool:
    """Whether it is what the server of the leaf, and not the hub, says of a request."""
    if "Status" in heard.headers:
        return True
    about: Any = heard.payload
    return "server" in about and about["server"]["name"] != "lunix-hub"


async def connected_leaf(operator: Operator, stranger: Operator) -> None:
    """Wait until a leaf that answers nothing hears what the operator asks it."""
    await stranger.heard.provoke(
        lambda: operator.client.publish("host.mallory.toast.list", b""),
        lambda heard: heard.subject == "toast.list",
        PATIENCE,
    )


async def test_a_stolen_credential_is_cut_off_at_once_and_nobody_else(fleet: Fleet, boxes: Boxes) -> None:
    anna = await fleet.operator("anna", "--role", "admin")
    await anna.listen("host.>", "fleet.>")
    place = fleet.machine("thief").place
    credential = await asyncio.to_thread(fleet.credential, "add", "box4")
    leaf = Leaf(fleet.folder / "thief", place, credential)
    thief = await leaf.connect()
    await anna.until("fleet.box4.joined")
    await anna.heard.provoke(
        lambda: thief.client.publish("hardware.usb.add", b"{}"),
        lambda heard: heard.subject == "host.box4.hardware.usb.add",
        PATIENCE,
    )
    await asyncio.to_thread(fleet.do, fleet.hub, "remove", "box4")
    await leaf.says("Authorization Violation")
    await anna.connected("host.box1")
    number = len(anna.heard.items)
    await thief.client.publish("hardware.usb.add", b"{}")
    await thief.client.flush()
    await anna.ask("host.box1.toast.in", b"still there")
    await anna.until("host.box1.toast.shown", summary="still there")
    assert not [heard for heard in anna.heard.items[number:] if heard.subject.startswith("host.box4")]
    assert not [heard for heard in anna.heard.items if heard.subject == "fleet.box1.left"]
    # A new credential of the same machine counts, and the old one does not come back by it.
    await asyncio.to_thread(fleet.credential, "add", "box4")
    again = Leaf(fleet.folder / "again", fleet.machine("again").place, credential)
    await again.says("Authorization Violation")
    for one in (again, leaf):
        await one.close()
    await thief.client.close()
    await anna.client.close()


async def test_the_doctor_tells_that_the_hub_does_not_let_a_machine_in(fleet: Fleet, boxes: Boxes) -> None:
    await diagnosed(boxes.user, "ok", "can be reached")
    await asyncio.to_thread(fleet.do, fleet.hub, "remove", "box1")
    told = "does not let this machine in: no connection stands for operators who are observer or user"
    fix = await diagnosed(boxes.user, "bad", told)
    assert "lunix fleet add box1 --role user -o FILE" in fix
    assert f"lunix fleet join tls://{HUB} FILE --role user" in fix
    credential = await asyncio.to_thread(fleet.credential, "add", "box1", "--role", "user")
    await asyncio.to_thread(fleet.join, boxes.user, credential, "--role", "user")
    await diagnosed(boxes.user, "ok", "can be reached")


async def diagnosed(machine: Machine, verdict: str, text: str) -> str:
    """Wait until ``lunix doctor`` finds this of the fleet: its own bus learns it a moment later; return what to do."""
    fixes: list[str] = []

    def found() -> bool:
        findings: list[dict[str, str]] = machine("doctor", "--json").json()
        (one,) = (one for one in findings if one["what"] == "fleet")
        fixes.append(one["fix"])
        return one["verdict"] == verdict and text in one["found"]

    await asyncio.to_thread(wait_until, found, f"that the doctor says {text!r}", PATIENCE)
    return fixes[-1]


class Mirror:
    """The toasts of a machine as an operator keeps them, by the public protocol: a listing, events, their numbers."""

    def __init__(self, operator: Operator, name: str) -> None:
        declared = TABLE.domain("toast")
        assert declared.item is not None
        self._operator, self._name = operator, name
        self._state = State(declared, model(declared.item), {})
        self.changed = asyncio.Event()

    @property
    def lasting(self) -> set[str]:
        """What stays until somebody closes it; what other tests have left expires."""
        items = (item.model_dump() for item in self._state.items.values())
        return {item["summary"] for item in items if not item["timeout_ms"]}

    async def until(self, summaries: set[str]) -> None:
        """Return when it has these."""
        async with deadline(lambda: f"that {self.lasting} is {summaries}", PATIENCE):
            while self.lasting != summaries:
                await self.changed.wait()
                self.changed.clear()

    async def list(self) -> None:
        """Take over what the machine says is there; it may not be back yet."""
        while True:
            try:
                page = await self._operator.ask(f"host.{self._name}.toast.list")
            except nats.errors.Error:
                await asyncio.sleep(0.05)
            else:
                self._state.listed(page["boot"], page["seq"], page["items"])
                self.changed.set()
                return

    async def take(self, heard: Heard) -> None:
        """Apply an event, or list again where it tells of a gap."""
        if heard.subject == f"fleet.{self._name}.joined":
            await self.list()
        elif heard.subject in (f"host.{self._name}.toast.shown", f"host.{self._name}.toast.closed"):
            head = heard.headers
            subject = heard.subject.removeprefix(f"host.{self._name}.")
            event = Numbered(subject, head[BOOT], int(head[SEQ]), int(head[PREV]), heard.payload)
            if self._state.apply(event) is None:
                await self.list()
            self.changed.set()


async def test_a_mirror_is_made_whole_after_a_partition(fleet: Fleet, boxes: Boxes) -> None:
    anna = await fleet.operator("uwe", "--role", "user")
    await anna.listen("host.box1.toast.>", "fleet.box1.*")
    await anna.connected("host.box1")
    mirror = Mirror(anna, "box1")
    await mirror.list()

    async def follow() -> None:
        position = 0
        while True:
            await anna.heard.count(position + 1, PATIENCE)
            await mirror.take(anna.heard.items[position])
            position += 1

    following = asyncio.create_task(follow())
    gone = await boxes.user.ask("toast.in", b'{"summary": "gone", "timeout_ms": 0}')
    await boxes.user.ask("toast.in", b'{"summary": "stays", "timeout_ms": 0}')
    await mirror.until({"gone", "stays"})
    fleet.cable(boxes.user, "down")
    await anna.until("fleet.box1.left")
    await boxes.user.ask("toast.in", b'{"summary": "new", "timeout_ms": 0}')
    await boxes.user.ask("toast.close", gone["id"].encode())
    assert mirror.lasting == {"gone", "stays"}
    fleet.cable(boxes.user, "up")
    await mirror.until({"stays", "new"})
    # The events that come now are heard as before.
    await boxes.user.ask("toast.in", b"after")
    await anna.until("host.box1.toast.shown", summary="after")
    following.cancel()
    await anna.client.close()
