"""What the kernel's command line says to lunix-init.

`lunix.<key>=<value>` words are read; all others belong to somebody else. A word that makes no sense
is told and left aside: a machine must boot in spite of a typing error.
"""

import shlex
from collections.abc import Mapping
from typing import NamedTuple


class Options(NamedTuple):
    """What was asked for on the kernel's command line."""

    units: str = "/etc/lunix/units"
    run: str = "/run/lunix"
    hostname: str = ""
    shell: bool = False  # lunix.shell: an emergency shell instead of the units
    fallback: str = "/bin/sh"  # run when PID 1 cannot go on
    watchdog: str = "/dev/watchdog"
    watchdog_s: int = 0  # 0: no hardware watchdog
    env: tuple[tuple[str, str], ...] = ()  # lunix.env.NAME=value
    told: tuple[str, ...] = ()  # what could not be understood


_PATHS = ("units", "run", "fallback", "watchdog")


def parse(line: str) -> Options:
    """Read a kernel command line; never raises."""
    found: dict[str, object] = {}
    env: dict[str, str] = {}
    told: list[str] = []
    for word in _words(line):
        if not word.startswith("lunix."):
            continue
        key, _, value = word.removeprefix("lunix.").partition("=")
        if key.startswith("env.") and len(key) > 4:
            env[key[4:]] = value
        elif not _read(found, key, value):
            told.append(word)
    return Options(**found, env=tuple(env.items()), told=tuple(told))  # type: ignore[arg-type]


def _read(found: dict[str, object], key: str, value: str) -> bool:
    plain = value.startswith("/") if key in _PATHS else key == "hostname" and 0 < len(value) <= 64
    if plain:
        found[key] = value
    elif key == "shell" and value in ("", "0", "1"):
        found[key] = value != "0"
    elif key == "watchdog_s" and value.isdecimal() and value.isascii() and len(value) < 6:
        found[key] = int(value)
    else:
        return False
    return True


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # an open quotation mark: the kernel takes it as it is
        return line.split()


def known() -> Mapping[str, object]:
    """Return every key with its default, for the documentation."""
    return Options()._asdict()
