"""kill -9 of the broker, the bus and the bridge in the midst of messages of QoS 1: delivered, or told as lost.

What the broker has received is in its log; what the bus has told, a subscriber checks by the numbers of the events.
"""

import asyncio
import json
import re
import signal

import pytest
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from lunix_testing.client import Nats
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.mosquitto import Bridge, Listen, Mosquitto, numbers, pairs, pub_many, subscribed, told_twice
from lunix_testing.mosquitto import bridge as bridge
from lunix_testing.mosquitto import listen as listen
from lunix_testing.mosquitto import mosquitto as mosquitto
from lunix_testing.mosquitto import other_bus as other_bus
from lunix_testing.mosquitto import user as user
from lunix_testing.server import BusServer

pytestmark = pytest.mark.requires("program:mosquitto_pub")

both_protocols = pytest.mark.parametrize("protocol", ["", 'protocol = "3.1.1"\n'], ids=["5", "3.1.1"])
MANY = 600
SECONDS = 40.0
RECEIVED = re.compile(r"Received PUBLISH from lunix-.*'out/(\d+)'")


def gaps(inbox: Inbox[Msg]) -> list[tuple[int, int]]:
    """Between which two messages the headers tell of a loss: ``Lunix-Prev`` is newer than what was heard."""
    found: list[tuple[int, int]] = []
    seq, last = 0, -1
    for message in inbox.items:
        headers = message.headers or {}
        if int(headers["Lunix-Prev"]) > seq:
            found.append((last, int(message.data)))
        seq, last = int(headers["Lunix-Seq"]), int(message.data)
    return found


async def received(broker: Mosquitto) -> set[int]:
    """The numbers that the bridge has brought to the broker."""
    since = len(broker.log)
    broker.pub("that/is/all")
    await asyncio.to_thread(broker.wait_for_log, "'that/is/all'", since)
    return {int(found[1]) for line in broker.log if (found := RECEIVED.search(line))}


class Asker:
    """Publishes numbers as requests, so that it learns of each what became of it."""

    def __init__(self, user: Nats) -> None:
        self.sent: set[int] = set()
        self.failed: set[int] = set()
        self._user = user

    async def ask(self, number: int, timeout_s: float = SECONDS) -> None:
        try:
            answer = await self._user.request(f"mqtt.out.{number}", b"x", timeout=timeout_s)
        except NatsError:
            self.failed.add(number)
        else:
            found = json.loads(answer.data)
            assert ("error" in found) != (found == {"topic": f"out/{number}", "qos": 1})
            (self.failed if "error" in found else self.sent).add(number)

    async def some(self, count: int) -> None:
        """Return when so many have their answer."""
        async with deadline(f"{count} answers", SECONDS):
            while len(self.sent) + len(self.failed) < count:
                await self._user.flush()


@both_protocols
async def test_a_bus_that_is_killed_loses_nothing_that_its_subscribers_cannot_tell(
    mosquitto: Mosquitto, bridge: Bridge, bus_server: BusServer, listen: Listen, protocol: str
) -> None:
    daemon = bridge(protocol)
    inbox = await listen("mqtt.n")
    sending = asyncio.create_task(asyncio.to_thread(pub_many, mosquitto, 0, MANY))
    await inbox.until(lambda one: one.data == b"40", SECONDS)
    since = len(daemon.log)
    bus_server.kill()
    await sending
    bus_server.start()
    await asyncio.to_thread(daemon.wait_for_log, '"as": "mqtt"', since)
    while MANY not in numbers(inbox):
        await asyncio.to_thread(pub_many, mosquitto, MANY, 1)
    missing = set(range(MANY)) - set(numbers(inbox))
    told = gaps(inbox)
    assert [number for number in missing if not any(first < number for first, _ in told)] == []
    assert bool(missing) <= bool(told)


@both_protocols
async def test_a_bridge_that_is_killed_in_the_midst_of_messages_loses_none(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen, protocol: str
) -> None:
    inbox = await listen("mqtt.n")
    sending: asyncio.Task[None] | None = None
    for round_ in range(2):
        daemon = await asyncio.to_thread(bridge, protocol, may_fail=True)
        if sending is None:
            sending = asyncio.create_task(asyncio.to_thread(pub_many, mosquitto, 0, MANY))
        await inbox.count(20 + round_ * 150, SECONDS)
        daemon.signal(signal.SIGKILL)
        daemon.wait()
    await asyncio.to_thread(bridge, protocol)
    assert sending is not None
    await sending
    async with deadline(lambda: f"the arrival of {sorted(set(range(MANY)) - set(numbers(inbox)))}", SECONDS):
        while set(range(MANY)) - set(numbers(inbox)):
            await inbox.count(len(inbox.items) + 1, SECONDS)
    assert told_twice(inbox) == []


@both_protocols
async def test_a_broker_that_is_killed_gets_everything_that_people_publish(
    mosquitto: Mosquitto, bridge: Bridge, user: Nats, protocol: str
) -> None:
    daemon = bridge(protocol)
    asker = Asker(user)
    async with asyncio.TaskGroup() as tasks:
        for number in range(MANY):
            tasks.create_task(asker.ask(number))
        await asker.some(30)
        mosquitto.kill()
        await asyncio.to_thread(daemon.wait_for_log, "the broker is away")
        await asyncio.to_thread(mosquitto.start)
    assert asker.failed == set()
    assert await received(mosquitto) == set(range(MANY))


async def test_what_a_killed_bridge_has_not_brought_to_the_broker_is_not_answered(
    mosquitto: Mosquitto, bridge: Bridge, user: Nats
) -> None:
    daemon = bridge(may_fail=True)
    asker = Asker(user)
    async with asyncio.TaskGroup() as tasks:
        for number in range(MANY):
            tasks.create_task(asker.ask(number, 3.0))
        await asker.some(30)
        daemon.signal(signal.SIGKILL)
        await asyncio.to_thread(daemon.wait)
    assert asker.sent <= await received(mosquitto)
    assert asker.sent | asker.failed == set(range(MANY))


async def test_what_a_killed_bus_swallows_on_its_way_to_the_broker_is_not_answered(
    mosquitto: Mosquitto, bridge: Bridge, bus_server: BusServer, user: Nats
) -> None:
    daemon = bridge()
    asker = Asker(user)
    async with asyncio.TaskGroup() as tasks:
        for number in range(MANY):
            tasks.create_task(asker.ask(number, 3.0))
        await asker.some(30)
        since = len(daemon.log)
        bus_server.kill()
        bus_server.start()
    await asyncio.to_thread(daemon.wait_for_log, '"as": "mqtt"', since)
    assert asker.sent <= await received(mosquitto)
    assert asker.sent | asker.failed == set(range(MANY))


async def test_two_bridges_whose_broker_was_killed_still_hear_everything_once(
    mosquitto: Mosquitto,
    bridge: Bridge,
    daemon_process: DaemonStarter,
    bus_server: BusServer,
    other_bus: BusServer,
    listen: Listen,
) -> None:
    one = bridge('client_id = "lunix-one"\n')
    since = len(mosquitto.log)
    two = daemon_process(
        "lunix_mqtt", config=f'{mosquitto.config}client_id = "lunix-two"\n', state=other_bus.state, may_fail=True
    )
    subscribed(mosquitto, since)
    marks = len(one.log), len(two.log)
    mosquitto.kill()
    since = len(mosquitto.log)
    await asyncio.to_thread(mosquitto.start)
    for daemon, mark in zip((one, two), marks, strict=True):
        await asyncio.to_thread(daemon.wait_for_log, "connected to the broker", mark)
    here, there = await listen("mqtt.>"), await listen("mqtt.>", other_bus)
    users = [await bus_server.connect("user"), await other_bus.connect("user")]
    expected: list[bytes] = []
    for number in range(20):
        for name, person in zip((b"one", b"two"), users, strict=True):
            expected.append(b"%b %d" % (name, number))
            await person.request("mqtt.chat", expected[-1], timeout=30)
    # What it has told and not yet acknowledged, the broker would send again.
    await there.until(lambda one: one.data == expected[-1], SECONDS)
    await asyncio.to_thread(mosquitto.wait_for_acks, "lunix-two", since)
    two.signal(signal.SIGKILL)
    await asyncio.to_thread(two.wait)
    mark = len(mosquitto.log)
    daemon_process("lunix_mqtt", config=f'{mosquitto.config}client_id = "lunix-two"\n', state=other_bus.state)
    await asyncio.to_thread(subscribed, mosquitto, mark)
    await users[0].request("mqtt.end", b"", timeout=30)
    for inbox in (here, there):
        await inbox.until(lambda one: one.subject == "mqtt.end", SECONDS)
        assert [data for subject, data in pairs(inbox) if subject == "mqtt.chat"] == expected
    for person in users:
        await person.close()
