"""``lunix install`` and ``lunix uninstall``, in a root of their own."""

import json
import os
from pathlib import Path

import pytest

from lunix_testing.command import Result, lunix

UNITS = "etc/systemd/system"


def do(verb: str, root: Path, *more: str, kind: str = "--systemd") -> Result:
    return lunix(verb, kind, "--root", str(root), *more)


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_what_was_installed_is_undone(tmp_path: Path) -> None:
    (tmp_path / UNITS).mkdir(parents=True)
    (tmp_path / UNITS / "others.service").write_text("")
    assert do("install", tmp_path, "--bin", "/usr/bin").code == 0
    unit = (tmp_path / UNITS / "lunix-ps.service").read_text()
    assert "\nExecStart=/usr/bin/lunix-ps\n" in unit
    assert do("uninstall", tmp_path).code == 0
    assert files(tmp_path) == {f"{UNITS}/others.service"}


def test_a_dry_run_says_what_the_real_one_does_and_does_nothing(tmp_path: Path) -> None:
    said = do("install", tmp_path, "--dry-run")
    assert (said.code, files(tmp_path)) == (0, set())
    assert do("install", tmp_path).out == said.out
    there = files(tmp_path)
    assert {line.partition(" /")[2] for line in said.out.splitlines()} < there
    said = do("uninstall", tmp_path, "--dry-run")
    assert files(tmp_path) == there
    assert do("uninstall", tmp_path).out == said.out


def test_what_was_changed_by_hand_stays(tmp_path: Path) -> None:
    assert do("install", tmp_path, "--bin", "/old").code == 0
    mine = tmp_path / UNITS / "lunix-ps.service"
    mine.write_text("[Service]\nExecStart=/mine\n")
    again = do("install", tmp_path, "--bin", "/new")
    assert "leave, it was changed by hand: /etc/systemd/system/lunix-ps.service" in again.out
    assert "ExecStart=/new/lunix-log" in (tmp_path / UNITS / "lunix-log.service").read_text()
    assert do("uninstall", tmp_path).code == 0
    assert files(tmp_path) == {f"{UNITS}/lunix-ps.service"}
    assert "/mine" in mine.read_text()


def test_somebody_else_s_file_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / UNITS).mkdir(parents=True)
    (tmp_path / UNITS / "lunix-ps.service").write_text("")
    said = do("install", tmp_path)
    assert (said.code, files(tmp_path)) == (100, {f"{UNITS}/lunix-ps.service"})
    assert "somebody else's" in said.err


def test_nothing_is_undone_where_nothing_was_done(tmp_path: Path) -> None:
    said = do("uninstall", tmp_path)
    assert (said.code, "nothing was installed here" in said.err) == (100, True)


def test_a_memory_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "var/lib/lunix").mkdir(parents=True)
    (tmp_path / "var/lib/lunix/installed-systemd.json").write_text("{")
    assert do("uninstall", tmp_path).code == 100


def test_units_of_lunix_init_are_installed_likewise(tmp_path: Path) -> None:
    assert do("install", tmp_path, kind="--init").code == 0
    assert "etc/lunix/units/bus.toml" in files(tmp_path)
    assert lunix("init", "check", str(tmp_path / "etc/lunix/units")).code == 0
    assert do("uninstall", tmp_path, kind="--init").code == 0
    assert files(tmp_path) == set()


def test_a_package_s_files_are_remembered_by_the_package(tmp_path: Path) -> None:
    assert do("install", tmp_path, "--vendor").code == 0
    found = files(tmp_path)
    assert "usr/lib/systemd/system/lunix-bus.service" in found
    assert not {path for path in found if path.startswith(("etc/", "var/"))}


def test_this_machine_is_only_looked_at() -> None:
    said = lunix("install", "--systemd", "--dry-run")
    assert said.code == 0, said.err
    assert "run systemctl enable --now lunix.target lunix-bus.service" in said.out


def test_programs_that_are_not_there_are_told(tmp_path: Path) -> None:
    said = lunix("install", "--systemd", "--dry-run", "--bin", str(tmp_path))
    assert (said.code, "not there" in said.err) == (100, True)


@pytest.mark.root
def test_a_key_is_lent_to_who_sits_in_front_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    key = tmp_path / "keys" / "toast.nk"
    key.write_text("")
    said = lunix("access", "lend", "toast", "--owner", "nobody", "--state", str(tmp_path))
    assert (said.code, said.out) == (0, f"{key}\n")
    owner = key.stat().st_uid
    assert owner != 0
    assert json.loads((tmp_path / "lent.json").read_text()) == {"toast": owner}
    assert lunix("access", "lend", "toast", "--state", str(tmp_path)).code == 0
    assert (key.stat().st_uid, json.loads((tmp_path / "lent.json").read_text())) == (os.getuid(), {})


def test_only_a_session_s_daemon_is_lent(tmp_path: Path) -> None:
    said = lunix("access", "lend", "mount", "--owner", "nobody", "--state", str(tmp_path))
    assert (said.code, "no daemon of a session" in said.err) == (100, True)
    said = lunix("access", "lend", "toast", "--owner", "nobody", "--state", str(tmp_path))
    assert (said.code, "no bus" in said.err) == (100, True)
