"""lunix-toast on a real bus: what is asked, what is answered, and what everybody hears of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from lunix_common.bus import Bus, find
from lunix_testing.client import Nats
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.events import Event, hear
from lunix_testing.examples import Recorder
from lunix_testing.quiet import quiet
from lunix_testing.server import BusServer

COMMANDS = (
    "toast.in",
    "toast.close",
    "toast.pause",
    "toast.snooze",
    "toast.history.pop",
    "toast.history.clear",
    "toast.history",
    "toast.list",
)


@dataclass
class Desk:
    """A running lunix-toast, somebody who asks, and what that one hears."""

    daemon: Daemon
    client: Nats
    heard: Inbox[Event] = field(default_factory=Inbox[Event])

    async def ask(self, subject: str, payload: object = None) -> dict[str, Any]:
        return await self.client.ask(subject, payload)

    async def refused(self, subject: str, payload: object = None) -> int:
        code: int = (await self.ask(subject, payload))["error"]["code"]
        return code

    async def events(self, number: int) -> list[tuple[str, Any]]:
        """The first events, each its last token and what matters of its payload."""
        return [(event.kind, _essence(event.payload)) for event in await self.heard.count(number)]


def _essence(payload: dict[str, Any]) -> Any:
    for key in ("reason", "action", "summary", "held"):
        if key in payload:
            return payload[key]
    return payload


@pytest.fixture
async def desk(bus_server: BusServer, daemon_process: DaemonStarter) -> AsyncIterator[Desk]:
    daemon = daemon_process("lunix_toast", config='[toast]\nrenderer = "none"\nmost = 20')
    client = await bus_server.connect("user")
    desk = Desk(daemon, client)
    await hear(client, "toast", desk.heard.put)
    yield desk
    await desk.client.close()


async def test_published_bare_text_is_shown(desk: Desk) -> None:
    await desk.client.publish("toast.in", b"a USB stick was plugged in!")
    shown = (await desk.heard.next()).payload
    assert shown["summary"] == "a USB stick was plugged in!"
    assert (shown["urgency"], shown["timeout_ms"], shown["shown"]) == ("normal", 10_000, True)


@pytest.mark.parametrize("text", ["[backup] done", '"Hello" he said', "7", "true", "null", "émoji 👍", "a\nb"])
async def test_text_that_looks_a_little_like_json_is_shown_as_it_is(desk: Desk, text: str) -> None:
    await desk.client.publish("toast.in", text.encode())
    assert await desk.events(1) == [("shown", text)]


async def test_a_json_string_is_the_text_in_it(desk: Desk) -> None:
    await desk.client.publish("toast.in", b'"quoted \\u00e9"')
    assert await desk.events(1) == [("shown", "quoted é")]


async def test_a_request_is_answered_with_the_id_that_is_listed(desk: Desk) -> None:
    accepted = await desk.ask("toast.in", {"summary": "hello", "urgency": "low", "tag": "greeting"})
    listed = await desk.ask("toast.list")
    assert [(toast["id"], toast["summary"]) for toast in listed["items"]] == [(accepted["id"], "hello")]
    assert listed["paused"] is False
    assert (await desk.ask("toast.list", {"tag": "other"}))["items"] == []
    assert len((await desk.ask("toast.list", {"tag": "greeting"}))["items"]) == 1


async def test_toasts_keep_the_order_in_which_they_were_sent(desk: Desk) -> None:
    names = [f"toast {number}" for number in range(15)]
    for name in names:
        await desk.client.publish("toast.in", name.encode())
    assert await desk.events(15) == [("shown", name) for name in names]
    assert [toast["summary"] for toast in (await desk.ask("toast.list"))["items"]] == names


async def test_a_toast_expires_when_its_time_is_up(desk: Desk) -> None:
    await desk.ask("toast.in", {"summary": "stays", "timeout_ms": 0})
    begin = asyncio.get_running_loop().time()
    # Together: on a busy machine the time of the first could be over before the second is asked for.
    for summary, timeout_ms in (("late", 300), ("early", 100)):
        await desk.client.publish("toast.in", json.dumps({"summary": summary, "timeout_ms": timeout_ms}).encode())
    early, late = (await desk.heard.count(5))[3:]
    assert asyncio.get_running_loop().time() - begin >= 0.3
    assert [one.payload["reason"] for one in (early, late)] == ["expired", "expired"]
    assert [toast["summary"] for toast in (await desk.ask("toast.list"))["items"]] == ["stays"]


async def test_closing_is_answered_and_published(desk: Desk) -> None:
    id_ = (await desk.ask("toast.in", b"hello"))["id"]
    assert await desk.ask("toast.close", id_.encode()) == {"id": id_, "reason": "closed"}
    assert await desk.events(2) == [("shown", "hello"), ("closed", "closed")]
    assert await desk.refused("toast.close", {"id": id_}) == 404


async def test_an_action_can_be_chosen_from_anywhere(desk: Desk) -> None:
    offered = [{"key": "open", "label": "Open it"}]
    id_ = (await desk.ask("toast.in", {"summary": "a stick", "actions": offered}))["id"]
    assert await desk.refused("toast.close", {"id": id_, "action": "burn"}) == 400
    assert (await desk.ask("toast.close", {"id": id_, "action": "open"}))["reason"] == "action"
    assert await desk.events(3) == [("shown", "a stick"), ("action", "open"), ("closed", "action")]


async def test_a_pause_holds_toasts_back_until_it_ends(desk: Desk) -> None:
    assert await desk.ask("toast.pause") == {"paused": True, "held": 0, "level": "normal"}
    await desk.ask("toast.in", b"later")
    await desk.ask("toast.in", {"summary": "fire", "urgency": "critical"})
    assert await desk.ask("toast.pause", {"paused": True}) == {"paused": True, "held": 1, "level": "normal"}
    listed = await desk.ask("toast.list")
    assert listed["paused"] is True
    assert [(toast["summary"], toast["shown"]) for toast in listed["items"]] == [("later", False), ("fire", True)]
    assert await desk.ask("toast.pause", {"paused": False}) == {"paused": False, "held": 0}
    assert await desk.events(5) == [
        ("paused", 0),
        ("held", "later"),
        ("shown", "fire"),
        ("resumed", 0),
        ("shown", "later"),
    ]


async def test_do_not_disturb_has_a_level_exceptions_and_an_end(desk: Desk) -> None:
    asked = {"level": "critical", "except_apps": ["Phone", "Alarm"]}
    answer = await desk.ask("toast.pause", asked)
    assert (answer["level"], answer["except_apps"]) == ("critical", ["Alarm", "Phone"])
    for toast in ({"summary": "fire", "urgency": "critical"}, {"summary": "it rings", "app": "Phone"}):
        await desk.client.publish("toast.in", json.dumps(toast).encode())
    await desk.heard.count(3)
    # Only now: on a busy machine the end could come before the toasts.
    assert (await desk.ask("toast.pause", {**asked, "for_ms": 1_000}))["until"] > "2026"
    assert await desk.events(6) == [
        ("paused", 0),
        ("held", "fire"),
        ("shown", "it rings"),
        ("paused", 1),
        ("resumed", 0),
        ("shown", "fire"),
    ]
    assert (await desk.ask("toast.list"))["paused"] is False


async def test_a_snoozed_toast_comes_back(desk: Desk) -> None:
    id_ = (await desk.ask("toast.in", {"summary": "later", "timeout_ms": 0}))["id"]
    # Together: on a busy machine it could be back before anybody looks.
    answer, listing = await asyncio.gather(
        desk.ask("toast.snooze", {"id": id_, "for_ms": 1_000}), desk.ask("toast.list")
    )
    [listed] = listing["items"]
    assert (listed["shown"], listed["held_until"]) == (False, answer["held_until"])
    assert await desk.events(3) == [("shown", "later"), ("held", "later"), ("shown", "later")]
    assert await desk.refused("toast.snooze", b"gone") == 404


async def test_the_history_can_be_listed_popped_and_cleared(desk: Desk) -> None:
    offered = [{"key": "open", "label": "Open it"}]
    ids = [(await desk.ask("toast.in", {"summary": name, "app": name, "actions": offered}))["id"] for name in "abc"]
    for id_ in ids:
        await desk.ask("toast.close", {"id": id_})
    past = await desk.ask("toast.history", {"limit": 2})
    assert [toast["summary"] for toast in past["items"]] == ["c", "b"]
    rest = await desk.ask("toast.history", {"limit": 2, "cursor": past["cursor"]})
    assert [(toast["summary"], toast["reason"]) for toast in rest["items"]] == [("a", "closed")]
    assert [toast["id"] for toast in (await desk.ask("toast.history", {"app": "b"}))["items"]] == [ids[1]]
    assert await desk.ask("toast.history.pop") == {"id": ids[2]}
    assert await desk.ask("toast.history.pop", ids[0].encode()) == {"id": ids[0]}
    assert await desk.refused("toast.history.pop", ids[0].encode()) == 404
    assert (await desk.ask("toast.close", {"id": ids[0], "action": "open"}))["reason"] == "action"
    assert await desk.ask("toast.history.clear", ids[0].encode()) == {"count": 1}
    assert await desk.ask("toast.history.clear", ids[0].encode()) == {"count": 0}
    assert await desk.ask("toast.history.clear") == {"count": 1}
    assert (await desk.ask("toast.history"))["items"] == []


async def test_there_is_no_room_to_bring_a_toast_back_among_critical_ones(desk: Desk) -> None:
    await desk.ask("toast.close", {"id": (await desk.ask("toast.in", b"x"))["id"]})
    for number in range(20):
        await desk.ask("toast.in", {"summary": str(number), "urgency": "critical"})
    assert await desk.refused("toast.history.pop") == 429


async def test_a_resident_toast_answers_its_actions_and_stays(desk: Desk) -> None:
    offered = [{"key": "next", "label": "Next"}]
    id_ = (await desk.ask("toast.in", {"summary": "a song", "actions": offered, "resident": True}))["id"]
    assert await desk.ask("toast.close", {"id": id_, "action": "next"}) == {"id": id_}
    assert await desk.events(2) == [("shown", "a song"), ("action", "next")]
    assert (await desk.ask("toast.close", {"id": id_}))["reason"] == "closed"


async def test_a_flood_of_one_sender_is_cut_and_announced(desk: Desk, record_example: Recorder) -> None:
    # More than the burst and what is allowed again meanwhile, on a slow machine too.
    for number in range(200):
        await desk.client.publish("toast.in", f"toast {number}".encode())
    limited = await desk.heard.until(lambda event: event.subject == "toast.limited")
    record_example("toast.limited", limited.payload, headers=limited.headers)
    assert limited.payload == {"sender": "user", "dropped": 1}
    assert "toasts were dropped" in await asyncio.to_thread(desk.daemon.wait_for_log, "toasts were dropped")
    async with deadline("another one that is accepted"):
        while "error" in await desk.ask("toast.in", b"later"):
            pass
    told = await desk.heard.until(lambda event: event.subject == "toast.limited" and event.payload["dropped"] > 1)
    assert told.payload["dropped"] >= 9


async def test_one_too_many_closes_the_oldest_and_says_so(desk: Desk) -> None:
    for number in range(21):
        await desk.ask("toast.in", {"summary": str(number), "timeout_ms": 0})
    assert (await desk.events(22))[20:] == [("closed", "crowded"), ("shown", "20")]
    assert [toast["summary"] for toast in (await desk.ask("toast.list"))["items"]] == [str(n) for n in range(1, 21)]


async def test_a_low_toast_among_critical_ones_alone_is_refused(desk: Desk) -> None:
    for number in range(20):
        await desk.ask("toast.in", {"summary": str(number), "urgency": "critical"})
    assert await desk.refused("toast.in", b"hello") == 429


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"   ",
        b"{",
        b"[]",
        b'{"summary": ""}',
        b'{"summary": "  "}',
        b'{"summary": 7}',
        b'{"summary": "\\ud800"}',
        b"\xff\xfe",
        b'{"summary": "x", "urgency": "panic"}',
        b'{"summary": "x", "timeout_ms": -1}',
        b'{"summary": "x", "timeout_ms": 99999999999999999999}',
        b'{"summary": "x", "actions": [{"key": "a", "label": "b"}, {"key": "a", "label": "c"}]}',
        json.dumps({"summary": "x" * 100_000}).encode(),
        json.dumps({"summary": "x", "body": "y" * 100_000}).encode(),
        b"x" * 100_000,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda payload: repr(payload[:40]),
)
async def test_what_makes_no_toast_is_refused_and_the_next_one_is_shown(desk: Desk, payload: bytes) -> None:
    await desk.client.publish("toast.in", payload)
    error = (await desk.ask("toast.in", payload))["error"]
    assert error["code"] == 400
    assert len(error["message"]) < 500
    await desk.ask("toast.in", b"still here")
    assert await desk.events(1) == [("shown", "still here")]


async def test_hostile_text_arrives_as_it_was_sent(desk: Desk) -> None:
    evil = "<script>\x1b]52;c;aGk=\x07\u202e../\r\n\x00"
    await desk.ask("toast.in", {"summary": f"x{evil}x", "body": evil, "tag": evil})
    shown = (await desk.heard.next()).payload
    assert (shown["summary"], shown["body"], shown["tag"]) == (f"x{evil}x", evil, evil)


@pytest.mark.parametrize("command", COMMANDS)
async def test_an_observer_is_refused(desk: Desk, bus_server: BusServer, command: str) -> None:
    options = find("observer", url=bus_server.url, state=bus_server.state, environ={})
    id_ = (await desk.ask("toast.in", {"summary": "mine", "timeout_ms": 0}))["id"]
    async with Bus(options, "observer") as observer:
        async with deadline("connecting"):
            await observer.up()
        with pytest.raises(Exception, match="role") as refused:
            await observer.request(command, {"id": id_, "summary": "theirs", "paused": True})
    assert getattr(refused.value, "code", None) == 403
    listed = await desk.ask("toast.list")
    assert [toast["summary"] for toast in listed["items"]] == ["mine"]
    assert listed["paused"] is False


async def test_stopping_closes_every_toast_and_says_why(desk: Desk) -> None:
    await desk.ask("toast.in", b"one")
    await desk.ask("toast.pause")
    await desk.ask("toast.in", b"two")
    assert await asyncio.to_thread(desk.daemon.stop) == 0
    assert (await desk.events(5))[3:] == [("closed", "shutdown"), ("closed", "shutdown")]


async def test_a_mirror_of_the_public_protocol_knows_held_and_changed_toasts(desk: Desk, bus_server: BusServer) -> None:
    options = find("user", url=bus_server.url, state=bus_server.state, environ={})
    async with Bus(options, "user") as user, deadline("the mirror's agreement"), user.follow("toast") as mirror:
        first = (await desk.ask("toast.in", {"summary": "1 %", "tag": "copy", "timeout_ms": 0}))["id"]
        await desk.ask("toast.pause")
        await desk.ask("toast.in", {"summary": "2 %", "tag": "copy", "timeout_ms": 0})
        held = (await desk.ask("toast.in", {"summary": "later", "timeout_ms": 0}))["id"]
        await mirror.until(lambda items: set(items) == {first, held})
        await mirror.until(lambda items: "2 %" in items[first].to_json().decode())
        await desk.ask("toast.close", {"id": first})
        await mirror.until(lambda items: set(items) == {held})
        assert mirror.listings == 1


async def test_toasts_outlive_the_server(desk: Desk, bus_server: BusServer) -> None:
    await desk.ask("toast.in", {"summary": "before", "timeout_ms": 0})
    await desk.client.close()
    bus_server.kill()
    desk.daemon.wait_for_log("the bus is away")
    since = len(desk.daemon.log)
    bus_server.start()
    await asyncio.to_thread(desk.daemon.wait_for_log, "on the bus", since)
    desk.client = await bus_server.connect("user")
    listed = await desk.ask("toast.list")
    assert [toast["summary"] for toast in listed["items"]] == ["before"]


async def test_a_quiet_daemon_is_not_woken(desk: Desk) -> None:
    await desk.ask("toast.in", {"summary": "stays", "timeout_ms": 0})
    await desk.ask("toast.list")
    await quiet(desk.daemon.pid)


async def test_every_message_is_as_the_table_declares_it(desk: Desk, record_example: Recorder) -> None:
    stick = {
        "summary": "a USB stick was plugged in!",
        "body": "29.8 GiB, vfat, labelled HOLIDAYS",
        "actions": [{"key": "open", "label": "Open it"}, {"key": "no", "label": "Ignore"}],
        "tag": "stick",
    }
    accepted = await desk.ask("toast.in", stick)
    record_example("toast.in", stick, reply=accepted)
    choice = {"id": accepted["id"], "action": "open"}
    record_example("toast.list", {}, reply=await desk.ask("toast.list"))
    record_example("toast.close", choice, reply=await desk.ask("toast.close", choice))
    record_example("toast.pause", {"paused": True}, reply=await desk.ask("toast.pause", {"paused": True}))
    await desk.ask("toast.in", b"the backup is done")
    await desk.ask("toast.pause", {"paused": False})
    names = [f"toast.{name}" for name in ("shown", "action", "closed", "paused", "held", "resumed", "shown")]
    events = await desk.heard.count(len(names))
    assert [event.subject for event in events] == names
    await record_history(desk, record_example)
    for event in reversed(events):
        record_example(event.subject, event.payload, headers=event.headers)


async def record_history(desk: Desk, record_example: Recorder) -> None:
    id_ = (await desk.ask("toast.list"))["items"][0]["id"]
    snooze = {"id": id_, "for_ms": 600_000}
    record_example("toast.snooze", snooze, reply=await desk.ask("toast.snooze", snooze))
    await desk.ask("toast.close", {"id": id_})
    record_example("toast.history", {"limit": 1}, reply=await desk.ask("toast.history", {"limit": 1}))
    record_example("toast.history.pop", {}, reply=await desk.ask("toast.history.pop"))
    await desk.ask("toast.close", {"id": id_})
    record_example("toast.history.clear", {}, reply=await desk.ask("toast.history.clear"))
