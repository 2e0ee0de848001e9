"""The folder of a person's scripts, ``~/.config/lunix/scripts``: which of them may run, and why others may not."""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lunix_cli import script_header
from lunix_common import config
from lunix_common.access.roles import Client
from lunix_common.subjects import Table, token

MOST_BYTES = 1024 * 1024
"""A script is no larger."""
_LEFT_OUT = (".", "~", ".bak", ".orig", ".swp", ".tmp", ".md", ".txt", ".json", ".toml", ".lock")
"""What editors leave, and what lies beside a script without being one: notes, settings, npm's ``package.json``."""


@dataclass(frozen=True)
class Script:
    """One file of the folder."""

    name: str
    path: Path
    asks: tuple[str, ...] = ()
    version: str = ""
    """Of its content: another one is another program."""
    problem: str = ""
    """Why it does not run, and what to do about it; empty where it may."""

    @property
    def service(self) -> str:
        """Its name as a service of lunix-init, and as an identity on the bus."""
        return script_header.PREFIX + self.name


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the scripts of the one who runs this are: beside their ``lunix.toml``."""
    return config.files(environ)[-1].parent / "scripts"


def survey(folder: Path, table: Table, clients: Iterable[Client]) -> list[Script]:
    """Every script of the folder, by name; empty where there is no such folder."""
    known = {client.name: client for client in clients}
    found: dict[str, Script] = {}
    for path in _files(folder):
        script = _look(path, table, known)
        if script.name in found:
            other = found[script.name].path.name
            script = Script(path.name, path, problem=f"{other} has the name {script.name} already: rename one")
        found[script.name] = script
    return list(found.values())


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for path in entries:
        if not (path.is_dir() or path.name.startswith(".") or path.name.endswith(_LEFT_OUT)):
            yield path


def _look(path: Path, table: Table, known: Mapping[str, Client]) -> Script:
    name = path.stem
    try:
        if token(name) != name:
            raise ValueError("its name is no name for a service: use letters, digits, _ and -")
        content = _read(path)
    except OSError as error:
        return Script(name, path, problem=f"it cannot be read: {error.strerror}")
    except ValueError as error:
        return Script(name, path, problem=str(error))
    asks = script_header.uses(content.decode("utf-8", "replace"))
    version = hashlib.sha256(content).hexdigest()[:16]
    return Script(name, path, asks, version, _problem(name, path, asks, table, known))


def _read(path: Path) -> bytes:
    """Read it whole; raise ``ValueError`` where somebody else could have written it, or it cannot be run."""
    for one in (path, path.parent):
        found = one.stat()
        if found.st_uid not in (0, os.geteuid()):
            raise ValueError(f"{one} belongs to uid {found.st_uid}, who could change what you run")
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise ValueError(f"others may change it: chmod go-w {one}")
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no file")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES} bytes")
    if not found.st_mode & stat.S_IXUSR:
        raise ValueError(f"it is not executable: chmod +x {path}")
    return path.read_bytes()


def _problem(name: str, path: Path, asks: tuple[str, ...], table: Table, known: Mapping[str, Client]) -> str:
    if not asks:
        return f"it does not say what it uses: add a comment `lunix: uses SUBJECT ...` to {path}"
    try:
        wanted = script_header.identity(name, asks, table)
    except ValueError as error:
        return str(error)
    return "" if script_header.granted(asks, known.get(wanted.name)) else f"not granted: lunix script grant {name}"
