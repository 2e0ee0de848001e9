"""Generic netlink: families with names, whose numbers the kernel gives when it is asked. linux/genetlink.h. Pure."""

import struct
from typing import NamedTuple

from lunix_network.netlink import Malformed, Message, attribute, attributes, head, rows, string, text, u16, u32

CONTROL = 0x10
"""The family that tells of families, and the group in which it does so."""
NEWFAMILY, GETFAMILY = 1, 3

_HEAD = struct.Struct("=BBH")
_FAMILY_ID, _FAMILY_NAME, _GROUPS = 1, 2, 7
_GROUP_NAME, _GROUP_ID = 1, 2


class Family(NamedTuple):
    """A family and the numbers of its groups."""

    id: int
    name: str
    groups: dict[str, int]


def command(number: int, *rows_: bytes) -> bytes:
    """The body of a request: a command with these attributes."""
    return _HEAD.pack(number, 0, 0) + b"".join(rows_)


def told(message: Message) -> tuple[int, bytes]:
    """The command of a message, and its attributes; raise ``Malformed``."""
    number, _version, _reserved = head(_HEAD, message.body)
    return number, message.body[_HEAD.size :]


def ask_family(name: str) -> bytes:
    """The body of the question for a family."""
    return command(GETFAMILY, attribute(_FAMILY_NAME, name.encode() + b"\0"))


def family(data: bytes) -> Family:
    """A family, from the attributes of the answer; raise ``Malformed``."""
    found = attributes(data)
    number = u16(found.get(_FAMILY_ID))
    if number is None:
        raise Malformed("a family without a number")
    groups: dict[str, int] = {}
    for _index, inside in rows(found.get(_GROUPS, b"")):
        group = attributes(inside)
        groups[text(string(group.get(_GROUP_NAME, b"")))] = u32(group.get(_GROUP_ID)) or 0
    return Family(number, text(string(found.get(_FAMILY_NAME, b""))), groups)
