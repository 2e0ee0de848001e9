"""The kernel's process connector: its messages, the request that begins them, and the filter that has few of them sent.

A message is a ``struct nlmsghdr`` (16 bytes), a ``struct cn_msg`` (20) and a ``struct proc_event`` (40; a kernel may
append to it). Sources: ``include/uapi/linux/connector.h``, ``include/uapi/linux/cn_proc.h`` and
``drivers/connector/cn_proc.c`` of the kernel; bpf(4) of BSD for the filter.
"""

import signal
import struct
import sys
from typing import NamedTuple

CN_IDX_PROC, CN_VAL_PROC = 1, 1
LISTEN, IGNORE = 1, 2
_NONE, _EXEC, _EXIT = 0, 2, 0x8000_0000
_NLMSG_DONE = 3

_NLMSGHDR = struct.Struct("=IHHII")
_CN_MSG = struct.Struct("=IIIIHH")
_HEAD = struct.Struct("=IIQ")
_ACK = struct.Struct("=I")
_TASK = struct.Struct("=II")
_EXIT_DATA = struct.Struct("=IIIIII")
_OPERATION = struct.Struct("=I")

_EVENT_AT = _NLMSGHDR.size + _CN_MSG.size
_DATA_AT = _EVENT_AT + _HEAD.size
_SIZE = _DATA_AT + _EXIT_DATA.size


class Malformed(ValueError):
    """No message of the process connector."""


class Acknowledged(NamedTuple):
    """The kernel has taken, or refused, a request to listen; all listeners see it."""

    nonce: int
    error: int
    """An errno; 0 where it was taken."""


class Began(NamedTuple):
    """A process has begun a program."""

    pid: int
    time_ns: int
    """Of the monotonic clock, as in ``Ended``."""


class Ended(NamedTuple):
    """A process has ended."""

    pid: int
    ppid: int | None
    """``None`` where the parent has asked already how it ended, and from a kernel before 4.18."""
    status: int
    """As wait(2) tells it."""
    time_ns: int


class Outcome(NamedTuple):
    """What a wait status means."""

    exit_code: int | None
    signal: str | None
    core_dumped: bool


def request(operation: int, port: int, nonce: int) -> bytes:
    """The message that begins (``LISTEN``) or ends (``IGNORE``) the events of the socket ``port``.

    The acknowledgement names the nonce, below 2**32 - 1, which tells it from those of other listeners.
    """
    body = _OPERATION.pack(operation)
    connector = _CN_MSG.pack(CN_IDX_PROC, CN_VAL_PROC, 0, nonce, len(body), 0)
    size = _NLMSGHDR.size + len(connector) + len(body)
    return _NLMSGHDR.pack(size, _NLMSG_DONE, 0, 0, port) + connector + body


def parse(datagram: bytes) -> Acknowledged | Began | Ended | None:
    """The fact in a message, ``None`` for one that says nothing of a whole process; raise ``Malformed``."""
    if len(datagram) < _SIZE:
        raise Malformed(f"{len(datagram)} bytes are too few for a message of the process connector")
    size, kind, _flags, _seq, _port = _NLMSGHDR.unpack_from(datagram)
    index, value, _sequence, ack, length, _ = _CN_MSG.unpack_from(datagram, _NLMSGHDR.size)
    if kind != _NLMSG_DONE or (index, value) != (CN_IDX_PROC, CN_VAL_PROC):
        raise Malformed(f"message type {kind} of connector {index}.{value} is not of the process connector")
    if not _SIZE <= size <= len(datagram) or _EVENT_AT + length > size or length < _SIZE - _EVENT_AT:
        raise Malformed(f"the lengths {size} and {length} do not fit {len(datagram)} bytes")
    what, _cpu, time_ns = _HEAD.unpack_from(datagram, _EVENT_AT)
    if what == _NONE:
        return Acknowledged((ack - 1) & 0xFFFF_FFFF, _ACK.unpack_from(datagram, _DATA_AT)[0])
    pid, tgid = _TASK.unpack_from(datagram, _DATA_AT)
    if pid != tgid:
        return None
    if what == _EXEC:
        return Began(pid, time_ns)
    if what == _EXIT:
        _pid, _tgid, status, _signal, _parent, parent_tgid = _EXIT_DATA.unpack_from(datagram, _DATA_AT)
        return Ended(pid, parent_tgid or None, status, time_ns)
    return None


def outcome(status: int) -> Outcome:
    """Take a wait status apart."""
    number = status & 0x7F
    if number == 0:
        return Outcome((status >> 8) & 0xFF, None, core_dumped=False)
    return Outcome(None, signal_name(number), core_dumped=bool(status & 0x80))


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9; a real-time signal counts from the first that C libraries leave free."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIGRTMIN+{number - signal.SIGRTMIN}" if number > signal.SIGRTMIN else f"signal {number}"


class Instruction(NamedTuple):
    """One of the classic BPF, ``struct sock_filter``."""

    code: int
    if_true: int
    if_false: int
    operand: int


_LOAD_WORD, _COPY_TO_X, _EQUALS, _EQUALS_X, _RETURN = 0x20, 0x07, 0x15, 0x1D, 0x06


def _as_loaded(value: int) -> int:
    """The kernel's words are in its own order, and BPF loads them as if they came from a network."""
    return int.from_bytes(value.to_bytes(4, sys.byteorder), "big")


ACKNOWLEDGEMENTS = (
    Instruction(_LOAD_WORD, 0, 0, _EVENT_AT),
    Instruction(_EQUALS, 0, 1, _as_loaded(_NONE)),
    Instruction(_RETURN, 0, 0, 0xFFFF_FFFF),
    Instruction(_RETURN, 0, 0, 0),
)
"""A filter that lets through nothing else: others may be told so much that there is no room for the answer to us."""

FILTER = (
    Instruction(_LOAD_WORD, 0, 0, _EVENT_AT),
    Instruction(_EQUALS, 6, 0, _as_loaded(_NONE)),
    Instruction(_EQUALS, 5, 0, _as_loaded(_EXEC)),
    Instruction(_EQUALS, 0, 5, _as_loaded(_EXIT)),
    Instruction(_LOAD_WORD, 0, 0, _DATA_AT),
    Instruction(_COPY_TO_X, 0, 0, 0),
    Instruction(_LOAD_WORD, 0, 0, _DATA_AT + 4),
    Instruction(_EQUALS_X, 0, 1, 0),
    Instruction(_RETURN, 0, 0, 0xFFFF_FFFF),
    Instruction(_RETURN, 0, 0, 0),
)
"""Lets through acknowledgements, beginnings, and ends of whole processes, in which the thread is the process.

Forks, changes of names and users, and ends of threads then take no room in the socket's buffer, and wake nobody.
"""
