"""The wheel holds what the tree holds: hatchling leaves out, without a word, what is not named."""

import importlib
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lunix_testing import tree

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel that is built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    subprocess.run(command, cwd=tree.ROOT, check=True, capture_output=True, timeout=200)
    (path,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def test_the_top_level_of_the_wheel_is_the_packages_of_the_tree(wheel: set[str]) -> None:
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == set(tree.packages())


def test_every_file_of_a_package_is_in_the_wheel(wheel: set[str]) -> None:
    wanted = {
        str(path.relative_to(folder.parent))
        for folder in tree.packages().values()
        for path in tree.files()
        if path.is_relative_to(folder)
    }
    assert wanted <= wheel, wanted - wheel


def test_every_unit_is_in_the_wheel(wheel: set[str]) -> None:
    units = {path.name for path in tree.files() if path.is_relative_to(tree.ROOT / "init" / "units")}
    assert units <= {Path(name).name for name in wheel}


def test_every_package_says_that_it_is_typed(wheel: set[str]) -> None:
    assert {f"{package}/py.typed" for package in tree.packages()} <= wheel


@pytest.mark.parametrize("script", sorted(tree.project()["project"]["scripts"]))
def test_every_declared_program_exists(script: str) -> None:
    module, _, function = tree.project()["project"]["scripts"][script].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_every_service_is_a_program() -> None:
    programs = {value.partition(":")[0] for value in tree.project()["project"]["scripts"].values()}
    services = {name for name, folder in tree.packages().items() if folder.parent.name == "services"}
    assert {f"{name}.__main__" for name in services} <= programs


def test_manual_pages_that_were_made_are_in_the_wheel(wheel: set[str]) -> None:
    made = {path.name for path in tree.ROOT.glob("docs/_build/man/man*/*")}
    assert {Path(name).name for name in wheel if "/data/share/man/" in name} == made


def test_manual_pages_are_found_by_their_sections(tmp_path: Path) -> None:
    folder = tmp_path / "docs/_build/man/man8"
    folder.mkdir(parents=True)
    (folder / "natsdev.8").touch()
    (folder.parent / "man.doctrees").touch()
    hook = runpy.run_path(str(tree.ROOT / "hatch_build.py"))
    assert hook["pages"](tmp_path) == [Path("docs/_build/man/man8/natsdev.8")]
