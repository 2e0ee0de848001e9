"""A mirror that uses the public protocol alone, through crashes, losses and restarts of the publisher."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest
from nats.aio.msg import Msg

from lunix_common.bus import Bus, RequestError, find
from lunix_common.bus.follow import Change
from lunix_common.bus.publisher import Payload
from lunix_common.schemas.common import Model
from lunix_common.schemas.hardware import Device, DeviceEvent, ListRequest
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.server import BusServer


class Publisher:
    """A daemon of the domain ``hardware`` with a state that tests change."""

    def __init__(self, server: BusServer) -> None:
        self.devices: dict[str, Device] = {}
        self.bus = Bus(find("natsdev", url=server.url, state=server.state, environ={}), "natsdev")
        self.bus.serve_list("hardware", self._items)

    def _items(self, request: ListRequest) -> list[Device]:
        return [item for item in self.devices.values() if request.subsystem in (None, item.subsystem)]

    def add(self, name: str, subsystem: str = "net") -> None:
        known = self.devices[name] = Device(id=name, subsystem=subsystem, name=name, devpath=f"/devices/{name}")
        self._emit(known, "add")

    def remove(self, name: str) -> None:
        self._emit(self.devices.pop(name), "remove")

    def _emit(self, known: Device, action: str) -> None:
        event = DeviceEvent(**known.model_dump(), action=action)
        self.bus.emit("hardware.<subsystem>.<action>", event, subsystem=known.subsystem, action=action)

    def equals(self, items: Mapping[str, Model], subsystem: str = "net") -> bool:
        return dict(items) == {key: item for key, item in self.devices.items() if item.subsystem == subsystem}


def observer(server: BusServer) -> Bus:
    return Bus(find("observer", url=server.url, state=server.state, environ={}), "observer")


async def test_a_mirror_begins_with_what_is_there_and_follows(bus_server: BusServer) -> None:
    there = Publisher(bus_server)
    there.add("before")
    async with (
        there.bus,
        observer(bus_server) as watching,
        deadline("the mirror"),
        watching.follow("hardware", {"subsystem": "net"}) as mirror,
    ):
        assert set(mirror.items) == {"before"}
        there.add("new")
        there.add("disk", "block")
        there.remove("before")
        await mirror.until(lambda items: set(items) == {"new"})
        assert mirror.listings == 1, "an unbroken row of events needs no listing"


async def test_changes_are_told_in_order(bus_server: BusServer) -> None:
    there = Publisher(bus_server)
    async with (
        there.bus,
        observer(bus_server) as watching,
        deadline("the changes"),
        watching.follow("hardware", {"subsystem": "net"}) as mirror,
    ):
        told: list[Change] = []

        async def read() -> None:
            async for change in mirror.changes():
                told.append(change)
                if change.id == "last":
                    return

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        there.add("a")
        there.remove("a")
        there.add("last")
        await reading
        assert [(change.id, change.after is not None) for change in told] == [
            ("a", True),
            ("a", False),
            ("last", True),
        ]


async def test_a_mirror_is_whole_after_a_crash_of_the_server_in_a_stream_of_events(bus_server: BusServer) -> None:
    there = Publisher(bus_server)
    async with (
        there.bus,
        observer(bus_server) as watching,
        deadline("the mirror's agreement", 110),
        watching.follow("hardware", {"subsystem": "net"}) as mirror,
    ):
        streaming = asyncio.create_task(stream(there, 2000))
        await mirror.until(lambda items: len(items) > 50)
        bus_server.kill()
        await asyncio.to_thread(bus_server.start)
        await streaming
        await mirror.until(there.equals)


async def stream(there: Publisher, number: int) -> None:
    for index in range(number):
        there.add(f"n{index}")
        if index % 3 == 0:
            there.remove(f"n{index}")
        await asyncio.sleep(0.0005)


async def test_a_mirror_lists_again_after_a_loss_is_announced(bus_server: BusServer) -> None:
    there = Publisher(bus_server)
    async with (
        there.bus,
        observer(bus_server) as watching,
        deadline("the mirror"),
        watching.follow("hardware", {"subsystem": "net"}) as mirror,
    ):
        there.devices["unseen"] = Device(id="unseen", subsystem="net", name="unseen", devpath="/devices/unseen")
        there.bus.lost("hardware", "kernel overflow")
        await mirror.until(lambda items: "unseen" in items)
        assert mirror.listings == 2


async def test_a_mirror_follows_a_restarted_publisher(bus_server: BusServer) -> None:
    first = Publisher(bus_server)
    async with observer(bus_server) as watching, deadline("the mirror", 110):
        async with first.bus:
            first.add("old")
            mirror = watching.follow("hardware", {"subsystem": "net"})
            await mirror.__aenter__()
            assert set(mirror.items) == {"old"}
        second = Publisher(bus_server)
        async with second.bus:
            second.add("new")
            await mirror.until(lambda items: set(items) == {"new"})
        await mirror.__aexit__(None, None, None)


async def test_a_listing_of_many_pages_makes_a_whole_mirror(bus_server: BusServer) -> None:
    there = Publisher(bus_server)
    for index in range(3000):
        name = f"n{index}"
        there.devices[name] = Device(
            id=name, subsystem="net", name=name, devpath=f"/devices/{name}", properties={"FILL": "x" * 1000}
        )
    async with (
        there.bus,
        observer(bus_server) as watching,
        deadline("the mirror", 110),
        watching.follow("hardware", {"subsystem": "net"}) as mirror,
    ):
        assert there.equals(mirror.items)


async def test_a_stream_without_a_state_cannot_be_followed(bus_server: BusServer) -> None:
    with pytest.raises(KeyError):
        observer(bus_server).follow("nothing")


async def test_a_domain_that_the_role_may_not_see_is_refused(bus_server: BusServer) -> None:
    async with observer(bus_server) as watching, deadline("the refusal"):
        await watching.up()
        with pytest.raises(RequestError) as caught:
            async with watching.follow("toast"):
                pass
        assert caught.value.code == 403


async def test_a_publisher_that_was_started_anew_is_noticed_before_its_first_event(bus_server: BusServer) -> None:
    first, second = Publisher(bus_server), Publisher(bus_server)
    second.devices["new"] = Device(id="new", subsystem="net", name="new", devpath="/devices/new")
    async with observer(bus_server) as watching, AsyncExitStack() as stack, deadline("the mirror", 110):
        await stack.enter_async_context(first.bus)
        first.add("before")
        async with watching.follow("hardware", {"subsystem": "net"}) as mirror:
            await stack.aclose()
            assert set(mirror.items) == {"before"}, "nothing has told otherwise"
            await stack.enter_async_context(second.bus)
            await mirror.until(lambda items: set(items) == {"new"})
            assert mirror.listings == 2
            await mirror.refresh()
            assert mirror.listings == 3


class Counting(Bus):
    """An observer's place on the bus that counts what it asks."""

    def __init__(self, server: BusServer) -> None:
        super().__init__(find("observer", url=server.url, state=server.state, environ={}), "observer")
        self.refusals: Inbox[RequestError] = Inbox()
        self.asked = 0

    async def request(self, subject: str, payload: Payload = None, timeout: float | None = None) -> dict[str, Any]:
        self.asked += 1
        try:
            return await super().request(subject, payload, timeout)
        except RequestError as error:
            self.refusals.put(error)
            raise


async def test_a_mirror_without_a_publisher_does_not_ask_until_there_is_one(bus_server: BusServer) -> None:
    there = Publisher(bus_server)
    there.add("new")
    client = await bus_server.connect("observer")
    async with Counting(bus_server) as watching, AsyncExitStack() as stack, deadline("the mirror", 110):
        await watching.up()
        mirror = watching.follow("hardware", {"subsystem": "net"})
        following = asyncio.create_task(stack.enter_async_context(mirror))
        assert [error.code for error in await watching.refusals.count(1)] == [503]
        for _ in range(1000):
            # Some tenths of a second, in which it could ask again.
            await client.flush()
        await stack.enter_async_context(there.bus)
        await following
        assert set(mirror.items) == {"new"}
        # What waited in the publisher comes first, and may be the first sign.
        assert watching.asked in (2, 3)
    await client.close()


async def test_an_event_of_a_publisher_that_does_not_say_that_it_is_ready_is_a_sign_as_well(
    bus_server: BusServer,
) -> None:
    other = await bus_server.connect("natsdev")
    device = Device(id="new", subsystem="net", name="new", devpath="/devices/new")

    async def answer(message: Msg) -> None:
        await message.respond(json.dumps({"boot": "1", "seq": 1, "items": [json.loads(device.to_json())]}).encode())

    async with Counting(bus_server) as watching, AsyncExitStack() as stack, deadline("the mirror", 110):
        await watching.up()
        mirror = watching.follow("hardware", {"subsystem": "net"})
        following = asyncio.create_task(stack.enter_async_context(mirror))
        await watching.refusals.count(1)
        await other.subscribe("hardware.list", cb=answer)
        event = DeviceEvent(**device.model_dump(), action="add")
        await other.publish("hardware.net.add", event.to_json(), headers={"Lunix-Boot": "1", "Lunix-Seq": "1"})
        await following
        assert set(mirror.items) == {"new"}
        # It is back on the bus and still the same run: nothing has to be listed.
        await other.publish("hardware.ready", b'{"boot": "1"}', headers={"Lunix-Boot": "1", "Lunix-Seq": "2"})
        headers = {"Lunix-Boot": "1", "Lunix-Seq": "3", "Lunix-Prev": "1"}
        await other.publish("hardware.net.remove", event.to_json(), headers=headers)
        await mirror.until(lambda items: not items)
        assert mirror.listings == 1
    await other.close()
