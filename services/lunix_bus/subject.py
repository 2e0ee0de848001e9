"""Subjects and patterns of them, as the bytes that stand in the protocol.

A subject is tokens with dots between. In a pattern the token ``*`` stands for any one token and a last ``>`` for one or
more: https://docs.nats.io/nats-concepts/subjects.
"""

from collections.abc import Iterator

ANY, REST = b"*", b">"
_WILD = (ANY, REST)


def is_pattern(subject: bytes) -> bool:
    """Whether one may subscribe to it: no token is empty, and ``>`` stands last alone."""
    tokens = subject.split(b".")
    return b"" not in tokens and REST not in tokens[:-1]


def is_literal(subject: bytes) -> bool:
    """Whether it is the subject of one message, with no token that is empty or stands for others."""
    tokens = subject.split(b".")
    return b"" not in tokens and ANY not in tokens and REST not in tokens


def covers(pattern: bytes, subject: bytes) -> bool:
    """Whether the pattern takes in a subject, or every subject that another pattern takes in."""
    wide, narrow = pattern.split(b"."), subject.split(b".")
    for index, own in enumerate(wide):
        if own == REST:
            return len(narrow) > index
        if index >= len(narrow) or narrow[index] == REST:
            return False
        if own not in (ANY, narrow[index]):
            return False
    return len(wide) == len(narrow)


def meet(one: bytes, other: bytes) -> bytes | None:
    """The pattern of the subjects that both take in, ``None`` where there are none."""
    ones, others = one.split(b"."), other.split(b".")
    found: list[bytes] = []
    for index in range(max(len(ones), len(others))):
        if index >= len(ones) or index >= len(others):
            return None
        mine, theirs = ones[index], others[index]
        if REST in (mine, theirs):
            return b".".join([*found, *(others if mine == REST else ones)[index:]])
        if mine != theirs and ANY not in (mine, theirs):
            return None
        found.append(theirs if mine == ANY else mine)
    return b".".join(found)


def transform(source: bytes, target: bytes, subject: bytes) -> bytes:
    """``subject``, which ``source`` covers, as ``target`` names it: wildcards stand for the same, in order."""
    if source == target:
        return subject
    caught = _caught(source, subject)
    return b".".join(next(caught) if token in _WILD else token for token in target.split(b"."))


def _caught(source: bytes, subject: bytes) -> Iterator[bytes]:
    tokens, places = subject.split(b"."), enumerate(source.split(b"."))
    return iter([b".".join(tokens[at:]) if own == REST else tokens[at] for at, own in places if own in _WILD])


def wildcards(pattern: bytes) -> list[bytes]:
    """Its wildcards in order: two patterns can be transformed into each other where they have the same."""
    return [token for token in pattern.split(b".") if token in _WILD]


def quoted(text: bytes) -> str:
    """A text of the wire in double quotes, as Go's ``%q`` writes it, in which nats-server's errors name subjects."""
    out = ['"']
    for char in text.decode("utf-8", "surrogateescape"):
        if char in '"\\':
            out.append("\\" + char)
        elif char.isprintable():
            out.append(char)
        else:
            out.append(_SHORT.get(char) or _escaped(char))
    return "".join((*out, '"'))


_SHORT = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
