"""What lunix-init tells, on the bus: each event with the service after it, in order."""

import json
import os
import signal
from typing import Any

import pytest
from nats.aio.msg import Msg

from lunix_testing.deadline import Inbox
from lunix_testing.examples import Recorder
from lunix_testing.init import shell
from lunix_testing.init_bus import SPEAKER, Speaking, speaker
from lunix_testing.init_bus import speaking as speaking

WHOLE_LIFE = ["added", "starting", "started", "ready", "exited", "failed"]


def payload(message: Msg) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message.data)
    return found


async def test_a_service_that_fails_for_good_tells_its_whole_life(speaking: Speaking, record_example: Recorder) -> None:
    speaking.init.unit("tea", shell("echo the kettle is empty; exit 7", 'restart = "never"'))
    failed = payload(await speaking.event("init.service.tea.failed"))
    assert speaking.events("tea") == WHOLE_LIFE
    assert (failed["id"], failed["state"], failed["starts"]) == ("tea", "failed", 1)
    assert failed["exit"]["code"] == 7
    message = await speaking.event("init.service.tea.exited")
    exit_ = payload(message)["exit"]
    assert (exit_["cause"], exit_["code"], exit_.get("signal"), exit_["asked"]) == ("exited", 7, None, False)
    assert "lines" not in exit_
    assert exit_["runtime_s"] >= 0
    record_example(message.subject, payload(message), headers=message.headers or {})


async def test_what_a_service_wrote_last_is_for_admins_alone(speaking: Speaking, record_example: Recorder) -> None:
    heard: Inbox[Msg] = Inbox()
    admin = await speaking.client("admin")
    await admin.subscribe("init.log.*.last", cb=heard.put_async)  # pyright: ignore[reportUnknownMemberType]
    await admin.flush()
    speaking.init.unit("tea", shell("echo the kettle is empty; exit 7", 'restart = "never"'))
    message = await heard.next()
    assert payload(message)["lines"] == ["the kettle is empty"]
    record_example(message.subject, payload(message), headers=message.headers or {})
    await speaking.event("init.service.tea.failed")
    assert "kettle" not in repr([message.data for message in speaking.heard.items])
    for subject in ("init.get", "init.list"):
        assert "kettle" not in json.dumps(await speaking.ask(subject, "tea", "observer"))
    assert (await speaking.ask("init.get", "tea", "admin"))["last_exit"]["lines"] == ["the kettle is empty"]


async def test_what_a_service_writes_is_told_as_it_is_written_where_that_is_asked_for(
    speaking: Speaking, record_example: Recorder
) -> None:
    heard: Inbox[Msg] = Inbox()
    admin = await speaking.client("admin")
    await admin.subscribe("init.log.*.line", cb=heard.put_async)  # pyright: ignore[reportUnknownMemberType]
    await admin.flush()
    asking = speaker(speaking.init, speaking.server) + "LUNIX_INIT_LOG = '[\"tea\"]'\n"
    speaking.init.unit(SPEAKER, asking)
    speaking.init.unit("tea", shell("echo one; echo two; echo three; exec sleep 1000"))
    speaking.init.unit("milk", shell("echo silent; exec sleep 1000"))
    lines = [payload(message) for message in await heard.count(3)]
    assert [(line["service"], line["number"], line["text"]) for line in lines] == [
        ("tea", 1, "one"),
        ("tea", 2, "two"),
        ("tea", 3, "three"),
    ]
    record_example(heard.items[0].subject, lines[0], headers=heard.items[0].headers or {})


async def test_an_observer_may_not_listen_to_what_services_write(speaking: Speaking) -> None:
    refused: Inbox[Exception] = Inbox()
    client = await speaking.server.connect("observer", error_cb=refused.put_async)
    await client.subscribe("init.log.*.last")  # pyright: ignore[reportUnknownMemberType]
    await client.flush()
    speaking.init.unit("tea", shell("echo the kettle is empty; exit 7", 'restart = "never"'))
    await speaking.event("init.service.tea.failed")
    heard = client.stats["in_msgs"]
    await client.close()
    assert heard == 0


async def test_events_are_numbered_without_a_gap(speaking: Speaking) -> None:
    speaking.init.unit("tea", shell("exit 7", 'restart = "never"'))
    await speaking.event("init.service.tea.failed")
    tea = [message.headers or {} for message in speaking.heard.items if ".tea." in message.subject]
    numbers = [int(headers["Lunix-Seq"]) for headers in tea]
    assert numbers == list(range(numbers[0], numbers[0] + len(WHOLE_LIFE)))
    assert [int(headers["Lunix-Prev"]) for headers in tea] == [0] * len(WHOLE_LIFE)
    assert {headers["Lunix-Source"] for headers in tea} == {"init"}


async def test_a_killed_service_tells_the_signal_and_starts_again(speaking: Speaking) -> None:
    speaking.init.unit("tea", shell("exec sleep 60"))
    ready = payload(await speaking.event("init.service.tea.ready"))
    os.kill(ready["pid"], signal.SIGSEGV)
    exit_ = payload(await speaking.event("init.service.tea.exited"))["exit"]
    assert (exit_["cause"], exit_["signal"]) == ("killed", "SIGSEGV")
    again = await speaking.heard.until(
        lambda message: message.subject == "init.service.tea.ready" and payload(message)["starts"] == 2
    )
    assert payload(again)["pid"] != ready["pid"]


async def test_a_stop_by_hand_is_told_as_one_that_was_asked_for(speaking: Speaking) -> None:
    speaking.init.unit("tea", shell("exec sleep 60"))
    await speaking.event("init.service.tea.ready")
    await speaking.ask("init.stop", "tea")
    told = payload(await speaking.event("init.service.tea.exited"))
    assert speaking.events("tea")[-2:] == ["stopping", "exited"]
    assert (told["state"], told["manual"], told["exit"]["asked"]) == ("down", False, True)


async def test_a_program_that_is_not_there_is_told_as_such(speaking: Speaking) -> None:
    speaking.init.unit("tea", 'exec = ["/nonexistent/kettle"]\nrestart = "never"')
    exit_ = payload(await speaking.event("init.service.tea.exited"))["exit"]
    assert exit_["cause"] == "exec-failed"
    assert "/nonexistent/kettle" in exit_["message"]


async def test_a_removed_unit_is_told_after_its_end(speaking: Speaking) -> None:
    speaking.init.unit("tea", shell("exec sleep 60"))
    await speaking.event("init.service.tea.ready")
    (speaking.init.units / "tea.toml").unlink()
    await speaking.event("init.service.tea.removed")
    assert speaking.events("tea")[-3:] == ["stopping", "exited", "removed"]
    assert await speaking.code("init.get", "tea") == 404


async def test_a_unit_that_never_ran_is_told_when_it_comes_changes_and_goes(speaking: Speaking) -> None:
    idle = shell("exec sleep 60", "autostart = false\n")
    speaking.init.unit("tea", idle)
    assert payload(await speaking.event("init.service.tea.added"))["state"] == "down"
    speaking.init.unit("tea", idle + 'description = "green"\n')
    assert payload(await speaking.event("init.service.tea.changed"))["description"] == "green"
    (speaking.init.units / "tea.toml").unlink()
    await speaking.event("init.service.tea.removed")
    assert speaking.events("tea") == ["added", "changed", "removed"]


async def test_what_a_service_says_of_itself_is_told(speaking: Speaking) -> None:
    code = """
import os, socket, time
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"STATUS=the water is warm", os.environ["NOTIFY_SOCKET"])
time.sleep(60)
"""
    speaking.init.unit("tea", f'exec = ["python3", "-c", {json.dumps(code)}]\nready = "notify"')
    assert payload(await speaking.event("init.service.tea.changed"))["status"] == "the water is warm"


async def test_the_end_of_everything_is_announced(speaking: Speaking, record_example: Recorder) -> None:
    answer = await speaking.ask("init.poweroff")
    message = await speaking.event("init.shutdown")
    assert payload(message) == {"ending": "poweroff"}
    process = speaking.init.process
    assert process is not None
    assert process.wait(20) == 0
    record_example("init.poweroff", {}, reply=answer)
    record_example(message.subject, payload(message), headers=message.headers or {})


async def test_a_hostile_name_is_one_token(speaking: Speaking) -> None:
    speaking.init.unit("a.b@c", shell("exec sleep 60"))
    told = payload(await speaking.event("init.service.a%2Eb%40c.ready"))
    assert told["id"] == "a.b@c"


@pytest.mark.root
async def test_a_limit_that_was_met_is_told(speaking: Speaking, record_example: Recorder) -> None:
    """Only where the kernel gives the group a memory file or pressure; elsewhere the unit says so itself."""
    # Both on one processor: with one each, neither would ever wait for the other.
    busy = "exec taskset -c 0 sh -c 'while :; do :; done'"
    speaking.init.unit("tea", shell(busy, "nice = 19\n[pressure]\ncpu = 1\n"))
    await speaking.event("init.service.tea.ready")
    if speaking.init.get("tea")["unenforced_limits"]:
        assert speaking.init.get("tea")["unenforced_limits"] == ["pressure.cpu"]
        return
    speaking.init.unit("rival", shell(busy))
    message = await speaking.heard.until(lambda one: one.subject.startswith("init.usage.tea."), 30)
    assert payload(message)["resource"] == "cpu"
    assert payload(message)["figures"]
    record_example(message.subject, payload(message), headers=message.headers or {})


async def test_the_speaker_is_a_service_like_any_other(speaking: Speaking) -> None:
    pid = speaking.init.get(SPEAKER)["pid"]
    os.kill(pid, signal.SIGKILL)
    again = await speaking.heard.until(
        lambda message: message.subject == f"init.service.{SPEAKER}.ready" and payload(message)["starts"] == 2
    )
    assert payload(again)["pid"] != pid
