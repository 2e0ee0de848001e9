"""A place on the bus through its outages: what is published, asked, answered and lost."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from lunix_cli import server
from lunix_common.bus import Bus, BusAway, Message, Request, RequestError, find
from lunix_common.schemas.common import Model
from lunix_common.schemas.hardware import DeviceEvent, GetRequest, ListRequest, Triggered
from lunix_testing.client import connect
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.proxy import proxied
from lunix_testing.server import BusServer


def bus(server: BusServer, identity: str) -> Bus:
    return Bus(find(identity, url=server.url, state=server.state, environ={}), identity)


def device(name: str) -> DeviceEvent:
    return DeviceEvent(id=name, subsystem="net", name=name, devpath=f"/devices/{name}", action="add")


def emit(publisher: Bus, name: str) -> int:
    return publisher.emit("hardware.<subsystem>.<action>", device(name), subsystem="net", action="add")


@asynccontextmanager
async def up(*places: Bus) -> AsyncGenerator[None]:
    async with AsyncExitStack() as stack:
        for place in places:
            await stack.enter_async_context(place)
            async with deadline("connecting"):
                await place.up()
        yield


async def subscribed(observer: Bus, subject: str) -> Inbox[Message]:
    inbox: Inbox[Message] = Inbox()
    there = asyncio.Event()
    observer.subscribe(subject, inbox.put, on_gap=there.set)
    async with deadline("the subscription"):
        await there.wait()
    return inbox


async def test_an_event_carries_its_numbers_its_publisher_and_its_time(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    async with up(natsdev, observer):
        inbox = await subscribed(observer, "hardware.>")
        assert [emit(natsdev, "eth0.100"), emit(natsdev, "b")] == [1, 2]
        first, second = await inbox.count(2)
        assert first.subject == "hardware.net.add"
        assert first.json()["name"] == "eth0.100"
        assert (first.headers["Lunix-Seq"], first.headers["Lunix-Prev"]) == ("1", "0")
        assert (second.headers["Lunix-Seq"], second.headers["Lunix-Prev"]) == ("2", "1")
        assert first.headers["Lunix-Source"] == "natsdev"
        assert first.headers["Lunix-Boot"] == natsdev.boot
        assert first.headers["Lunix-Time"].endswith("Z")
        assert first.headers["Lunix-Host"]


async def test_one_that_is_stopped_while_it_connects_ends(bus_server: BusServer) -> None:
    """What it awaits then may swallow the cancellation, at some of its steps."""

    async def live() -> None:
        async with bus(bus_server, "observer"):
            await asyncio.Event().wait()

    for turns in range(60):
        story = asyncio.create_task(live())
        for _ in range(turns):
            await asyncio.sleep(0)
        story.cancel()
        async with deadline(f"the end, {turns} turns after the beginning,"):
            await asyncio.wait({story})


async def test_a_newer_run_of_a_publisher_has_a_greater_boot(bus_server: BusServer) -> None:
    assert bus(bus_server, "natsdev").boot < bus(bus_server, "natsdev").boot


async def test_events_from_before_the_bus_is_there_arrive_when_it_comes(bus_server: BusServer) -> None:
    bus_server.stop()
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    async with natsdev, observer:
        inbox: Inbox[Message] = Inbox()
        observer.subscribe("hardware.>", inbox.put)
        with pytest.raises(BusAway, match="no connection"):
            await observer.request("hardware.list")
        bus_server.start()
        async with deadline("the observer's return"):
            await observer.up()
        emit(natsdev, "held back")
        assert (await inbox.next()).json()["name"] == "held back"


async def test_an_outage_in_quiet_times_loses_nothing_and_says_nothing(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    async with up(natsdev, observer):
        inbox = await subscribed(observer, "hardware.>")
        emit(natsdev, "before")
        await natsdev.flush()
        bus_server.kill()
        bus_server.start()
        async with deadline("the return of both"):
            await asyncio.gather(*(wait_for_new_session(place) for place in (observer, natsdev)))
        emit(natsdev, "after")
        assert [message.subject for message in await inbox.count(2)] == ["hardware.net.add"] * 2
        assert inbox.items[1].headers["Lunix-Prev"] == "1"


async def wait_for_new_session(place: Bus) -> None:
    """Return when there is a session whose server answers: the one that was killed does not."""
    while True:
        try:
            await place.publish(f"_INBOX.{place.name}.hello")
            return
        except BusAway:
            await place.up()
            await asyncio.sleep(0)


async def test_events_that_a_broken_connection_swallowed_are_announced_as_lost(bus_server: BusServer) -> None:
    observer = bus(bus_server, "observer")
    async with proxied(bus_server.port) as proxy:
        natsdev = Bus(find("natsdev", url=proxy.url, state=bus_server.state, environ={}), "natsdev")
        async with up(natsdev, observer):
            inbox = await subscribed(observer, "hardware.>")
            emit(natsdev, "arrives")
            await natsdev.flush()
            proxy.swallow()
            for number in range(50):
                emit(natsdev, f"n{number}")
            async with deadline("the loss"):
                await proxy.swallowed(b'"n49"')
            proxy.cut()
            lost = await inbox.until(lambda message: message.subject == "hardware.lost")
            assert lost.json() == {
                "boot": natsdev.boot,
                "from_seq": 2,
                "to_seq": 51,
                "reason": "the connection to the bus broke",
            }


async def test_a_queue_that_overflows_while_the_bus_is_away_is_announced(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    big = device("x").model_copy(update={"properties": {"FILL": "x" * 100_000}})
    for _ in range(60):
        natsdev.emit("hardware.<subsystem>.<action>", big, subsystem="net", action="add")
    async with up(observer):
        inbox = await subscribed(observer, "hardware.>")
        async with up(natsdev):
            lost = (await inbox.until(lambda message: message.subject == "hardware.lost")).json()
            kept = await inbox.count(61 - lost["to_seq"])
    assert lost["from_seq"] == 1
    assert "queue was full" in lost["reason"]
    arrived = {int(message.headers["Lunix-Seq"]) for message in kept}
    assert arrived | set(range(1, lost["to_seq"] + 1)) == set(range(1, 62))


async def test_an_event_larger_than_the_bus_takes_is_announced_and_the_next_one_arrives(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    async with up(natsdev, observer):
        inbox = await subscribed(observer, "hardware.>")
        huge = device("x").model_copy(update={"properties": {"FILL": "x" * 2_000_000}})
        natsdev.emit("hardware.<subsystem>.<action>", huge, subsystem="net", action="add")
        emit(natsdev, "small")
        arrived = await inbox.count(2)
        assert {message.subject for message in arrived} == {"hardware.net.add", "hardware.lost"}


async def test_a_request_is_answered_and_its_errors_have_code_and_message(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")

    async def get(request: Request[GetRequest]) -> Model:
        if request.payload.device == "defect":
            raise ZeroDivisionError
        if request.payload.device != "eth0":
            raise RequestError(404, f"there is no device {request.payload.device!r}\r\nX: y")
        return device("eth0")

    natsdev.serve("hardware.get", get)
    async with up(natsdev, observer):
        assert (await observer.request("hardware.get", {"device": "eth0"}))["name"] == "eth0"
        assert (await observer.request("hardware.get", "eth0"))["name"] == "eth0", "bare text fills one field"
        with pytest.raises(RequestError, match="there is no device") as missing:
            await observer.request("hardware.get", "nothing")
        assert missing.value.code == 404
        with pytest.raises(RequestError, match="neither JSON nor text") as bad:
            await observer.request("hardware.get", b"\xff{")
        assert bad.value.code == 400
        with pytest.raises(RequestError, match="defect") as defect:
            await observer.request("hardware.get", "defect")
        assert defect.value.code == 500
        assert "Zero" not in defect.value.message


async def test_a_request_that_nobody_answers_fails_at_once(bus_server: BusServer) -> None:
    observer = bus(bus_server, "observer")
    async with up(observer):
        with pytest.raises(RequestError, match="nobody answers") as caught:
            await observer.request("hardware.list")
        assert caught.value.code == 503


async def test_a_request_in_flight_at_a_crash_fails_at_once(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    asked = asyncio.Event()

    async def never(_request: Request[GetRequest]) -> None:
        asked.set()
        await asyncio.Event().wait()

    natsdev.serve("hardware.get", never)
    async with up(natsdev, observer):
        question = asyncio.create_task(observer.request("hardware.get", "x", timeout=60))
        async with deadline("the request's arrival"):
            await asked.wait()
        bus_server.kill()
        async with deadline("the request's end"):
            with pytest.raises(BusAway):
                await question


async def test_a_slow_request_does_not_hold_up_the_next(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    release = asyncio.Event()

    async def get(request: Request[GetRequest]) -> Model:
        if request.payload.device == "slow":
            await release.wait()
        return device(request.payload.device)

    natsdev.serve("hardware.get", get)
    async with up(natsdev, observer):
        slow = asyncio.create_task(observer.request("hardware.get", "slow"))
        assert (await observer.request("hardware.get", "quick"))["name"] == "quick"
        assert not slow.done()
        release.set()
        assert (await slow)["name"] == "slow"


async def test_a_second_instance_is_refused_while_the_first_answers(bus_server: BusServer) -> None:
    first, second = bus(bus_server, "natsdev"), bus(bus_server, "natsdev")
    for place in (first, second):
        place.serve_list("hardware", lambda _request: [])
    async with up(first), second:
        async with deadline("the refusal"):
            refusal = await second.refusal()
        assert "another natsdev" in str(refusal)
        assert not second.connected


async def test_the_service_describes_and_counts_itself(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    natsdev.serve_list("hardware", lambda _request: [])
    async with up(natsdev, observer):
        assert (await observer.request("$SRV.PING.natsdev"))["type"] == "io.nats.micro.v1.ping_response"
        (endpoint,) = (await observer.request("$SRV.INFO.natsdev"))["endpoints"]
        assert endpoint["subject"] == "hardware.list"
        await observer.request("hardware.list")
        with pytest.raises(RequestError):
            await observer.request("hardware.list", {"limit": 0})
        (counted,) = (await observer.request("$SRV.STATS.natsdev"))["endpoints"]
        assert (counted["num_requests"], counted["num_errors"]) == (2, 1)
        assert "limit" in counted["last_error"]


async def test_a_listing_comes_in_pages_from_one_snapshot(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    devices = [device(f"d{number}") for number in range(25)]

    def items(request: ListRequest) -> list[DeviceEvent]:
        return [item for item in devices if request.name in (None, item.name)]

    natsdev.serve_list("hardware", items)
    async with up(natsdev, observer):
        before = natsdev.seq
        page = await observer.request("hardware.list", {"limit": 10})
        devices.clear()
        emit(natsdev, "later")
        names = [item["name"] for item in page["items"]]
        while "cursor" in page:
            assert (page["boot"], page["seq"]) == (natsdev.boot, before)
            page = await observer.request("hardware.list", {"cursor": page["cursor"], "limit": 10})
            names += [item["name"] for item in page["items"]]
        assert names == [f"d{number}" for number in range(25)]


async def test_a_defect_in_a_subscriber_does_not_end_its_subscription(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    async with up(natsdev, observer):
        inbox: Inbox[str] = Inbox()
        there = asyncio.Event()

        def fragile(message: Message) -> None:
            inbox.put(message.json()["name"])
            raise ZeroDivisionError

        subscription = observer.subscribe("hardware.>", fragile, on_gap=there.set)
        await there.wait()
        emit(natsdev, "a")
        emit(natsdev, "b")
        assert await inbox.count(2) == ["a", "b"]
        await observer.unsubscribe(subscription)
        await observer.unsubscribe(subscription)


async def test_a_refused_publish_is_an_error(bus_server: BusServer) -> None:
    observer = bus(bus_server, "observer")
    async with up(observer):
        with pytest.raises(RequestError, match="your role") as caught:
            await observer.request("hardware.trigger", {"device": "x"})
        assert caught.value.code == 403


async def test_an_unknown_identity_waits_and_is_told_why(bus_server: BusServer) -> None:
    stranger = Bus(find("stranger", url=bus_server.url, state=bus_server.state, environ={}), "stranger")
    async with stranger:
        async with deadline("the refusal"):
            refusal = await stranger.refusal()
        assert "refuses stranger without a key" in str(refusal)
        with pytest.raises(BusAway, match="refuses stranger"):
            await stranger.publish("hello")


async def test_what_was_published_last_arrives_although_the_publisher_stops_at_once(bus_server: BusServer) -> None:
    natsdev, observer = bus(bus_server, "natsdev"), bus(bus_server, "observer")
    async with up(observer):
        inbox = await subscribed(observer, "hardware.>")
        async with up(natsdev):
            for number in range(100):
                emit(natsdev, f"n{number}")
        assert [json.loads(message.data)["name"] for message in await inbox.count(100)][-1] == "n99"


async def test_without_a_key_of_our_own_nobody_is_more_than_an_observer(tmp_path: Path) -> None:
    """An open server lets a caller write the header from which a role is read."""
    async with open_server(tmp_path) as url:
        daemon = Bus(find("natsdev", url=url, state=tmp_path, environ={}), "natsdev")
        trusting = Bus(find("natsdev", url=url, state=tmp_path, trust_bus=True, environ={}), "natsdev")
        caller = await connect(url)
        forged = {"Nats-Request-Info": '{"acc": "ADMIN"}'}

        async def trigger(_request: Request[Model]) -> Model:
            return Triggered(devices=0)

        for place, expected in ((daemon, "403"), (trusting, None)):
            place.serve("hardware.trigger", trigger)
            async with up(place):
                answer = await caller.request("hardware.trigger", b"{}", timeout=30, headers=forged)
                assert (answer.headers or {}).get("Nats-Service-Error-Code") == expected
        await caller.close()


@asynccontextmanager
async def open_server(folder: Path) -> AsyncGenerator[str]:
    """Somebody's own nats-server, without accounts."""
    program = server.find()
    process = await asyncio.create_subprocess_exec(
        program.path, "-a", "127.0.0.1", "-p", "-1", stderr=asyncio.subprocess.PIPE, cwd=folder
    )
    assert process.stderr is not None
    started = server.Started()
    try:
        async with deadline("the server's start"):
            while not started.ready:
                started.read((await process.stderr.readline()).decode())
        yield started.url
    finally:
        process.terminate()
        await process.communicate()
