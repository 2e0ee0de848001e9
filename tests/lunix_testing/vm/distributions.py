"""What of the project's virtual environment goes into the guest: its run-time dependencies, followed to the end."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

# Optional parts of the project that the guest has where the environment has them.
_EXTRAS = ("server", "udev", "fast", "dbus")


@dataclass(frozen=True)
class Project:
    """The tree's own packages and programs, as pyproject.toml and the layout tell them."""

    packages: tuple[Path, ...]
    scripts: dict[str, str]
    requirements: tuple[str, ...]


def read_project(tree: Path) -> Project:
    """Read the tree; a package is a folder with an ``__init__.py`` where the layout has packages."""
    table: dict[str, Any] = tomllib.loads((tree / "pyproject.toml").read_text())["project"]
    folders = [tree, *(tree / name for name in ("services", "init", "cli"))]
    packages = [found.parent for folder in folders for found in folder.glob("lunix_*/__init__.py")]
    extras: dict[str, list[str]] = table["optional-dependencies"]
    requirements = [*table["dependencies"], *(line for name in _EXTRAS for line in extras.get(name, []))]
    return Project(tuple(sorted(packages)), dict(table.get("scripts", {})), tuple(requirements))


def required(lines: Iterable[str]) -> list[Distribution]:
    """The installed distributions that the requirement lines lead to; one that is not installed is left out."""
    found: dict[str, Distribution] = {}
    queue = list(lines)
    while queue:
        requirement = Requirement(queue.pop())
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in found or not _applies(requirement):
            continue
        try:
            found[name] = distribution(requirement.name)
        except PackageNotFoundError:
            continue
        queue += found[name].requires or ()
    return [found[name] for name in sorted(found)]


def installed_files(distributions: Iterable[Distribution]) -> Iterator[tuple[str, Path]]:
    """Each installed file: its path relative to site-packages (``../../../bin/x`` for programs), and where it is."""
    for each in distributions:
        for file in each.files or ():
            source = Path(str(file.locate()))
            if file.suffix != ".pyc" and source.is_file():
                yield str(file), source


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})
