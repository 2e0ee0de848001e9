"""How one value in a unit file is read: durations, sizes, signals, lists of words.

Each reader takes what TOML gave and returns the value, or raises `ValueError` with a sentence that
says what was expected. They know neither files nor lines; `unit` adds these.
"""

import math
import re
import shlex
import signal
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar, cast

E = TypeVar("E", bound=StrEnum)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)[ ]?(us|ms|s|min|h)", re.ASCII)
_SIZE = re.compile(r"([0-9]{1,15})[ ]?([KMGT]?)", re.ASCII)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
YEAR_S = 366 * 86400.0


def text(value: object) -> str:
    """A string that an argument of execve can hold."""
    if not isinstance(value, str):
        raise ValueError(f"expected a string, got {shown(value)}")
    if "\0" in value:
        raise ValueError("a string must not hold a NUL character")
    return value


def items(value: object) -> list[object]:
    """A list of anything."""
    if not isinstance(value, list):
        raise ValueError(f"expected a list, got {shown(value)}")
    return cast("list[object]", value)


def table(value: object) -> dict[str, Any]:
    """A table of anything."""
    if not isinstance(value, dict):
        raise ValueError(f"expected a table, got {shown(value)}")
    return cast("dict[str, Any]", value)


def words(value: object) -> tuple[str, ...]:
    """A list of strings."""
    return tuple(text(item) for item in items(value))


def command(value: object) -> tuple[str, ...]:
    """A command: a list of words, or one string with shell quoting (no shell ever runs it)."""
    if isinstance(value, str):
        try:
            found = tuple(shlex.split(text(value)))
        except ValueError as error:
            raise ValueError(f"the command cannot be split: {error}") from None
    else:
        found = words(value)
    if not found or not found[0]:
        raise ValueError("the command is empty")
    return found


def names(value: object) -> tuple[str, ...]:
    """A list of unit names; one that is repeated counts once."""
    found = words(value)
    for item in found:
        if not NAME.fullmatch(item):
            raise ValueError(f"{item!r} is not a unit name")
    return tuple(dict.fromkeys(found))


def flag(value: object) -> bool:
    """Either true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {shown(value)}")
    return value


def integer(least: int, most: int) -> Callable[[object], int]:
    """Read a whole number between two bounds, both included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"expected a whole number, got {shown(value)}")
        if not least <= value <= most:
            raise ValueError(f"{value} is not between {least} and {most}")
        return value

    return read


def factor(value: object) -> float:
    """A finite number of at least one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, got {shown(value)}")
    if not 1 <= value <= 1000:
        raise ValueError(f"{shown(value)} is not between 1 and 1000")
    return float(value)


def seconds(value: object) -> float:
    """A duration in seconds: a number, or a string such as "500ms", "5s", "2min", "1h"."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        if not match:
            raise ValueError(f"{value!r} is not a duration such as '500ms', '5s' or '2min'")
        found = float(match[1]) * _SECONDS[match[2]]
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a duration, got {shown(value)}")
    else:
        found = value
    if not (math.isfinite(found) and 0 <= found <= YEAR_S):
        raise ValueError(f"{shown(value)} is not between 0 and a year")
    return float(found)


def size(value: object) -> int:
    """A number of bytes: a whole number, or a string such as "64M" (powers of 1024)."""
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        if not match:
            raise ValueError(f"{value!r} is not a size such as '64M'")
        return int(match[1]) * _BYTES[match[2]]
    return integer(0, 1 << 62)(value)


def limit(value: object) -> int:
    """A resource limit: a number, a size, or "infinity" (-1)."""
    return -1 if value == "infinity" else size(value)


def signal_number(value: object) -> int:
    """A signal by name ("TERM" or "SIGTERM")."""
    name = text(value).removeprefix("SIG")
    try:
        return signal.Signals[f"SIG{name}"].value
    except KeyError:
        raise ValueError(f"{value!r} is not a signal such as 'TERM'") from None


def mode(value: object) -> int:
    """A umask: an octal string such as "022"."""
    found = text(value)
    if not re.fullmatch(r"[0-7]{1,4}", found, re.ASCII):
        raise ValueError(f"{value!r} is not an octal mode such as '022'")
    return int(found, 8)


def choice(options: type[E]) -> Callable[[object], E]:
    """Read one word of a fixed few."""

    def read(value: object) -> E:
        try:
            return options(text(value))
        except ValueError:
            known = ", ".join(repr(option.value) for option in options)
            raise ValueError(f"{shown(value)} is none of {known}") from None

    return read


def absolute(value: object) -> str:
    """An absolute path."""
    found = text(value)
    if not found.startswith("/"):
        raise ValueError(f"{found!r} is not an absolute path")
    return found


def environment(value: object) -> tuple[tuple[str, str], ...]:
    """A table of variables, in the order of their names."""
    found: dict[str, str] = {}
    for key, item in table(value).items():
        if not key or "=" in key or "\0" in key:
            raise ValueError(f"{key!r} is not the name of a variable")
        found[key] = text(item)
    return tuple(sorted(found.items()))


def shown(value: object) -> str:
    """Show a value in an error, no longer than a line."""
    found = repr(value)
    return found if len(found) <= 60 else found[:57] + "..."
