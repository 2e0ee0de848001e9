"""A skip that nobody listed makes .ci/run fail: the plugin, in a run of pytest of its own."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lunix_testing import requires, tree
from lunix_testing.skips import UNLISTED

TESTS = """
import pytest

@pytest.mark.requires("program:nobody-has-this")
def test_needs_a_program():
    raise AssertionError("not skipped")

def test_needs_nothing():
    pass
"""
LISTED = '[[skip]]\nreason = "needs the program nobody-has-this"\nbecause = "It is an example."\n'


def _run(folder: Path, listed: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(TESTS)
    (folder / "listed.toml").write_text(listed)
    (folder / "pytest.ini").write_text(f"[pytest]\nallowed_skips = listed.toml\npythonpath = {tree.ROOT / 'tests'}\n")
    (folder / "conftest.py").write_text('pytest_plugins = ["lunix_testing.skips"]\n')
    command = (sys.executable, "-m", "pytest", "-p", "no:asyncio", "-p", "no:cacheprovider", *options)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_a_skip_is_no_failure_where_nobody_asked(tmp_path: Path) -> None:
    run = _run(tmp_path, "")
    assert run.returncode == 0, run.stdout
    assert "1 passed, 1 skipped" in run.stdout


def test_a_skip_that_is_not_listed_is_a_failure_that_is_told(tmp_path: Path) -> None:
    run = _run(tmp_path, "", "--only-listed-skips")
    assert run.returncode == 1, run.stdout
    assert "NOT LISTED: needs the program nobody-has-this: test_it.py::test_needs_a_program" in run.stdout


def test_beside_a_test_that_failed_it_is_told_apart_from_that(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("def test_is_broken():\n    assert False\n")
    assert _run(tmp_path, "", "--only-listed-skips").returncode == UNLISTED
    assert _run(tmp_path, LISTED, "--only-listed-skips").returncode == 1


def test_a_skip_that_is_listed_is_none(tmp_path: Path) -> None:
    run = _run(tmp_path, LISTED, "--only-listed-skips")
    assert run.returncode == 0, run.stdout


def test_a_module_that_skips_itself_is_seen_as_well(tmp_path: Path) -> None:
    (tmp_path / "test_whole.py").write_text("import pytest\npytest.importorskip('nobody_has_this')\n")
    run = _run(tmp_path, LISTED, "--only-listed-skips")
    assert run.returncode == 1, run.stdout
    assert "could not import 'nobody_has_this'" in run.stdout


def test_a_requirement_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        requires.missing("a-unicorn")


def test_every_listed_skip_says_why() -> None:
    listed = tomllib.loads((tree.ROOT / "tests" / "repo" / "allowed_skips.toml").read_text(encoding="utf-8"))
    assert all(entry["reason"] and entry["because"].endswith(".") for entry in listed.get("skip", []))
