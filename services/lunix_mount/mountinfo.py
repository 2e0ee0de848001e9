r"""``/proc/self/mountinfo``: bytes in, records out. proc(5), the kernel's ``Documentation/filesystems/proc.rst``.

    36 35 98:0 /root /mnt/point rw,noatime master:1 - ext3 /dev/root rw,errors=continue

The kernel writes space, tab, line feed and backslash in paths as ``\040`` and the like, and ``#`` in sources.
"""

import re
from typing import NamedTuple

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
_LINE = re.compile(
    rb"([0-9]{1,10}) ([0-9]{1,10}) ([0-9]{1,10}):([0-9]{1,10}) ([^ \n]+) ([^ \n]+) ([^ \n]+)(?: [^ \n]+)*? - "
    rb"([^ \n]+) ([^ \n]*) ([^ \n]+)"
)


class Malformed(ValueError):
    """A line that the kernel does not write."""


class Record(NamedTuple):
    """One line. Paths are bytes without escapes."""

    id: int
    """The kernel's number of the mount, which it gives to another one once this is gone."""
    parent: int
    major: int
    minor: int
    root: bytes
    where: bytes
    options: tuple[str, ...]
    fs_type: str
    source: bytes
    super_options: tuple[str, ...]

    @property
    def is_read_only(self) -> bool:
        """Whether nobody can write through this mount."""
        return "ro" in self.options or "ro" in self.super_options


def parse_line(line: bytes) -> Record:
    """One line without its end; raise ``Malformed``."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise Malformed(repr(line[:200]))
    return Record(
        id=int(found[1]),
        parent=int(found[2]),
        major=int(found[3]),
        minor=int(found[4]),
        root=unescaped(found[5]),
        where=unescaped(found[6]),
        options=_options(found[7]),
        fs_type=text(unescaped(found[8])),
        source=unescaped(found[9]),
        super_options=_options(found[10]),
    )


def parse(content: bytes) -> tuple[list[Record], list[Malformed]]:
    """The whole file: its records in order, and what is wrong with the other lines."""
    records: list[Record] = []
    wrong: list[Malformed] = []
    for line in content.split(b"\n"):
        if line:
            try:
                records.append(parse_line(line))
            except Malformed as error:
                wrong.append(error)
    return records, wrong


def unescaped(field: bytes) -> bytes:
    r"""A field with its ``\NNN`` undone; a backslash that begins no escape stands for itself."""
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), field)


def text(raw: bytes) -> str:
    r"""A path or source for people and for JSON: bytes that are no UTF-8 are written as ``\\xNN``."""
    return raw.decode("utf-8", "backslashreplace")


def _options(field: bytes) -> tuple[str, ...]:
    # Of a list: of a generator it would be one more tuple for the interpreter to keep, each time.
    return tuple([text(unescaped(one)) for one in field.split(b",")])
