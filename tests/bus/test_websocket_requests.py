"""lunix-websocket on a real bus: frames both ways, subjects in paths, and who is told what."""

import asyncio
import base64
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from lunix_common.subjects import Role
from lunix_testing.daemon import DaemonStarter
from lunix_testing.examples import Recorder
from lunix_testing.peers import Peers
from lunix_testing.websocket import Visits, Web
from lunix_testing.websocket import visits as visits
from lunix_testing.websocket import web as web


async def test_events_come_as_frames_with_what_numbers_them(visits: Visits, peers: Peers) -> None:
    visit, natsdev = await visits(), await peers("natsdev")
    await visit.listen("hardware.>")
    await natsdev.send("hardware.usb.add", b'{"name":"stick"}', headers={"Lunix-Seq": "7"})
    assert await visit.next() == {
        "topic": "hardware.usb.add",
        "filter": "hardware.>",
        "headers": {"Lunix-Seq": "7"},
        "payload": {"name": "stick"},
    }


async def test_the_token_may_come_in_the_first_frame(web: Web, visits: Visits) -> None:
    visit = await visits(token=None)
    await visit.say(op="auth", token=web.secret())
    assert await visit.next() | {"host": "box"} == {
        "op": "hello", "token": "page", "role": "user", "host": "box", "version": "0.1.0",
    }  # fmt: skip


async def test_basic_authentication_is_a_token_too(web: Web, visits: Visits) -> None:
    credentials = base64.b64encode(f":{web.secret()}".encode()).decode()
    visit = await visits(token=None, headers={"Authorization": f"Basic {credentials}"})
    assert (await visit.next())["op"] == "hello"


async def test_a_request_is_answered_under_its_id(visits: Visits, daemon_process: DaemonStarter) -> None:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    visit = await visits()
    answer = await visit.ask("toast.in", "tea is ready")
    assert answer["op"] == "reply"
    listed = await visit.ask("toast.list")
    assert [toast["summary"] for toast in listed["payload"]["items"]] == ["tea is ready"]
    assert (await visit.ask("toast.close", {"id": answer["payload"]["id"]}))["payload"]["reason"] == "closed"
    assert (await visit.ask("toast.close", {"id": "none"}))["error"]["code"] == 404


async def test_a_request_that_is_not_answered_in_time_is_an_error(visits: Visits, peers: Peers) -> None:
    visit, natsdev = await visits(), await peers("natsdev")
    await natsdev.listen("hardware.list")
    await visit.say(op="request", id=1, topic="hardware.list", timeout_ms=50)
    found = await visit.until(lambda frame: frame.get("id") == 1)
    assert found["error"] == {"code": 504, "message": "no answer on hardware.list within 0.05 s"}


async def test_requests_do_not_wait_for_one_another(visits: Visits, daemon_process: DaemonStarter) -> None:
    daemon_process("lunix_toast", config='[toast]\nrenderer = "none"')
    visit = await visits()
    await visit.next()
    await visit.say(op="request", id="slow", topic="user.nobody", timeout_ms=300)
    await visit.say(op="request", id="quick", topic="toast.list")
    assert [(await visit.next())["id"] for _ in range(2)] in (["slow", "quick"], ["quick", "slow"])
    assert {frame.get("op") for frame in visit.seen} == {"hello", "error", "reply"}


async def test_a_frame_without_op_is_published_and_one_with_an_id_confirmed(visits: Visits, peers: Peers) -> None:
    visit, user = await visits(), await peers("user")
    ear = await user.listen("user.>")
    await visit.say(topic="user.lamp", payload={"on": True}, _msgid="node-red")
    await visit.say(topic="user.text", payload="on", id=1)
    await visit.until(lambda frame: frame.get("op") == "published")
    await visit.say(topic="user.bytes", payload=base64.b64encode(b"\xff\0").decode(), encoding="base64")
    got = [(message.subject, message.data) for message in [await ear.next() for _ in range(3)]]
    assert got == [("user.lamp", b'{"on":true}'), ("user.text", b"on"), ("user.bytes", b"\xff\0")]


async def test_binary_payloads_come_as_base64(visits: Visits, peers: Peers) -> None:
    visit, user = await visits("/sub/user.>"), await peers("user")
    watcher = await visits()
    await watcher.listen("user.>")
    await user.send("user.bytes", b"\xff\0")
    assert await visit.next() == {"topic": "user.bytes", "payload": "/wA=", "encoding": "base64"}


async def test_a_sub_socket_needs_no_code(visits: Visits, peers: Peers) -> None:
    other, visit, natsdev = await visits(), await visits("/sub/hardware.usb.*"), await peers("natsdev")
    await other.listen("hardware.usb.*")
    await natsdev.send("hardware.usb.add", b'{"name":"stick"}')
    assert await visit.next() == {"topic": "hardware.usb.add", "payload": {"name": "stick"}}


async def test_a_pub_socket_takes_text_bytes_and_messages_of_node_red(visits: Visits, peers: Peers) -> None:
    visit, ear = await visits("/pub/user.lamp"), await (await peers("user")).listen("user.>")
    await visit.socket.send("on")
    await visit.socket.send(b"\xff")
    await visit.socket.send('{"_msgid":"1","topic":"whatever","payload":{"on":false}}')
    assert [(await ear.next()).data for _ in range(3)] == [b"on", b"\xff", b'{"on":false}']


async def test_a_pub_socket_with_wildcards_takes_the_topic_of_a_frame(visits: Visits, peers: Peers) -> None:
    visit, ear = await visits("/pub/user.lamp.*"), await (await peers("user")).listen("user.>")
    await visit.say(topic="user.door.open", payload=1)
    assert (await visit.next())["error"]["code"] == 403
    await visit.socket.send("no frame")
    assert (await visit.next())["error"]["code"] == 400
    await visit.say(topic="user.lamp.kitchen", payload=1)
    assert (await ear.next()).subject == "user.lamp.kitchen"


async def test_unsubscribing_ends_it_and_the_subscription_on_the_bus(web: Web, visits: Visits, peers: Peers) -> None:
    visit, natsdev = await visits(), await peers("natsdev")
    await visit.listen("hardware.usb.*")
    await visit.listen("hardware.net.*")
    await visit.say(op="unsubscribe", topic="hardware.usb.*", id=2)
    await visit.until(lambda frame: frame.get("op") == "unsubscribed")
    await natsdev.send("hardware.usb.add")
    await natsdev.send("hardware.net.add")
    assert (await visit.next())["topic"] == "hardware.net.add"
    await visit.say(op="unsubscribe", topic="never", id=3)
    assert (await visit.next())["op"] == "unsubscribed"
    await visit.say(op="subscribe", topic="hardware.net.*", id=4)
    assert (await visit.next())["error"]["code"] == 409


async def test_nonsense_is_answered_and_the_socket_lives_on(visits: Visits) -> None:
    visit = await visits()
    await visit.next()
    for text in ("", "[]", '{"id":9,"op":"dance"}', '{"topic":"a b"}', '{"op":"auth","token":"again"}', "[" * 9999):
        await visit.socket.send(text)
        assert (await visit.next())["error"]["code"] == 400
    await visit.socket.send(b"\xff\xfe")
    assert (await visit.next())["error"]["code"] == 400
    assert visit.seen[3]["id"] == 9


async def test_subscriptions_are_whole_again_after_the_server_was_killed(
    web: Web, visits: Visits, peers: Peers
) -> None:
    visit = await visits()
    await visit.listen("hardware.>")
    web.server.kill()
    await visit.say(topic="user.a", id="away")
    assert (await visit.until(lambda frame: frame.get("id") == "away"))["error"]["code"] == 503
    web.server.start()
    await visit.until(lambda frame: frame.get("op") == "subscribed")
    await (await peers("natsdev")).send("hardware.usb.add")
    assert (await visit.until(lambda frame: "payload" in frame))["topic"] == "hardware.usb.add"


async def test_a_page_is_served_with_a_strict_policy_and_without_cookies(web: Web) -> None:
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
        answer = web.get(path)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(kind)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "Set-Cookie" not in answer.headers


async def test_health_tells_whether_the_bus_is_there(web: Web) -> None:
    assert web.get("/health").json() == {"bus": True}
    web.server.kill()
    await asyncio.to_thread(web.daemon.wait_for_log, "the bus is away")
    assert web.get("/health").status == 503


async def test_the_subjects_are_those_that_the_token_may_use(web: Web) -> None:
    assert web.get("/subjects").status == 401
    told: dict[str, list[dict[str, Any]]] = web.get("/subjects", Authorization=f"Bearer {web.secret()}").json()
    names = {row["subject"] for row in told["subjects"]}
    assert next(domain for domain in told["domains"] if domain["name"] == "hardware")["gone"] == ["remove"]
    assert {"toast.in", "hardware.list", "toast.shown"} <= names
    assert not {"init.start", "init.logs", "init.poweroff"} & names
    document = web.get("/asyncapi.json", Authorization=f"Bearer {web.secret()}").json()
    assert document["asyncapi"] == "3.0.0"
    assert "toast.in" in document["channels"]
    assert "init.start" not in document["channels"]


async def test_who_is_there_is_listed_and_told_to_admins(
    web: Web, visits: Visits, peers: Peers, record_example: Recorder
) -> None:
    admin = await peers("admin")
    ears = {event: await admin.listen(f"websocket.{event}") for event in ("opened", "closed")}
    visit = await visits(user_agent_header="Firefox")
    await visit.next()
    listing = json.loads((await admin.ask("websocket.list", b'{"token":"page"}')).data)
    (client,) = listing["items"]
    assert (client["token"], client["role"], client["path"], client["agent"]) == ("page", "user", "/bus", "Firefox")
    assert json.loads((await admin.ask("websocket.list", b"other")).data)["items"] == []
    record_example("websocket.list", "page", reply=listing)
    await visit.socket.close()
    for event, ear in ears.items():
        message = await ear.next()
        assert message.subject == f"websocket.{event}"
        assert json.loads(message.data)["id"] == client["id"]
        record_example(message.subject, json.loads(message.data), headers=message.headers)


async def test_a_token_that_is_made_while_it_runs_counts_at_once_and_a_removed_one_no_more(
    web: Web, visits: Visits
) -> None:
    from lunix_common.access import tokens

    secret = web.add("ada", Role.OBSERVER)
    visit = await visits(token=secret)
    assert (await visit.next())["role"] == "observer"
    tokens.remove(web.server.state, "ada")
    web.server.reload()
    with pytest.raises(ConnectionClosed):
        await visit.until(lambda _frame: False)
    await asyncio.to_thread(web.daemon.wait_for_log, "takes a token no more")


async def test_a_token_of_an_administrator_with_a_grant_restarts_a_service(
    web: Web, visits: Visits, peers: Peers
) -> None:
    init = await peers("init")
    seen = await init.answer("init.restart", b'{"id":"toast"}')
    granted = await visits(token=web.add("ada", Role.ADMIN, "init.restart"))
    assert (await granted.ask("init.restart", {"name": "toast"}))["payload"] == {"id": "toast"}
    assert (await granted.ask("init.stop", {"name": "toast"}))["error"]["code"] == 403
    assert json.loads((seen[0].headers or {})["Nats-Request-Info"])["acc"] == "ADMIN-websocket-ada"
