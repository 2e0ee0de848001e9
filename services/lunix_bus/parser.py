"""The clients' side of the protocol: bytes in, calls of a ``Handler`` out.

Format: https://docs.nats.io/reference/reference-protocols/nats-protocol. What nats-server makes of lines that are wrong
is kept, byte for byte: which end the connection with a word, which without one, and which are forgiven.
"""

import re
from collections.abc import Sequence
from typing import Protocol

NOT_A_SIZE = -1
KNOWN_LINES = 128
"""Of each client: a line takes a kilobyte with its way to four subscriptions."""
_LINE = re.compile(
    rb"(?:(H?PUB|SUB|UNSUB)[ \t]+|(CONNECT|INFO)[ \t]*|(-ERR)[ \t]+|(PING|PONG|\+OK))(.*)", re.IGNORECASE | re.DOTALL
)
_WITH_ARGUMENTS = (b"PUB ", b"HPUB ", b"SUB ", b"UNSUB ", b"CONNECT", b"INFO", b"-ERR ")
_WITHOUT = (b"PING", b"PONG", b"+OK")
_LONGEST_VERB = 8


class Violation(Exception):
    """The connection has to end. ``told`` is what the client is told first, if anything; ``why`` stands in the log."""

    def __init__(self, told: str | None, why: str = "") -> None:
        super().__init__(why or told)
        self.told = told


class Publication:
    """A line of PUB or HPUB, and room for what its handler works out of it: most lines come again."""

    __slots__ = ("has_header", "header", "reply", "size", "sizes", "stamp", "subject", "targets")

    def __init__(self, subject: bytes, reply: bytes, sizes: Sequence[bytes]) -> None:
        self.subject, self.reply = subject, reply
        self.has_header = len(sizes) == 2
        self.header, self.size = size_of(sizes[0]) if self.has_header else 0, size_of(sizes[-1])
        self.sizes = b" ".join(sizes) if self.header else sizes[-1]
        """As its publisher wrote them: of its headers, if it has any, and of all of it."""
        self.stamp = -1
        self.targets: list[tuple[object, list[bytes], bytes]] | None = None


class Handler(Protocol):
    """What a parser calls. Each may raise ``Violation``."""

    @property
    def awaited(self) -> bool:
        """Whether nothing but CONNECT may come."""
        ...

    def publication(self, publication: Publication) -> None:
        """A line of PUB or HPUB was read; its message follows."""

    def publish(self, publication: Publication, body: bytes) -> None:
        """A message: its headers, its payload and two bytes for the end of the line."""

    def connect(self, options: bytes) -> None:
        """CONNECT with its JSON."""

    def subscribe(self, subject: bytes, queue: bytes, sid: bytes) -> None:
        """SUB; the queue group is empty for none."""

    def unsubscribe(self, sid: bytes, most: int) -> None:
        """UNSUB, after so many messages in all; at once for ``NOT_A_SIZE``."""

    def ping(self) -> None:
        """PING."""

    def pong(self) -> None:
        """PONG."""


def size_of(text: bytes) -> int:
    """A size of at most nine digits, else ``NOT_A_SIZE``."""
    return int(text) if len(text) <= 9 and text.isdigit() else NOT_A_SIZE


def _words(verb: bytes, arguments: bytes, *counts: int) -> list[bytes]:
    """The arguments of a line, which has to have so many."""
    words = [word for word in arguments.replace(b"\t", b" ").split(b" ") if word]
    if len(words) not in counts:
        raise Violation(None, f"{verb.decode()} with {len(words)} arguments")
    return words


class Parser:
    """The state between two reads: what was not whole yet."""

    def __init__(self, handler: Handler, max_control_line: int) -> None:
        self._handler, self._max_control_line = handler, max_control_line
        self._rest: list[bytes] = []
        self._held = 0
        self._wanted = 0
        self._publication: Publication | None = None
        self.known: dict[bytes, Publication] = {}
        """Lines that may come again. Whoever knows that their targets have changed clears it: they hold clients."""

    def feed(self, data: bytes) -> None:
        """Take in what was read; raise ``Violation``, after which nothing more may come."""
        if self._held:
            self._rest.append(data)
            self._held += len(data)
            # A great message in many pieces is put together once.
            if self._held < self._wanted:
                return
            data = b"".join(self._rest)
            self._rest, self._held = [], 0
        position = self._messages(data)
        if position < len(data):
            self._rest, self._held = [data[position:]], len(data) - position
            if self._publication is None:
                self._wanted = 0
                self._check_begun(self._rest[0])

    def _messages(self, data: bytes) -> int:
        """Deal with all that is whole, and return where the rest begins. The loop in which the server lives."""
        find, known, publish = data.find, self.known, self._handler.publish
        position, length = 0, len(data)
        publication, self._publication = self._publication, None
        while position < length:
            if publication is None:
                stop = find(b"\n", position)
                if stop < 0:
                    break
                line = data[position:stop]
                publication = known.get(line)
                position = stop + 1
                if publication is None and (publication := self._line(line)) is None:
                    continue
            end = position + publication.size
            if end + 2 > length:
                if data[end:] not in (b"", b"\r"):
                    raise _unknown()
                self._publication, self._wanted = publication, end + 1 - position
                break
            if data[end : end + 2] != b"\r\n":
                raise _unknown()
            publish(publication, data[position : end + 2])
            position = end + 2
            publication = None
        else:
            self._publication = publication
            self._wanted = 0
        return position

    def _check_begun(self, begun: bytes) -> None:
        """Look at the beginning of a line: nobody may have us keep what can become none."""
        if self._handler.awaited and begun[:1] not in b"Cc":
            raise Violation("Authorization Violation", "spoke before CONNECT")
        head = begun[:_LONGEST_VERB].replace(b"\t", b" ").upper()
        for verb in _WITHOUT:
            if head.startswith(verb):  # whatever follows on the line is nothing
                self._rest, self._held = [verb], len(verb)
                return
        if not any(head[: len(verb)] == verb[: len(head)] for verb in (*_WITH_ARGUMENTS, *_WITHOUT)):
            raise _unknown()
        found = _LINE.match(begun)
        if found is not None:
            self._check_length(found[5])
        if found is None or not found[5]:  # a verb and blanks, of which one is enough
            self._rest, self._held = [begun[:_LONGEST_VERB]], min(len(begun), _LONGEST_VERB)

    def _check_length(self, arguments: bytes) -> None:
        if len(arguments) > self._max_control_line:
            raise Violation("maximum control line exceeded", f"a line of more than {self._max_control_line} bytes")

    def _line(self, line: bytes) -> Publication | None:
        """Deal with a line that is not known; return it if a message follows."""
        if self._handler.awaited and line[:1] not in (b"C", b"c"):
            raise Violation("Authorization Violation", "spoke before CONNECT")
        text = line.removesuffix(b"\r")
        found = _LINE.match(text)
        if found is None:
            raise _unknown()
        verb = (found[1] or found[2] or found[3] or found[4]).upper()
        if found[4] is None:
            self._check_length(found[5])
        if verb in (b"PUB", b"HPUB"):
            publication = self._published(verb, found[5])
            # Most replies are awaited once, and their subjects never come again.
            if not publication.reply:
                if len(self.known) >= KNOWN_LINES:
                    self.known.clear()
                self.known[line] = publication
            return publication
        self._other(verb, found[5])
        return None

    def _published(self, verb: bytes, arguments: bytes) -> Publication:
        sizes = 2 if verb == b"HPUB" else 1
        words = _words(verb, arguments, sizes + 1, sizes + 2)
        reply = words[1] if len(words) - sizes == 2 else b""
        publication = Publication(words[0], reply, words[-sizes:])
        self._handler.publication(publication)
        return publication

    def _other(self, verb: bytes, arguments: bytes) -> None:
        if verb == b"SUB":
            words = _words(verb, arguments, 2, 3)
            self._handler.subscribe(words[0], words[1] if len(words) == 3 else b"", words[-1])
        elif verb == b"UNSUB":
            words = _words(verb, arguments, 1, 2)
            self._handler.unsubscribe(words[0], size_of(words[1]) if len(words) == 2 else NOT_A_SIZE)
        elif verb == b"CONNECT":
            self._handler.connect(arguments)
        elif verb == b"PING":
            self._handler.ping()
        elif verb == b"PONG":
            self._handler.pong()
        elif verb == b"-ERR":
            raise Violation(None, "the client reported an error")


def _unknown() -> Violation:
    return Violation("Unknown Protocol Operation")
