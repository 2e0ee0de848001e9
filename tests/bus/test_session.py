"""One connection to the real server: what each call does when the connection, the subject or the answer is no good."""

import asyncio
import gc
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from nats.aio.client import Client
from nats.aio.msg import Msg

import lunix_common.bus
from lunix_common.bus import Bus, BusAway, BusRefused, RequestError, connection, find, follow
from lunix_common.bus.session import Session
from lunix_common.schemas.toast import Toast, ToastList
from lunix_testing.command import wait_until
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.server import BusServer


@asynccontextmanager
async def opened(server: BusServer, identity: str = "user") -> AsyncGenerator[Session]:
    session = Session(find(identity, url=server.url, state=server.state, environ={}), identity, lambda _: None)
    await session.open()
    try:
        yield session
    finally:
        await session.close()


async def ignore(_message: Msg) -> None:
    """Take a message and do nothing."""


async def test_after_its_end_a_session_does_nothing_and_says_so(bus_server: BusServer) -> None:
    async with opened(bus_server) as session:
        number = await session.subscribe("user.>", ignore)
    await session.unsubscribe(number)
    await session.close()
    session.write(b"PING\r\n")
    with pytest.raises(BusAway):
        await session.publish("user.x", b"")
    with pytest.raises(BusAway):
        await session.subscribe("user.x", ignore)
    with pytest.raises(BusAway):
        await session.request("toast.list", b"", 1)
    with pytest.raises(BusAway):
        await session.flush()


async def test_what_the_bus_could_never_take_is_a_value_error(bus_server: BusServer) -> None:
    async with opened(bus_server) as session:
        with pytest.raises(ValueError, match=r"user\.x"):
            await session.publish("user.x", b"x" * (session.max_payload + 1))
        with pytest.raises(ValueError, match="white space"):
            await session.publish("white space", b"")


async def test_a_request_that_the_bus_could_never_take_is_refused(bus_server: BusServer) -> None:
    async with opened(bus_server) as session:
        for subject, data in (("white space", b""), ("toast.in", b"x" * (session.max_payload + 1))):
            with pytest.raises(RequestError) as caught:
                await session.request(subject, data, 1)
            assert caught.value.code == 400


async def test_a_request_without_an_answer_ends_with_its_deadline(bus_server: BusServer) -> None:
    silent = await bus_server.connect("toast")
    await silent.subscribe("toast.list", cb=ignore)
    await silent.flush()
    async with opened(bus_server) as session:
        with pytest.raises(TimeoutError, match=r"no answer on toast\.list within 0\.2 s"):
            await session.request("toast.list", b"", 0.2)
    await silent.close()


def test_a_connection_that_broke_under_a_write_is_away(bus_server: BusServer) -> None:
    """uvloop raises where asyncio only counts; both are away."""

    async def story() -> None:
        async with opened(bus_server) as session:
            session._wire.abort()
            await asyncio.sleep(0)
            session.write(b"PING\r\n")
            with pytest.raises(BusAway):
                await asyncio.gather(*(session.drain() for _ in range(10)))

    for factory in (None, uvloop.new_event_loop):
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(story())


async def test_a_client_that_is_closed_but_for_its_reader_is_away(bus_server: BusServer) -> None:
    async with opened(bus_server) as session:
        session._client._status = session._client.CLOSED
        with pytest.raises(BusAway):
            await session.publish("user.x", b"")
        session._client._status = session._client.CONNECTED


async def test_a_question_without_a_reply_is_not_answered(bus_server: BusServer) -> None:
    toast = Bus(find("toast", url=bus_server.url, state=bus_server.state, environ={}), "toast")
    toast.serve_list("toast", lambda _request: [])
    async with toast, places_of(bus_server) as user:
        await toast.up()
        await user.publish("$SRV.PING.toast")
        assert (await user.request("$SRV.PING.toast"))["name"] == "toast"


@asynccontextmanager
async def places_of(server: BusServer) -> AsyncGenerator[Bus]:
    async with Bus(find("user", url=server.url, state=server.state, environ={}), "user") as user:
        await user.up()
        yield user


async def test_a_session_closes_with_unsent_messages_and_a_dead_connection(bus_server: BusServer) -> None:
    async with opened(bus_server) as session:
        await session.publish("user.x", b"never sent")
        session._wire.abort()
    async with deadline("the end"):
        await session.ended


SHOWN = {"id": "a", "summary": "a", "created_at": "2026-01-01T00:00:00Z", "shown": True}


@asynccontextmanager
async def places(server: BusServer) -> AsyncGenerator[tuple[Client, Bus]]:
    """A plain client that plays the daemon toast, and a user's place on the bus."""
    there = await server.connect("toast")
    async with Bus(find("user", url=server.url, state=server.state, environ={}), "user") as user:
        await user.up()
        yield there, user
    await there.close()


@pytest.mark.parametrize(
    ("body", "headers", "code", "message"),
    [
        (b"[1]", {}, 502, "not a JSON object"),
        (b"", {"Nats-Service-Error-Code": "409", "Nats-Service-Error": "in the way"}, 409, "in the way"),
        (b"{}", {"Nats-Service-Error-Code": "odd"}, 500, "no reason given"),
    ],
)
async def test_an_answer_of_a_foreign_service_is_understood(
    bus_server: BusServer, body: bytes, headers: dict[str, str], code: int, message: str
) -> None:
    async with places(bus_server) as (there, user):

        async def answer(request: Msg) -> None:
            await there.publish(request.reply, body, headers=headers or None)

        await there.subscribe("toast.list", cb=answer)
        await there.flush()
        with pytest.raises(RequestError, match=message) as caught:
            await user.request("toast.list")
        assert caught.value.code == code


async def test_an_answer_larger_than_the_bus_takes_is_logged(
    bus_server: BusServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def huge(_request: object) -> bytes:
        return b'"' + b"x" * 2_000_000 + b'"'

    toast = Bus(find("toast", url=bus_server.url, state=bus_server.state, environ={}), "toast")
    toast.serve("toast.list", huge)
    async with toast, Bus(find("user", url=bus_server.url, state=bus_server.state, environ={}), "user") as user:
        await asyncio.gather(toast.up(), user.up())
        with pytest.raises(TimeoutError):
            await user.request("toast.list", timeout=0.3)
        await asyncio.to_thread(wait_until, lambda: "an answer could not be sent" in caplog.text, "the line")


async def test_a_slow_subscriber_is_told_that_it_missed_something(bus_server: BusServer) -> None:
    async with places(bus_server) as (there, user):
        gaps: Inbox[str] = Inbox()
        release = asyncio.Event()

        async def slow(_message: object) -> None:
            await release.wait()

        user.subscribe("toast.closed", slow, on_gap=lambda: gaps.put("gap"))
        user.subscribe("toast.action", slow)
        await gaps.count(1)
        body = json.dumps({"id": "x", "reason": "closed", "fill": "x" * 900_000}).encode()
        for _ in range(20):
            await there.publish("toast.closed", body)
            await there.flush()
        await gaps.count(2)
        release.set()


async def test_a_subscription_made_as_the_bus_goes_waits_for_the_next_session(bus_server: BusServer) -> None:
    async with places(bus_server) as (_there, user):
        inbox: Inbox[str] = Inbox()
        bus_server.kill()
        user.subscribe("toast.closed", lambda message: inbox.put(message.subject))
        bus_server.start()
        there = await bus_server.connect("toast")
        async with deadline("an event"):
            while not inbox.items:
                await there.publish("toast.closed", b"{}")
                await there.flush()
        await there.close()


async def test_a_mirror_passes_over_events_that_make_no_sense(
    bus_server: BusServer, caplog: pytest.LogCaptureFixture
) -> None:
    toast = Bus(find("toast", url=bus_server.url, state=bus_server.state, environ={}), "toast")
    toast.serve_list("toast", lambda _request: [], lambda: {"paused": False})
    async with toast, Bus(find("user", url=bus_server.url, state=bus_server.state, environ={}), "user") as user:
        async with deadline("the mirror"), user.follow("toast") as mirror:
            for body in (b"[]", b"{}"):
                await toast.publish("toast.closed", body)
            toast.emit("toast.shown", SHOWN)
            await mirror.until(lambda items: "a" in items)
        assert caplog.text.count("an event makes no sense") == 2


async def test_events_of_a_listing_that_takes_long_are_not_lost(
    bus_server: BusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More events than are kept while a listing is under way: the mirror lists once more."""
    monkeypatch.setattr(follow, "_MOST_KEPT", 2)
    toasts: list[Toast] = []
    asked, release = Inbox[str](), asyncio.Event()

    async def listed(_request: object) -> bytes:
        body = ToastList(boot=toast.boot, seq=toast.seq, items=list(toasts), paused=False)
        asked.put("asked")
        await release.wait()
        return body.to_json()

    toast = Bus(find("toast", url=bus_server.url, state=bus_server.state, environ={}), "toast")
    toast.serve("toast.list", listed)
    async with toast, Bus(find("user", url=bus_server.url, state=bus_server.state, environ={}), "user") as user:
        await toast.up()
        mirror = user.follow("toast")
        async with deadline("the mirror"):
            entering = asyncio.create_task(mirror.__aenter__())
            await asked.count(1)
            for number in range(5):
                toasts.append(Toast.model_validate(SHOWN | {"id": f"t{number}"}))
                toast.emit("toast.shown", toasts[-1])
            await toast.flush()
            await user.request("$SRV.PING.toast")  # the events are here: they came before the answer
            release.set()
            await entering
            await mirror.until(lambda items: len(items) == 5)
            await mirror.__aexit__(None, None, None)
        assert len(asked.items) == 2


async def test_an_answer_that_comes_too_late_is_logged(bus_server: BusServer, caplog: pytest.LogCaptureFixture) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def late(_request: object) -> bytes:
        asked.set()
        await release.wait()
        return b"{}"

    toast = Bus(find("toast", url=bus_server.url, state=bus_server.state, environ={}), "toast")
    toast.serve("toast.list", late)
    async with toast, Bus(find("user", url=bus_server.url, state=bus_server.state, environ={}), "user") as user:
        await asyncio.gather(toast.up(), user.up())
        asking = asyncio.create_task(user.request("toast.list"))
        async with deadline("the request"):
            await asked.wait()
        bus_server.kill()
        with pytest.raises(BusAway):
            await asking
        gone: Inbox[bool] = Inbox()
        toast._session.ended.add_done_callback(lambda _: gone.put(True)) if toast._session else gone.put(True)
        await gone.count(1)
        release.set()
    assert "an answer could not be sent" in caplog.text


async def test_a_refusal_is_told_each_time_and_logged_once(
    bus_server: BusServer, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Bus(find("stranger", url=bus_server.url, state=bus_server.state, environ={}), "stranger")
    async with stranger, deadline("two refusals"):
        await stranger.refusal()
        await stranger.refusal()
    assert caplog.text.count("the bus refuses us") == 1


async def test_two_requests_that_are_refused_at_once_both_say_so(bus_server: BusServer) -> None:
    async with opened(bus_server) as session:
        asking = (session.request("hardware.trigger", b"{}", 5) for _ in range(2))
        errors = await asyncio.gather(*asking, return_exceptions=True)
    assert [error.code for error in errors if isinstance(error, RequestError)] == [403, 403]


async def test_a_subscription_that_is_ended_at_once_is_none(bus_server: BusServer) -> None:
    async with places(bus_server) as (there, user):
        inbox: Inbox[str] = Inbox()
        ended = user.subscribe("toast.closed", lambda _: inbox.put("ended"))
        await user.unsubscribe(ended)
        session = user._session
        assert session is not None
        await session.close()
        user.subscribe("toast.closed", lambda _: inbox.put("alive"))
        async with deadline("an event"):
            while not inbox.items:
                await there.publish("toast.closed", b"{}")
                await there.flush()
        assert set(inbox.items) == {"alive"}


async def test_an_instance_that_does_not_answer_is_taken_for_none(
    bus_server: BusServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PROBE_S", 0.2)
    silent = await bus_server.connect("toast")
    await silent.subscribe("$SRV.PING.toast", cb=ignore)
    await silent.flush()
    toast = Bus(find("toast", url=bus_server.url, state=bus_server.state, environ={}), "toast")
    toast.serve_list("toast", lambda _request: [])
    async with toast, deadline("the start"):
        await toast.up()
    await silent.close()


async def test_a_server_that_is_full_is_away(tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.11.2","max_payload":1048576}\r\n')
        await reader.readline()
        writer.write(b"-ERR 'maximum connections exceeded'\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0)
    url = f"nats://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    session = Session(find("user", url=url, state=tmp_path, environ={}), "user", lambda _: None)
    with pytest.raises(BusAway, match="maximum connections exceeded"):
        await session.open()
    await session.close()
    listening.close()
    await listening.wait_closed()


async def test_a_stream_cannot_be_followed(bus_server: BusServer) -> None:
    user = Bus(find("user", url=bus_server.url, state=bus_server.state, environ={}), "user")
    with pytest.raises(ValueError, match="process is a stream without a state"):
        user.follow("process")


def test_the_package_hands_out_its_names_and_no_others() -> None:
    for name in lunix_common.bus.__all__:
        assert getattr(lunix_common.bus, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = lunix_common.bus.nothing


async def test_a_key_that_cannot_be_read_is_told(bus_server: BusServer, tmp_path: Path) -> None:
    known = find("user", url=bus_server.url, state=bus_server.state, environ={})
    session = Session(replace(known, key=tmp_path / "none.nk"), "user", lambda _: None)
    with pytest.raises(BusRefused, match=r"the key .*none\.nk cannot be read: No such file or directory"):
        await session.open()
    await session.close()


async def test_the_clients_own_writer_may_fail(bus_server: BusServer, caplog: pytest.LogCaptureFixture) -> None:
    """nats-py writes once more as it closes after a write that failed, and nobody waits for the task that does."""
    async with opened(bus_server) as session:
        transport: Any = session._client._transport
        flushing: Any = vars(session._client)["_flusher_task"]

        def broken(_payload: list[bytes]) -> None:
            raise ConnectionResetError("the handler is closed")

        transport.writelines = broken
        with suppress(BusAway):
            await session.publish("user.x", b"")
            await session.flush()
        async with deadline("the end of the writer"):
            await asyncio.wait({flushing})
        assert isinstance(flushing._exception, ConnectionResetError)  # asked for, it would be told
    del session, transport, flushing
    gc.collect()
    assert "never retrieved" not in caplog.text
