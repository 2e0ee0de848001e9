"""``lunix init``: services without a bus, as a person asks for them."""

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_testing.command import DEADLINE, SCRIPT, Result, Running, environ, lunix
from lunix_testing.init import InitProgram

IDLE = 'exec = ["sleep", "60"]\n'


@pytest.fixture
def init() -> Iterator[InitProgram]:
    with InitProgram("--no-cgroups") as program:
        program.unit("tea", IDLE + 'description = "green"')
        program.start()
        program.until_state("tea", "up")
        yield program


def ask(init: InitProgram, *words: str) -> Result:
    return lunix("init", *words, "--run", str(init.run))


def test_services_are_listed_with_what_keeps_them(init: InitProgram) -> None:
    init.unit("cold", 'exec = ["sh", "-c", "echo the kettle is empty; exit 7"]\nrestart = "never"')
    init.until_state("cold", "failed")
    init.unit("late", IDLE + 'needs = ["cold"]')
    init.unit("broken", 'exce = "tea"')
    init.until_state("late", "waiting")
    init.until(lambda: init.do("list")["errors"], "the refusal of the broken unit")
    said = ask(init, "list")
    assert said.code == 0
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in said.out.splitlines()}
    assert rows["tea"][0] == "up"
    assert rows["cold"][0] == "failed"
    assert "exited (exit code 7): the kettle is empty" in rows["cold"][1]
    assert "needs cold, which is failed" in " ".join(rows["late"])
    assert "broken.toml:1: unknown key 'exce': did you mean 'exec'?" in said.out
    assert {one["name"] for one in ask(init, "list", "--json").json()["items"]} == {"tea", "cold", "late"}


def test_what_a_daemon_logs_is_json_for_programs_and_a_sentence_on_a_terminal(init: InitProgram) -> None:
    said = '{"time": "2026-01-02T03:04:05Z", "level": "info", "message": "the kettle is on", "cups": 2}'
    init.unit("kettle", f"exec = ['echo', '{said}']\nkind = \"oneshot\"")
    init.until_state("kettle", "done")
    assert ask(init, "logs", "kettle").out.rstrip().endswith(f" {said}")
    person, program = pty.openpty()
    words = [str(SCRIPT), "init", "logs", "kettle", "--run", str(init.run)]
    subprocess.run(words, env=environ({"NO_COLOR": "1"}), stdout=program, check=True, timeout=DEADLINE)
    shown = os.read(person, 4096).decode()
    os.close(program)
    os.close(person)
    assert shown.rstrip().endswith(" the kettle is on  cups=2")


def test_a_service_is_stopped_started_and_restarted_by_hand(init: InitProgram) -> None:
    pid = init.get("tea")["pid"]
    assert ask(init, "stop", "tea").out == "tea is down: stopped by hand\n"
    assert ask(init, "start", "tea").out == "tea is up\n"
    assert ask(init, "restart", "tea", "--json").json()["starts"] == 3
    assert init.get("tea")["pid"] != pid


def test_a_start_that_fails_says_why_and_exits_with_1(init: InitProgram) -> None:
    init.unit("cold", 'exec = ["/nonexistent/kettle"]\nrestart = "never"\nautostart = false')
    init.until_state("cold", "down")
    said = ask(init, "start", "cold")
    assert said.code == 1
    assert "cold is failed: exec-failed" in said.out
    assert "/nonexistent/kettle" in said.out


def test_what_a_unit_is_doing_is_told_in_words_and_as_json(init: InitProgram) -> None:
    said = ask(init, "status", "tea")
    assert said.code == 0
    assert ["description", "green"] in [line.split() for line in said.out.splitlines()]
    assert ask(init, "status", "tea", "--json").json()["pid"] == init.get("tea")["pid"]
    assert init.process is not None
    assert ask(init, "status", "--json").json()["pid"] == init.process.pid


def test_a_name_that_there_is_none_of_is_told(init: InitProgram) -> None:
    said = ask(init, "restart", "coffee")
    assert said.code == 1
    assert "there is no unit 'coffee'" in said.err


@pytest.mark.parametrize("words", [("start",), ("logs",), ("check",), ("brew", "tea")])
def test_a_wrong_word_is_answered_with_what_to_write(init: InitProgram, words: tuple[str, ...]) -> None:
    said = ask(init, *words)
    assert said.code == 100
    assert "init" in said.err


def test_where_no_init_runs_it_is_said_what_to_do(tmp_path: Path) -> None:
    said = lunix("init", "list", "--run", str(tmp_path))
    assert said.code == 111
    assert f"no lunix-init answers at {tmp_path}/control.sock" in said.err
    assert "`lunix up`" in said.err


def test_lines_are_shown_without_what_a_terminal_obeys(init: InitProgram) -> None:
    init.unit("loud", r"""exec = ["printf", "one\\n\\033]52;c;x\\007\\n"]""" + '\nrestart = "never"')
    init.until_state("loud", "done")
    said = ask(init, "logs", "loud")
    assert [line.partition(" ")[2] for line in said.out.splitlines()] == ["one", r"\x1b]52;c;x\x07"]


def test_lines_are_followed_as_they_come(init: InitProgram) -> None:
    going = init.folder / "go"
    script = f"echo first; while [ ! -e {going} ]; do sleep 0.02; done; echo second; exec sleep 60"
    init.unit("talker", f"exec = {json.dumps(['sh', '-c', script])}")
    init.until_line("talker", "first")
    following = Running(("init", "logs", "-f", "talker", "--run", str(init.run)))
    try:
        following.line("first")
        going.touch()
        following.line("second")
    finally:
        following.close()


def test_use_is_told_of_each_and_in_all(init: InitProgram) -> None:
    said = ask(init, "usage")
    rows = [line.split() for line in said.out.splitlines()]
    assert rows[0][:3] == ["SERVICE", "CPU", "MEMORY"]
    assert [row[0] for row in rows[1:]] == ["tea", "in"]
    assert ask(init, "usage", "tea", "--json").json()["items"][0]["pids"] == 1


def test_units_are_checked_without_an_init(tmp_path: Path) -> None:
    (tmp_path / "tea.toml").write_text(IDLE)
    said = lunix("init", "check", str(tmp_path))
    assert (said.code, said.out) == (0, "1 units are in order\n")
    (tmp_path / "broken.toml").write_text('exce = "tea"')
    said = lunix("init", "check", str(tmp_path))
    assert said.code == 1
    assert f"{tmp_path}/broken.toml:1: unknown key 'exce': did you mean 'exec'?" in said.out


def test_the_graph_is_one_for_graphviz(init: InitProgram) -> None:
    assert ask(init, "graph").out.startswith("digraph")


def test_units_are_read_again_and_the_program_too(init: InitProgram) -> None:
    shutil.copy(init.units / "tea.toml", init.units / ".spare")
    assert ask(init, "reload").out == "nothing has changed\n"
    before = init.get("tea")["pid"]
    assert ask(init, "reexec").code == 0
    init.until(lambda: "reexeced" in [one["kind"] for one in init.events()], "the new image")
    assert init.get("tea")["pid"] == before
