"""What failed in a part of ``make test`` is run once more, alone: the plugin and the program, in runs of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lunix_testing import tree

TESTS = """
from pathlib import Path
import pytest

def test_passes_alone():
    assert Path("quiet").exists()

@pytest.mark.parametrize("word", ["a b", "c"])
def test_is_broken(word):
    assert word == "c"

def test_passes():
    pass
"""
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:asyncio", "-p", "no:cacheprovider")
AGAIN = (sys.executable, str(tree.ROOT / "tests" / "repo" / "again.py"))


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {tree.ROOT / 'tests'}\n")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["lunix_testing.outcome"]\n')
    return tmp_path


def test_what_passes_alone_is_told(folder: Path) -> None:
    assert run(folder, *PYTEST, "--outcome", "part.json", "-k", "not broken").returncode == 1
    (folder / "quiet").touch()
    again = run(folder, *AGAIN, "part.json", "--", *PYTEST)
    assert again.returncode == 0, again.stdout
    assert "1 passed" in again.stdout
    assert again.stdout.endswith("which is a defect to mend:\n  test_it.py::test_passes_alone\n")


def test_what_fails_alone_as_well_is_broken(folder: Path) -> None:
    run(folder, *PYTEST, "--outcome", "part.json")
    again = run(folder, *AGAIN, "part.json", "--", *PYTEST)
    assert again.returncode == 1
    assert "2 failed" in again.stdout
    assert "test_it.py::test_is_broken[a b]" in again.stdout


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (None, "the part other did not come to its end"),
        ({"status": 2, "failed": []}, "the part other ended with 2, and not by a test that failed"),
        ({"status": 1, "failed": []}, "the part other ended with 1, and not by a test that failed"),
        ({"status": 6, "failed": ["a"]}, "the part other ended with 6, and not by a test that failed"),
        ({"status": 1, "failed": ["a", "b", "c"]}, "4 tests failed"),
    ],
)
def test_what_another_run_proves_nothing_of_is_not_tried(folder: Path, outcome: object, why: str) -> None:
    (folder / "part.json").write_text(json.dumps({"status": 1, "failed": ["test_it.py::test_passes"]}))
    if outcome is not None:
        (folder / "other.json").write_text(json.dumps(outcome))
    again = run(folder, *AGAIN, "part.json", "other.json", "--", *PYTEST)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == f"nothing is run again: {why}\n"


def test_a_run_that_passed_is_not_repeated(folder: Path) -> None:
    assert run(folder, *PYTEST, "--outcome", "part.json", "-k", "test_passes and not alone").returncode == 0
    assert json.loads((folder / "part.json").read_text()) == {"status": 0, "failed": []}
    assert run(folder, *AGAIN, "part.json", "--", *PYTEST).stderr == "nothing is run again: no test failed\n"
