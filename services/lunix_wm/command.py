"""What ``wm.exec`` starts: pure, a request in, a program with its environment out. No shell sees any of it."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lunix_common.schemas.wm import ExecRequest

_OURS = ("LUNIX_", "NATS_", "NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC")
"""Variables that are about the daemon: what it starts is not it, and must not speak to its supervisor."""
_KEPT = ("LUNIX_STATE",)
"""Where the bus is, for who runs ``lunix`` in a terminal that was opened so."""


class Program(NamedTuple):
    """A program to start."""

    argv: list[str]
    env: dict[str, str]
    cwd: str

    @property
    def name(self) -> str:
        """What people call it: the base name of its first word."""
        return self.argv[0].rpartition("/")[2]


def program(asked: ExecRequest, session: Mapping[str, str], home: str) -> Program:
    """The program that a request means; raise ``ValueError`` with what is wrong with it."""
    if (asked.command is None) == (asked.argv is None):
        raise ValueError("say either command or argv")
    argv = list(asked.argv) if asked.argv is not None else _words(asked.command or "")
    if not argv or not argv[0]:
        raise ValueError("it names no program")
    for name in asked.env:
        if not name or "=" in name:
            raise ValueError(f"{name!r} is no name of a variable")
    if asked.cwd is not None and not asked.cwd.startswith("/"):
        raise ValueError(f"cwd {asked.cwd!r} is not absolute")
    for text in (*argv, *asked.env, *asked.env.values(), asked.cwd or ""):
        if "\0" in text:
            raise ValueError("a NUL byte cannot be handed to a program")
        if not _encodable(text):
            raise ValueError("a text holds half a character")
    inherited = {name: value for name, value in session.items() if name in _KEPT or not name.startswith(_OURS)}
    return Program(argv, inherited | asked.env, asked.cwd or home)


def unit(name: str, tail: str) -> str:
    """The name of a scope, as systemd's page on desktop environments has it."""
    return f"app-lunix-{re.sub(r'[^A-Za-z0-9_]', '_', name)[:64]}-{tail}.scope"


def scoped(argv: Sequence[str], systemd_run: str, unit: str, description: str) -> list[str]:
    """The arguments that have systemd's user manager hold ``argv`` in a scope. systemd-run(1).

    With ``--scope`` systemd-run becomes the program itself: it keeps its number, and stays our child.
    """
    options = ("--user", "--scope", "--quiet", "--collect", f"--unit={unit}", f"--description={description}")
    return [systemd_run, *options, "--", *argv]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ValueError(f"command: {error}") from error


def _encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
