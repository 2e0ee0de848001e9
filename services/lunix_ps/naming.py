"""What a process is called: by the kernel, by its first argument, by the script that it runs."""

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

COMM_BYTES = 15
"""The kernel cuts the names of processes after so many."""
NAME_BYTES = 255
"""No file has a longer name, and so no program; a first argument is whatever who started it wrote there."""

_SHELL = re.compile(rb"(?:ba|da|a|k|mk|pdk|z|fi)?sh[0-9.]*")
_INTERPRETER = re.compile(
    rb"(?:python|pypy|perl|ruby|lua|luajit|php|node|nodejs|deno|bun|tclsh|wish|expect|gjs|guile|Rscript|escript)[0-9.]*"
)
_TAKES_ONE = {b"-W", b"-X", b"-r", b"--require", b"-o"}
"""Options of interpreters that take the next argument for themselves."""
_CODE = re.compile(rb"-(?!W)[A-Za-z]*[ce]|--eval|--print")
_SHELL_CODE = re.compile(rb"-[A-Za-z]*c")
"""Options that the program itself follows, which then has no name. ``-e`` is another thing to a shell."""


def typed(tail: str) -> bytes:
    """The name that the rest of a subject ``ps.<name...>`` asks for; a lone ``%`` is the empty one."""
    return b"" if tail == "%" else unquote_to_bytes(tail)


def text(name: bytes) -> str:
    r"""A name for people and for JSON: bytes that are no UTF-8 are written as ``\\xNN``."""
    return name.decode("utf-8", "backslashreplace")


def whole(comm: bytes, command: Sequence[bytes]) -> bytes:
    """The kernel's name or, where that was cut, the base name of the program or script that begins with it."""
    if len(comm) >= COMM_BYTES:
        for name in map(_base, command[:2]):
            if name.startswith(comm) and len(name) <= NAME_BYTES:
                return name
    return comm


def answers_to(name: bytes, comm: bytes, command: Sequence[bytes]) -> bool:
    """Whether a process is meant by this name: the kernel's, that of its first argument or that of its script."""
    if name == comm:
        return True
    return bool(name) and bool(command) and name in (_base(command[0]), script(command))


def script(command: Sequence[bytes]) -> bytes | None:
    """The base name of the script, or the name of the module, that an interpreter runs; ``None`` where there is none.

    The kernel calls a script that it starts itself by its own name; this is for ``#!/usr/bin/env python3``, and for
    what was started as ``python3 script``.
    """
    program = _base(command[0]).removeprefix(b"-") if command else b""
    code = _SHELL_CODE if _SHELL.fullmatch(program) else _CODE if _INTERPRETER.fullmatch(program) else None
    if code is None:
        return None
    rest = iter(command[1:])
    for argument in rest:
        if code.fullmatch(argument):
            return None
        if argument == b"-m":
            return next(rest, None)
        if argument in _TAKES_ONE:
            next(rest, None)
        elif not argument.startswith(b"-"):
            return _base(argument) or None
    return None


def _base(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]
