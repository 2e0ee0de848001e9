"""The source archive is whole: from it the same wheel is built as from the tree."""

import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from packaging.metadata import Metadata

from lunix_testing import tree

SECONDS = 200
"""For one build: the whole tree is read, on a machine that has much else to do."""

pytestmark = pytest.mark.timeout(3 * SECONDS)


def build(source: Path, target: str, folder: Path) -> Path:
    command = (sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder))
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=SECONDS)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tree.ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_the_source_archive_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "sdist").mkdir()
    (tmp_path / "wheel").mkdir()
    archive = build(tree.ROOT, "sdist", tmp_path / "sdist")
    subprocess.run(("tar", "-xf", str(archive), "-C", str(tmp_path)), check=True, timeout=SECONDS)
    again = build(tmp_path / archive.name.removesuffix(".tar.gz"), "wheel", tmp_path / "wheel")
    assert again.name == wheel.name
    assert contents(again) == contents(wheel)


def test_an_index_would_take_its_metadata(wheel: Path) -> None:
    (text,) = (content for name, content in contents(wheel).items() if name.endswith(".dist-info/METADATA"))
    metadata = Metadata.from_email(text, validate=True)
    assert metadata.description_content_type == "text/markdown"
    assert metadata.license_expression == "ISC"
    assert HeaderParser().parsestr(text.decode()).get_all("Provides-Extra") is not None


def test_every_extra_of_the_project_can_be_asked_for(wheel: Path) -> None:
    (text,) = (content for name, content in contents(wheel).items() if name.endswith(".dist-info/METADATA"))
    found = Metadata.from_email(text, validate=True).provides_extra
    assert set(found or ()) == set(tree.project()["project"]["optional-dependencies"])


def test_the_debian_package_has_the_version_of_the_project() -> None:
    first = (tree.ROOT / "debian/changelog").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(f"lunix ({tree.project()['project']['version']})")
