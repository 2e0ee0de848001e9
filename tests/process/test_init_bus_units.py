"""The units that come with lunix, under a real lunix-init: the bus, its own side of the bus, and the daemons."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_init import unit_dir
from lunix_testing.command import SCRIPT, Running, lunix, wait_until
from lunix_testing.init import InitProgram
from lunix_testing.tree import ROOT

UNITS = ROOT / "init" / "units"


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[InitProgram]:
    """The units of lunix as they are, but for a port of their own and a natsdev that leaves devices alone."""
    with InitProgram() as init:
        init.environment("LUNIX_STATE", str(tmp_path / "state"))
        init.environment("LUNIX_INIT_RUN", str(init.run))
        for path in (UNITS / "lunix").glob("*.toml"):
            text = path.read_text().replace('["serve"]', '["serve", "--port", "0"]').replace('["--manage"]', "[]")
            init.unit(path.stem, text)
        yield init.start()


def state(init: InitProgram) -> dict[str, str]:
    return {one["name"]: one["state"] for one in init.do("list")["items"]}


@pytest.mark.parametrize("folder", ["lunix", "system"])
def test_the_units_that_come_with_lunix_are_in_order(folder: str) -> None:
    errors, _ = unit_dir.check([str(UNITS / folder)])
    assert errors == []


def test_all_of_them_come_up_and_answer(suite: InitProgram, tmp_path: Path) -> None:
    for name in ("bus", "init", "natsdev", "toast"):
        suite.until_state(name, "up", wait_s=60)

    def told() -> dict[str, str]:
        said = lunix("request", "--state", str(tmp_path / "state"), "init.list")
        return {one["id"]: one["state"] for one in said.json()["items"]}

    # What speaks for init on the bus hears of it a moment later.
    up = dict.fromkeys(("bus", "init", "natsdev", "toast"), "up")
    wait_until(lambda: told() == up, "that all of them are told as up")
    assert suite.stop() == 0


def test_a_bus_that_is_killed_is_ready_again_when_it_listens(suite: InitProgram, tmp_path: Path) -> None:
    suite.until_state("init", "up", wait_s=60)
    before = suite.get("bus")["pid"]
    os.kill(before, signal.SIGKILL)
    suite.until(lambda: suite.get("bus")["pid"] not in (None, before) and state(suite)["bus"] == "up", "the bus")
    known = json.loads((tmp_path / "state" / "bus.json").read_bytes())
    assert known["server"]["pid"] == suite.get("bus")["pid"]
    assert suite.get("toast")["starts"] <= 1


def test_a_server_that_serves_is_the_process_that_was_started(tmp_path: Path) -> None:
    assert SCRIPT.exists()
    serving = Running(("serve", "--state", str(tmp_path), "--port", "0"))
    try:
        serving.line("Server is ready", stream="err")
        assert serving.stop(signal.SIGTERM) == 0
    finally:
        serving.close()


def test_a_port_that_is_taken_ends_it(tmp_path: Path) -> None:
    serving = Running(("serve", "--state", str(tmp_path / "one"), "--port", "0"))
    try:
        port = serving.line("Listening for client connections", stream="err").rpartition(":")[2]
        said = lunix("serve", "--state", str(tmp_path / "two"), "--port", port)
        assert said.code != 0
        assert "address already in use" in said.err
    finally:
        serving.close()
