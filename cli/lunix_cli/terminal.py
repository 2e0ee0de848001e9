"""What the terminal in front of a person can take."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

DIM, BOLD, END = "\x1b[2m", "\x1b[1m", "\x1b[0m"


def colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to write in colour: on a terminal that is shown colours."""
    from lunix_common.journal import colours  # brings logging, which a mistake on the command line need not wait for

    return stream.isatty() and colours(environ)


def painted(text: str, style: str) -> str:
    """The text in this style, where standard output takes colour."""
    return f"{style}{text}{END}" if colour(sys.stdout) else text


def columns() -> int | None:
    """How many columns standard output has; ``None`` where it is no terminal, or one that does not know."""
    with suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    return None


def name() -> str | None:
    """The path of the terminal that we write to, for daemons that draw on it; ``None`` where there is none."""
    for stream in (sys.stderr, sys.stdout):
        with suppress(OSError, ValueError):
            return os.ttyname(stream.fileno())
    return None


def silence() -> None:
    """Nobody reads what we write any more: what is still buffered, and all that follows, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
