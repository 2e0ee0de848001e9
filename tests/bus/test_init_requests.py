"""What is asked of lunix-init over the bus, what it answers, and whom it refuses."""

import asyncio
import json
import os
import signal

import pytest

from lunix_testing.deadline import Inbox, deadline
from lunix_testing.examples import Recorder
from lunix_testing.init import shell
from lunix_testing.init_bus import SPEAKER, Speaking
from lunix_testing.init_bus import speaking as speaking

IDLE = shell("exec sleep 60")
COMMANDS = ("start", "stop", "restart", "reload", "reexec", "poweroff", "reboot")


async def test_a_service_is_stopped_started_and_restarted(speaking: Speaking, record_example: Recorder) -> None:
    speaking.init.unit("tea", IDLE)
    before = speaking.init.until_state("tea", "up")
    for verb, state in (("stop", "down"), ("start", "up"), ("restart", "up")):
        asked = {"name": "tea", "wait": True}
        answer = await speaking.ask(f"init.{verb}", asked)
        assert answer["state"] == state
        record_example(f"init.{verb}", asked, reply=answer)
    now = speaking.init.get("tea")
    assert (now["starts"], before["starts"]) == (3, 1)


async def test_services_are_listed_with_what_is_wrong_with_units(speaking: Speaking, record_example: Recorder) -> None:
    # The broken one first: it is known then before the other one can be told.
    speaking.init.unit("broken", 'exce = "tea"')
    speaking.init.unit("tea", IDLE)
    await speaking.event("init.service.tea.ready")
    answer = await speaking.ask("init.list", role="observer")
    assert [one["id"] for one in answer["items"]] == [SPEAKER, "tea"]
    assert "did you mean 'exec'?" in answer["errors"]["broken"]
    one = await speaking.ask("init.list", {"state": "up", "id": "tea"}, "observer")
    assert [found["id"] for found in one["items"]] == ["tea"]
    del answer["errors"]  # it names a path of the machine
    record_example("init.list", {"state": "up", "id": "tea"}, reply=one | {"errors": {}})


async def test_one_service_is_told_with_its_last_exit(speaking: Speaking, record_example: Recorder) -> None:
    speaking.init.unit("tea", shell("echo cold; exit 7", 'restart = "never"'))
    await speaking.event("init.service.tea.failed")
    answer = await speaking.ask("init.get", "tea", "observer")
    assert (answer["state"], answer["last_exit"]["code"]) == ("failed", 7)
    record_example("init.get", "tea", reply=answer)


@pytest.mark.parametrize("subject", ["get", "usage", "logs", "start", "stop", "restart", "reload"])
async def test_a_unit_that_there_is_none_of_is_not_found(speaking: Speaking, subject: str) -> None:
    assert await speaking.code(f"init.{subject}", {"name": "coffee"}) == 404


async def test_a_request_without_a_name_is_refused(speaking: Speaking) -> None:
    assert await speaking.code("init.stop", {}) == 400
    assert await speaking.code("init.stop", {"name": "x" * 65}) == 400


@pytest.mark.parametrize("role", ["observer", "user"])
async def test_who_is_no_admin_is_refused_by_the_server(speaking: Speaking, role: str) -> None:
    speaking.init.unit("tea", IDLE)
    before = speaking.init.until_state("tea", "up")
    refusals: Inbox[Exception] = Inbox()
    client = await speaking.server.connect(role, error_cb=refusals.put_async)
    subjects = [f"init.{verb}" for verb in (*COMMANDS, "logs")]
    for subject in subjects:
        await client.publish(subject, b'{"name": "tea"}', reply="_INBOX.tea")
    said = [str(one).lower() for one in await refusals.count(len(subjects))]
    await client.close()
    assert all(f'publish to "{subject}"' in one for subject, one in zip(subjects, said, strict=True)), said
    assert speaking.init.get("tea")["pid"] == before["pid"]
    assert speaking.init.do("status")["ending"] is None


async def test_unit_files_are_read_again_and_a_service_its_configuration(
    speaking: Speaking, record_example: Recorder
) -> None:
    speaking.init.unit("tea", shell("trap 'echo reloaded' HUP; echo on; while :; do sleep 0.05; done"))
    speaking.init.until_line("tea", "on")
    answer = await speaking.ask("init.reload", "tea")
    assert answer["service"]["id"] == "tea"
    speaking.init.until_line("tea", "reloaded")
    answer = await speaking.ask("init.reload")
    assert answer == {"added": [], "changed": [], "removed": [], "errors": {}}
    record_example("init.reload", {}, reply=answer)


async def test_what_services_use_is_told_of_each_and_in_total(speaking: Speaking, record_example: Recorder) -> None:
    speaking.init.unit("tea", IDLE)
    speaking.init.until_state("tea", "up")
    answer = await speaking.ask("init.usage", role="observer")
    used = {one["name"]: one for one in answer["items"]}
    assert used["tea"]["pids"] == 1
    assert used["tea"]["memory_bytes"] > 0
    assert used[SPEAKER]["memory_bytes"] > 10_000_000
    assert answer["total"]["pids"] >= 2
    one = await speaking.ask("init.usage", "tea", "observer")
    assert [found["name"] for found in one["items"]] == ["tea"]
    record_example("init.usage", "tea", reply=one)


async def test_ten_thousand_lines_come_whole_in_several_answers(speaking: Speaking, record_example: Recorder) -> None:
    text = "x" * 200
    script = f'i=1; while [ $i -le 10000 ]; do echo "$i {text}"; i=$((i+1)); done; exec sleep 60'
    speaking.init.unit("wordy", shell(script, "[log]\nlines = 10000\n"))
    speaking.init.until(lambda: speaking.init.do("logs", name="wordy", most=1)["next"] == 10_001, "all lines", 60)
    numbers: list[int] = []
    since, answers = 1, 0
    while since <= 10_000:
        message = await speaking.raw("init.logs", {"name": "wordy", "since": since, "most": 10_000})
        assert len(message.data) < 1024 * 1024
        answer = json.loads(message.data)
        assert answer["lost"] == 0
        numbers += [int(line["text"].split()[0]) for line in answer["lines"]]
        since, answers = answer["next"], answers + 1
    assert numbers == list(range(1, 10_001))
    assert answers > 1
    few = await speaking.ask("init.logs", {"name": "wordy", "most": 2})
    assert [line["number"] for line in few["lines"]] == [9999, 10_000]
    speaking.init.unit("tea", shell("echo the kettle is on; exec sleep 60"))
    speaking.init.until_line("tea", "the kettle is on")
    record_example("init.logs", "tea", reply=await speaking.ask("init.logs", "tea"))


async def test_a_page_of_lines_goes_on_where_the_one_before_ended(speaking: Speaking) -> None:
    speaking.init.unit("tea", shell("seq 10; exec sleep 60"))
    speaking.init.until_line("tea", "10")
    seen: list[str] = []
    since = 1
    while since <= 10:
        answer = await speaking.ask("init.logs", {"name": "tea", "since": since, "most": 4})
        seen += [line["text"] for line in answer["lines"]]
        since = answer["next"]
    assert seen == [str(number) for number in range(1, 11)]


async def test_init_runs_its_program_again_under_the_speaker(speaking: Speaking, record_example: Recorder) -> None:
    speaking.init.unit("tea", IDLE)
    await speaking.event("init.service.tea.ready")
    before = {name: speaking.init.get(name)["pid"] for name in ("tea", SPEAKER)}
    answer = await speaking.ask("init.reexec")
    record_example("init.reexec", {}, reply=answer)
    speaking.init.until(lambda: "reexeced" in [one["kind"] for one in speaking.init.events()], "the new image")
    os.kill(before["tea"], signal.SIGKILL)
    told = await speaking.heard.until(
        lambda one: one.subject == "init.service.tea.ready" and json.loads(one.data)["starts"] == 2
    )
    assert json.loads(told.data)["pid"] != before["tea"]
    assert speaking.init.get(SPEAKER)["pid"] == before[SPEAKER]
    # Told once each, although the connection broke between.
    assert speaking.events("tea").count("exited") == 1
    assert not [one for one in speaking.heard.items if one.subject == "init.lost"]


async def test_while_lunix_init_is_away_requests_are_told_so(speaking: Speaking) -> None:
    process = speaking.init.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        asked = asyncio.create_task(speaking.raw("init.get", SPEAKER))
        listed = await speaking.ask("init.list", role="observer")
        assert [one["id"] for one in listed["items"]] == [SPEAKER]
    finally:
        process.send_signal(signal.SIGCONT)
    async with deadline("the answer, late"):
        assert json.loads((await asked).data)["id"] == SPEAKER


async def test_a_reboot_ends_an_init_that_is_not_the_machines(speaking: Speaking, record_example: Recorder) -> None:
    answer = await speaking.ask("init.reboot")
    record_example("init.reboot", {}, reply=answer)
    process = speaking.init.process
    assert process is not None
    assert process.wait(20) == 0
