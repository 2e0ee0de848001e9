"""A directory of units: reading all of it, and telling what changed.

A file that cannot be used is an error of that file alone. An empty file is one that is being
written, and counts as absent.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lunix_init import graph
from lunix_init.unit import MAX_BYTES, Unit, UnitError, parse

SUFFIX = ".toml"


class Found(NamedTuple):
    """What is in the directories: units by name, and errors by name (one sentence each)."""

    units: dict[str, Unit]
    errors: dict[str, str]


class Change(NamedTuple):
    """What differs between two readings, each in the order of the names."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def read(folders: Sequence[str]) -> Found:
    """Read all units; a name in an earlier directory hides the same name in a later one."""
    units: dict[str, Unit] = {}
    errors: dict[str, str] = {}
    for folder in folders:
        for name, path in _files(folder):
            if name in units or name in errors:
                continue
            try:
                with Path(path).open("rb") as file:
                    data = file.read(MAX_BYTES + 1)
                if data:
                    units[name] = parse(name, data, path)
            except UnitError as error:
                errors[name] = str(error)
            except FileNotFoundError:  # removed since the directory was listed
                continue
            except OSError as error:
                errors[name] = f"{path}:1: cannot be read: {error.strerror}"
    return Found(units, errors)


def _files(folder: str) -> list[tuple[str, str]]:
    try:
        entries = sorted(os.listdir(folder))  # noqa: PTH208 (names, not paths)
    except OSError:  # a directory that is not there holds no units, until it is
        return []
    return [
        (name.removesuffix(SUFFIX), f"{folder}/{name}")
        for name in entries
        if name.endswith(SUFFIX) and not name.startswith(".")
    ]


def without_cycles(found: Found) -> Found:
    """Turn each unit that is part of a cycle into an error: none of them could ever start."""
    errors = dict(found.errors)
    for problem in graph.problems(found.units):
        if problem.fault is graph.Fault.CYCLE:
            errors[problem.unit] = f"{problem.unit}{SUFFIX}: {problem.text}"
    units = {name: unit for name, unit in found.units.items() if name not in errors}
    return Found(units, errors)


def compare(old: Mapping[str, Unit], new: Found) -> Change:
    """Tell what changed; a unit whose file is broken now stays as it was."""
    units = new.units
    return Change(
        tuple(sorted(name for name in units if name not in old)),
        tuple(sorted(name for name in units if name in old and old[name] != units[name])),
        tuple(sorted(name for name in old if name not in units and name not in new.errors)),
    )


def check(folders: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the errors and the warnings of all units, as sentences."""
    found = read(folders)
    errors = sorted(found.errors.values())
    warnings: list[str] = []
    for problem in graph.problems(found.units):
        place = errors if problem.fatal else warnings
        place.append(f"{problem.unit}{SUFFIX}: {problem.text}")
    for folder in folders:
        if not Path(folder).is_dir():
            errors.append(f"{folder}: there is no such directory")
    return errors, warnings
