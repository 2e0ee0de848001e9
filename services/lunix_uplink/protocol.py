"""What a NATS client says and is told, as bytes and records. Headers stay the bytes that they are.

https://docs.nats.io/reference/reference-protocols/nats-protocol
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MOST_LINE_BYTES = 64 * 1024
"""A server's line is short but for INFO, which names the servers of a cluster."""
MOST_BYTES = 64 * 1024 * 1024
"""As much as nats-server can be told to take in one message."""

_SIZE = re.compile(rb"[0-9]{1,9}")
_SUBJECT = re.compile(rb"[^\x00-\x20\x7f]{1,4000}")
"""A subject as a line of the protocol can hold it."""


class Broken(ValueError):
    """What came is no NATS."""


class Message(NamedTuple):
    """Something that was published."""

    subject: bytes
    sid: bytes
    reply: bytes
    head: bytes
    """The headers as they came, ``NATS/1.0`` and the empty line included; nothing where there are none."""
    data: bytes


class Told(NamedTuple):
    """A line that is no message: ``PING``, ``PONG``, ``-ERR``, ``INFO`` or ``+OK``, and what follows it."""

    verb: bytes
    text: bytes


class Parser:
    """Takes what was read, in pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: tuple[list[bytes], int, int] | None = None
        """Of a message whose payload is not here yet: its words, the bytes of its headers, and of all."""

    def feed(self, data: bytes) -> Iterator[Message | Told]:
        """What is whole now; raise ``Broken``, after which nothing makes sense any more."""
        self._buffer += data
        while True:
            found = self._payload() if self._waiting else self._line()
            if found is not None:
                yield found
            elif self._waiting is None or len(self._buffer) < self._waiting[2] + 2:
                return

    def _line(self) -> Told | None:
        end = self._buffer.find(b"\r\n")
        if max(end, len(self._buffer) if end < 0 else 0) > MOST_LINE_BYTES:
            raise Broken("a line without an end")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if verb in (b"MSG", b"HMSG"):
            self._waiting = _sizes(rest.split(b" "), headers=verb == b"HMSG")
            return None
        return Told(verb, rest)

    def _payload(self) -> Message | None:
        assert self._waiting is not None, "a message was announced"
        words, head, size = self._waiting
        if len(self._buffer) < size + 2:
            return None
        if not self._buffer.startswith(b"\r\n", size):
            raise Broken("a message of another size than it says")
        body = bytes(self._buffer[:size])
        del self._buffer[: size + 2]
        self._waiting = None
        reply = words[2] if len(words) == 3 else b""
        return Message(words[0], words[1], reply, body[:head], body[head:])


def _sizes(words: list[bytes], *, headers: bool) -> tuple[list[bytes], int, int]:
    count = 2 if headers else 1
    words, sizes = words[:-count], words[-count:]
    if len(words) not in (2, 3) or not all(_SUBJECT.fullmatch(word) for word in words):
        raise Broken("a message without a subject")
    if not all(_SIZE.fullmatch(size) for size in sizes):
        raise Broken("a message without a size")
    head, size = int(sizes[0]) if headers else 0, int(sizes[-1])
    if not head <= size <= MOST_BYTES:
        raise Broken("a message of a size that cannot be")
    return words, head, size


def publish(subject: bytes, reply: bytes, head: bytes, data: bytes) -> bytes:
    """The message to be sent; subjects are those of a ``Message``, or ours."""
    words = b"%b %b" % (subject, reply) if reply else subject
    if head:
        return b"HPUB %b %d %d\r\n%b%b\r\n" % (words, len(head), len(head) + len(data), head, data)
    return b"PUB %b %d\r\n%b\r\n" % (words, len(data), data)


def subscribe(subject: str, sid: int) -> bytes:
    """A subscription of ours."""
    return b"SUB %b %d\r\n" % (subject.encode(), sid)
