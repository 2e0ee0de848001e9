"""The language of taskstats: what the kernel tells of a process at its exit (Documentation/accounting/taskstats.rst).

Generic netlink messages as bytes, both ways: finding the family, registering as a listener, and reading what comes. No
sockets. Attributes are padded to 4 bytes; numbers have the order of the machine.

`peak_filter` is a program for the socket (classic BPF) that lets through one message a process, the one of its last
thread, and only of the children of one parent: the exits of the rest of the machine wake nobody. Kernels before 5.18
do not mark the last thread, and so tell nothing here.
"""

import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

GENL_ID_CTRL = 0x10
_CTRL_CMD_GETFAMILY, _CTRL_ATTR_FAMILY_ID, _CTRL_ATTR_FAMILY_NAME = 3, 1, 2
_TASKSTATS_CMD_GET, _REGISTER_CPUMASK = 1, 3
_TYPE_STATS, _TYPE_AGGR_PID, _TYPE_NULL = 3, 4, 6
_NLMSG_ERROR = 2
_NLM_F_REQUEST, _NLM_F_ACK = 1, 4
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_GENL = struct.Struct("=BBH")  # struct genlmsghdr
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_BODY = _HEADER.size + _GENL.size

# In struct taskstats:
_AC_FLAG, _AC_PPID, _HIWATER_RSS, _AC_TGID = 8, 132, 200, 368
_AGROUP = 0x20  # in ac_flag: the last thread of its process

# In a whole message: the attribute of the statistics follows those of the aggregate and of the pid.
_STATS = _BODY + _ATTRIBUTE.size + _ATTRIBUTE.size + 4


class Peak(NamedTuple):
    """The most memory that a process held at once: the highest resident set of the program that it ran last."""

    pid: int
    memory_bytes: int


class RefusedError(Exception):
    """The kernel answered a request with an errno."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.errno = number


def family_request() -> bytes:
    """Ask for the number of the family."""
    return _message(GENL_ID_CTRL, _CTRL_CMD_GETFAMILY, _CTRL_ATTR_FAMILY_NAME, b"TASKSTATS\0")


def family(answer: bytes) -> int:
    """Read the answer to `family_request`; raises `RefusedError` (ENOENT: a kernel without taskstats)."""
    check(answer)
    for kind, value in _attributes(answer[_BODY:]):
        if kind == _CTRL_ATTR_FAMILY_ID and len(value) == 2:
            return int.from_bytes(value, sys.byteorder)
    raise RefusedError(0)


def listen_request(number: int, processors: str) -> bytes:
    """Ask for the exits on these processors, such as "0-3"."""
    return _message(number, _TASKSTATS_CMD_GET, _REGISTER_CPUMASK, f"{processors}\0".encode())


def check(answer: bytes) -> None:
    """Raise `RefusedError` when an answer is an error, or too short to be one."""
    if len(answer) < _HEADER.size + 4:
        raise RefusedError(0)
    if _HEADER.unpack_from(answer)[1] == _NLMSG_ERROR:
        number: int = struct.unpack_from("=i", answer, _HEADER.size)[0]
        if number:
            raise RefusedError(-number)


def peak(message: bytes) -> Peak | None:
    """Read one message; None for one that tells no peak (a kernel thread has no memory)."""
    for kind, value in _attributes(message[_BODY:]):
        if kind != _TYPE_AGGR_PID:
            continue
        for inner, stats in _attributes(value):
            if inner == _TYPE_STATS and len(stats) >= _AC_TGID + 4:
                kib: int = struct.unpack_from("=Q", stats, _HIWATER_RSS)[0]
                pid: int = struct.unpack_from("=I", stats, _AC_TGID)[0]
                return Peak(pid, kib << 10) if kib else None
    return None


def _message(kind: int, command: int, attribute: int, value: bytes) -> bytes:
    padded = value.ljust(-(-len(value) // 4) * 4, b"\0")
    body = _GENL.pack(command, 1, 0) + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), attribute) + padded
    return _HEADER.pack(_HEADER.size + len(body), kind, _NLM_F_REQUEST | _NLM_F_ACK, 0, 0) + body


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size or at + size > len(data):
            return
        yield kind, data[at + _ATTRIBUTE.size : at + size]
        at += -(-size // 4) * 4


class Instruction(NamedTuple):
    """One of classic BPF, as in linux/filter.h."""

    code: int
    jump_true: int
    jump_false: int
    k: int


_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_JUMP_EQUAL, _JUMP_BITS, _RETURN = 0x15, 0x45, 0x06
_ALL = 0xFFFFFFFF


def peak_filter(parent: int) -> tuple[Instruction, ...]:
    """Return the program that passes the last thread of each child of `parent`, and drops the rest."""
    # Where 64 bits must be aligned, an empty attribute of 4 bytes stands before the statistics.
    plain, shifted = _STATS + _ATTRIBUTE.size, _STATS + 2 * _ATTRIBUTE.size
    return (
        Instruction(_LOAD_HALF, 0, 0, _STATS + 2),
        Instruction(_JUMP_EQUAL, 5, 0, _swapped(_TYPE_NULL, 2)),
        *_last_thread_of(parent, plain, 6),
        Instruction(_RETURN, 0, 0, 0),
        *_last_thread_of(parent, shifted, 1),
        Instruction(_RETURN, 0, 0, 0),
        Instruction(_RETURN, 0, 0, _ALL),
    )


def _last_thread_of(parent: int, stats: int, to_pass: int) -> tuple[Instruction, ...]:
    """Return 4 instructions: jump `to_pass` ahead of the last for such a message, and go on otherwise."""
    return (
        Instruction(_LOAD_BYTE, 0, 0, stats + _AC_FLAG),
        Instruction(_JUMP_BITS, 0, 2, _AGROUP),
        Instruction(_LOAD_WORD, 0, 0, stats + _AC_PPID),
        Instruction(_JUMP_EQUAL, to_pass, 0, _swapped(parent, 4)),
    )


def _swapped(number: int, size: int) -> int:
    """Return a number as the program sees it, which reads as the network does."""
    return int.from_bytes(number.to_bytes(size, sys.byteorder), "big")
