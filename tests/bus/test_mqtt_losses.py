"""lunix-mqtt when the broker, the bus or the bridge itself is killed: QoS 1 loses nothing, and duplicates are told."""

import asyncio
import json
import signal

import pytest
from nats.aio.msg import Msg

from lunix_testing.client import Nats
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.mosquitto import Bridge, Listen, Mosquitto, numbers, pairs, pub_many, subscribed, told_twice
from lunix_testing.mosquitto import bridge as bridge
from lunix_testing.mosquitto import listen as listen
from lunix_testing.mosquitto import mosquitto as mosquitto
from lunix_testing.mosquitto import user as user
from lunix_testing.proxy import proxied
from lunix_testing.quiet import quiet
from lunix_testing.server import BusServer

pytestmark = pytest.mark.requires("program:mosquitto_pub")

both_protocols = pytest.mark.parametrize("protocol", ["", 'protocol = "3.1.1"\n'], ids=["5", "3.1.1"])
# A message, or the question whether the bus has those before it, without whose answer the broker sends no others.
UNCONFIRMED = b"mqtt.n", b"PING"


async def heard(inbox: Inbox[Msg], number: int) -> None:
    await inbox.until(lambda one: one.data == str(number).encode())


async def all_of(inbox: Inbox[Msg], count: int) -> None:
    async with deadline(
        lambda: f"the arrival of all, {sorted(set(range(count)) - set(numbers(inbox)))} are missing,", 60
    ):
        while set(range(count)) - set(numbers(inbox)):
            await inbox.count(len(inbox.items) + 1, 60)


@both_protocols
async def test_the_bus_is_killed_again_and_again_while_messages_come(
    mosquitto: Mosquitto, bridge: Bridge, bus_server: BusServer, protocol: str
) -> None:
    inbox, losses, returns = Inbox[Msg](), Inbox[Msg](), Inbox[None]()

    async def returned() -> None:
        returns.put(None)

    listener = await bus_server.connect(
        "user", max_reconnect_attempts=-1, reconnect_time_wait=0.05, reconnected_cb=returned
    )
    await listener.subscribe("mqtt.>", cb=inbox.put_async)  # pyright: ignore[reportUnknownMemberType]
    await listener.subscribe("mqtt.lost", cb=losses.put_async)  # pyright: ignore[reportUnknownMemberType]
    await listener.flush()
    async with proxied(bus_server.port) as proxy:
        daemon = await asyncio.to_thread(bridge, protocol, env={"LUNIX_BUS": proxy.url})
        for first in range(0, 1200, 400):
            sending = asyncio.create_task(asyncio.to_thread(pub_many, mosquitto, first, 300))
            await heard(inbox, first + 20)
            # From here on the bus has and confirms nothing, and the bridge does not come back before the listener.
            proxy.swallow()
            proxy.hold()
            more = asyncio.create_task(asyncio.to_thread(pub_many, mosquitto, first + 300, 100))
            await proxy.swallowed(*UNCONFIRMED)
            bus_server.kill()
            await asyncio.gather(sending, more)
            bus_server.start()
            await returns.next()
            proxy.cut()
            proxy.release()
            assert json.loads((await losses.next()).data)["boot"]
        await asyncio.to_thread(pub_many, mosquitto, 1200, 1)
        await heard(inbox, 1200)
        assert told_twice(inbox) == []
        await asyncio.to_thread(daemon.stop)
    await listener.close()


async def test_what_the_way_to_the_bus_swallows_is_told_again(
    mosquitto: Mosquitto, bridge: Bridge, bus_server: BusServer, listen: Listen
) -> None:
    inbox = await listen("mqtt.n")
    async with proxied(bus_server.port) as proxy:
        daemon = await asyncio.to_thread(bridge, env={"LUNIX_BUS": proxy.url})
        await asyncio.to_thread(pub_many, mosquitto, 0, 50)
        proxy.swallow()
        await asyncio.to_thread(pub_many, mosquitto, 50, 50)
        await proxy.swallowed(*UNCONFIRMED)
        since = len(daemon.log)
        proxy.cut()
        await asyncio.to_thread(daemon.wait_for_log, '"as": "mqtt"', since)
        await asyncio.to_thread(pub_many, mosquitto, 100, 50)
        await all_of(inbox, 150)
        assert told_twice(inbox) == []
        again = [message for message in inbox.items if "Mqtt-Dup" in (message.headers or {})]
        assert again
        await asyncio.to_thread(daemon.stop)


async def test_the_broker_is_killed_while_messages_come(mosquitto: Mosquitto, bridge: Bridge, listen: Listen) -> None:
    daemon = bridge()
    inbox = await listen("mqtt.>")
    await asyncio.to_thread(pub_many, mosquitto, 0, 200)
    mosquitto.stop()
    await asyncio.to_thread(daemon.wait_for_log, "the broker is away")
    since, seen = len(daemon.log), len(mosquitto.log)
    mosquitto.start()
    await asyncio.to_thread(daemon.wait_for_log, "connected to the broker", since)
    await asyncio.to_thread(subscribed, mosquitto, seen)
    await asyncio.to_thread(pub_many, mosquitto, 200, 200)
    mosquitto.kill()
    since, seen = len(daemon.log), len(mosquitto.log)
    mosquitto.start()
    await asyncio.to_thread(daemon.wait_for_log, "connected to the broker", since)
    await asyncio.to_thread(subscribed, mosquitto, seen)
    await asyncio.to_thread(pub_many, mosquitto, 400, 10)
    await inbox.until(lambda one: one.data == b"409")
    found = numbers(inbox)
    assert set(range(200)) <= set(found)
    assert told_twice(inbox) == []
    lost = await inbox.until(lambda one: one.subject == "mqtt.lost")
    assert "broker" in json.loads(lost.data)["reason"]


@both_protocols
async def test_what_comes_while_the_bridge_is_dead_is_kept_by_the_broker(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen, protocol: str
) -> None:
    first = bridge(protocol, may_fail=True)
    inbox = await listen("mqtt.>")
    await asyncio.to_thread(pub_many, mosquitto, 0, 50)
    first.signal(signal.SIGKILL)
    first.wait()
    await asyncio.to_thread(pub_many, mosquitto, 50, 50)
    bridge(protocol)
    await all_of(inbox, 100)
    assert told_twice(inbox) == []


async def test_what_is_published_while_the_broker_is_away_arrives_when_it_is_back(
    mosquitto: Mosquitto, bridge: Bridge, user: Nats
) -> None:
    daemon = bridge()
    mosquitto.kill()
    await asyncio.to_thread(daemon.wait_for_log, "the broker is away")
    asked = [asyncio.create_task(user.request("mqtt.kept", str(n).encode(), timeout=30)) for n in range(5)]
    quick = json.loads((await user.request("mqtt.kept", b"x", timeout=30, headers={"Mqtt-Qos": "0"})).data)
    assert quick["error"]["code"] == 503
    assert json.loads((await user.request("mqtt.list", b"", timeout=30)).data)["broker"] == "away"
    mosquitto.start()
    for answer in await asyncio.gather(*asked):
        assert json.loads(answer.data) == {"topic": "kept", "qos": 1}


async def test_the_queue_for_a_broker_that_is_away_is_bounded(mosquitto: Mosquitto, bridge: Bridge, user: Nats) -> None:
    daemon = bridge("queue = 3\n")
    mosquitto.kill()
    await asyncio.to_thread(daemon.wait_for_log, "the broker is away")
    waiting = [asyncio.create_task(user.request("mqtt.kept", b"x", timeout=30)) for _ in range(3)]
    await user.flush()
    answer = json.loads((await user.request("mqtt.kept", b"x", timeout=30)).data)
    assert answer["error"]["code"] == 503
    assert "3 messages wait" in answer["error"]["message"]
    mosquitto.start()
    await asyncio.gather(*waiting)


async def part_off(user: Nats) -> str:
    """What ``lunix status`` shows of the bridge."""
    about = json.loads((await user.request("$SRV.INFO.mqtt", b"", timeout=30)).data)
    return "; ".join(about["metadata"].values())


async def test_what_waits_for_a_broker_that_is_away_is_shown_and_told_when_it_is_forgotten(
    mosquitto: Mosquitto, bridge: Bridge, user: Nats
) -> None:
    daemon = bridge()
    assert await part_off(user) == ""
    mosquitto.kill()
    await asyncio.to_thread(daemon.wait_for_log, "the broker is away")
    assert (await part_off(user)).startswith(f"{mosquitto.url} is away: ")
    await user.publish("mqtt.kept", b"first")
    # Refused at once, and so behind the first.
    await user.request("mqtt.kept", b"x", timeout=30, headers={"Mqtt-Qos": "0"})
    assert (await part_off(user)).endswith("; 1 message waits for it")
    since = len(daemon.log)
    mosquitto.start()
    await asyncio.to_thread(daemon.wait_for_log, "connected to the broker", since)
    # Acknowledged behind the first.
    assert json.loads((await user.request("mqtt.kept", b"last", timeout=30)).data) == {"topic": "kept", "qos": 1}
    assert await part_off(user) == ""
    mosquitto.kill()
    await asyncio.to_thread(daemon.wait_for_log, "the broker is away", since)
    for _ in range(2):
        await user.publish("mqtt.kept", b"more")
    await user.request("mqtt.kept", b"x", timeout=30, headers={"Mqtt-Qos": "0"})
    assert (await part_off(user)).endswith("; 2 messages wait for it")
    await asyncio.to_thread(daemon.stop)
    assert '"messages": 2' in daemon.wait_for_log("are forgotten")


async def test_only_retained_values_that_changed_come_after_a_broken_connection(
    mosquitto: Mosquitto, bridge: Bridge, listen: Listen
) -> None:
    for name in ("same", "other"):
        mosquitto.pub(f"state/{name}", "1", "-r", "-q", "1")
    inbox = await listen("mqtt.state.>")
    daemon = bridge()
    await inbox.count(2)
    mosquitto.stop()
    await asyncio.to_thread(daemon.wait_for_log, "the broker is away")
    since = len(daemon.log)
    mosquitto.start()
    mosquitto.pub("state/other", "2", "-r", "-q", "1")
    await asyncio.to_thread(daemon.wait_for_log, "connected to the broker", since)
    await inbox.until(lambda one: one.data == b"2")
    mosquitto.pub("state/end", "3")
    await inbox.until(lambda one: one.subject == "mqtt.state.end")
    assert ("mqtt.state.same", b"1") not in pairs(inbox)[2:]


async def test_a_quiet_bridge_is_not_woken(bridge: Bridge) -> None:
    await quiet(bridge().pid)


async def test_the_keepalive_keeps_a_quiet_connection(mosquitto: Mosquitto, bridge: Bridge) -> None:
    daemon = bridge("keepalive_s = 5\n")
    since = len(mosquitto.log)
    await asyncio.to_thread(mosquitto.wait_for_log, "Received PINGREQ", since)
    await asyncio.to_thread(mosquitto.wait_for_log, "Sending PINGRESP", since)
    assert not any("away" in line for line in daemon.log)
