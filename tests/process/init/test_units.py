"""The directory of units: files appear, change, break and vanish, and exactly those services follow."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest

from lunix_init.control import Refused
from lunix_testing.init import SLEEP, InitProgram


def starts(program: InitProgram) -> dict[str, int]:
    return {item["name"]: item["starts"] for item in program.do("list")["items"]}


def test_a_file_that_appears_changes_and_vanishes_moves_its_service_alone(
    init: InitProgram,
) -> None:
    init.unit("other", SLEEP)
    init.start()
    init.until_state("other", "up")
    init.unit("a", SLEEP)
    init.until_state("a", "up")
    init.unit("a", SLEEP + "nice = 1\n")
    init.until(lambda: starts(init) == {"a": 2, "other": 1}, "a is restarted alone")
    (init.units / "a.toml").unlink()
    init.until(lambda: starts(init) == {"other": 1}, "a is gone")
    changes = [event for event in init.events() if event["kind"] == "units.changed"]
    assert [(x["added"], x["changed"], x["removed"]) for x in changes] == [
        (["other"], [], []),
        (["a"], [], []),
        ([], ["a"], []),
        ([], [], ["a"]),
    ]


def test_a_file_that_is_written_in_place_is_read_when_it_is_whole(init: InitProgram) -> None:
    init.start()
    (init.units / "a.toml").write_text(SLEEP)
    init.until_state("a", "up")
    (init.units / "a.toml").write_text(SLEEP + "nice = 2\n")
    init.until(lambda: starts(init) == {"a": 2}, "the change is seen")


def test_the_same_text_again_changes_nothing(init: InitProgram) -> None:
    init.unit("a", SLEEP)
    init.start()
    init.until_state("a", "up")
    init.unit("a", "# a comment\n" + SLEEP)
    init.unit("b", SLEEP)
    init.until_state("b", "up")
    assert starts(init) == {"a": 1, "b": 1}


def test_a_file_that_breaks_leaves_its_service_running_and_is_told(init: InitProgram) -> None:
    init.unit("a", SLEEP)
    init.start()
    init.until_state("a", "up")
    init.unit("a", SLEEP + "nise = 2\n")
    init.until(lambda: init.do("status")["errors"], "the error is told")
    assert init.do("status")["errors"] == {"a": f"{init.units}/a.toml:2: unknown key 'nise': did you mean 'nice'?"}
    assert init.state("a") == "up"
    init.unit("broken", "nothing\n")
    init.until(lambda: len(init.do("status")["errors"]) == 2, "both are told")
    with pytest.raises(Refused, match="was refused"):
        init.do("start", name="broken")


def test_a_file_that_is_removed_and_made_again_at_once_runs_again(init: InitProgram) -> None:
    init.unit("a", SLEEP)
    init.start()
    for _ in range(20):
        init.until_state("a", "up")
        (init.units / "a.toml").unlink()
        init.unit("a", SLEEP)
        init.do("reload")
    init.until_state("a", "up")


def test_a_directory_that_is_removed_and_made_again_at_once_is_watched(init: InitProgram) -> None:
    init.unit("a", SLEEP)
    init.start()
    for nice in range(1, 10):
        shutil.rmtree(init.units)
        init.units.mkdir()
        init.unit("a", SLEEP + f"nice = {nice}\n")
        until_nice(init, nice)


def until_nice(program: InitProgram, nice: int) -> None:
    def reached() -> bool:
        pid = program.get("a")["pid"] if program.state("a") == "up" else None
        return pid is not None and os.getpriority(os.PRIO_PROCESS, pid) == os.nice(0) + nice

    program.until(reached, f"a runs with nice {nice}")


def test_a_swap_of_the_directory_restarts_only_what_changed(init: InitProgram) -> None:
    first, second = init.folder / "gen1", init.folder / "gen2"
    init.units.rmdir()
    for folder, nice in ((first, 1), (second, 2)):
        folder.mkdir()
        (folder / "same.toml").write_text(SLEEP)
        (folder / "changed.toml").write_text(SLEEP + f"nice = {nice}\n")
    (first / "old.toml").write_text(SLEEP)
    (second / "new.toml").write_text(SLEEP)
    second.chmod(0o555)
    init.units.symlink_to(first)
    init.start()
    init.until_state("old", "up")
    fresh = init.folder / "fresh"
    fresh.symlink_to(second)
    fresh.rename(init.units)
    init.until(lambda: starts(init) == {"same": 1, "changed": 2, "new": 1}, "only what changed is restarted")


@pytest.mark.parametrize("level", range(4))
def test_any_link_of_a_chain_can_be_changed(init: InitProgram, level: int) -> None:
    """units -> l1/x -> ../l2 -> real: each of the links in turn is replaced."""
    folder = init.folder
    for name in ("real", "other", "l1", "l1b"):
        (folder / name).mkdir()
    (folder / "real" / "a.toml").write_text(SLEEP)
    (folder / "other" / "b.toml").write_text(SLEEP)
    init.units.rmdir()
    (folder / "l2").symlink_to("real")
    (folder / "l1" / "x").symlink_to("../l2")
    (folder / "l1b" / "x").symlink_to("../other")
    (folder / "link1").symlink_to("l1")
    init.units.symlink_to(folder / "link1" / "x")
    init.start()
    init.until_state("a", "up")
    new = folder / "new"
    if level == 0:
        new.symlink_to(folder / "other")
        new.rename(init.units)
    elif level == 1:
        new.symlink_to("l1b")
        new.rename(folder / "link1")
    elif level == 2:
        new.symlink_to("../other")
        new.rename(folder / "l1" / "x")
    else:
        (folder / "l2").unlink()
        (folder / "l2").symlink_to("other")
    init.until(lambda: starts(init) == {"b": 1}, "the other directory is used")


def test_a_unit_that_is_a_link_follows_its_target(init: InitProgram) -> None:
    target = init.folder / "target.toml"
    target.write_text(SLEEP)
    (init.units / "a.toml").symlink_to(target)
    init.start()
    init.until_state("a", "up")
    target.write_text(SLEEP + "nice = 3\n")
    init.until(lambda: starts(init) == {"a": 2}, "the target's change is seen")


def test_a_directory_that_comes_later_is_found(init: InitProgram) -> None:
    init.units.rmdir()
    init.start()
    draft = init.folder / "draft"
    draft.mkdir()
    (draft / "a.toml").write_text(SLEEP)
    draft.rename(init.units)
    init.until_state("a", "up")


def test_a_cycle_is_refused_and_the_rest_runs(init: InitProgram) -> None:
    init.unit("a", SLEEP + 'needs = ["b"]\n')
    init.unit("b", SLEEP + 'after = ["a"]\n')
    init.unit("c", SLEEP)
    init.start()
    init.until_state("c", "up")
    assert init.do("status")["errors"] == {
        "a": "a.toml: is part of a cycle: a -> b -> a",
        "b": "b.toml: is part of a cycle: a -> b -> a",
    }


def test_a_stop_by_hand_outlives_a_changed_file(init: InitProgram) -> None:
    init.unit("a", SLEEP)
    init.start()
    init.until_state("a", "up")
    init.do("stop", name="a", wait=True)
    init.unit("a", SLEEP + "nice = 1\n")
    init.do("reload")
    assert init.get("a")["state"] == "down"
    assert init.get("a")["manual"] is False


def watches(pid: int) -> int:
    """Count the inotify watches of a process."""
    found = 0
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a connection that was closed meanwhile
            found += path.read_text().count("inotify wd:")
    return found


def descriptors(pid: int) -> int:
    """Count the open descriptors of a process."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def test_no_watch_and_no_descriptor_leaks_over_changes(init: InitProgram) -> None:
    init.unit("a", SLEEP)
    init.start()
    init.until_state("a", "up")
    assert init.process
    pid = init.process.pid
    init.do("reload")
    before = watches(pid), descriptors(pid)
    for turn in range(20):
        init.unit("b", SLEEP + f"nice = {turn}\n")
        init.until_state("b", "up")
        (init.units / "b.toml").unlink()
        init.until_state("b", "absent")
    init.until(lambda: watches(pid) == before[0], "no watch is left over")
    init.until(lambda: descriptors(pid) <= before[1], "no descriptor is left over")
