"""What passes between a machine's bus and the hub, and under which subjects. Pure.

    the machine's events ──────────────────────────────> the hub, on the same subjects
    a request at the hub → the same subject here, as the local identity of this role
    its answers on an inbox of ours ───────────────────> the subject where the hub awaits them

The hub puts ``host.<name>.`` before what it is told, so a machine names no prefix. Events go one way and requests the
other, and no subject is both; so nothing can come back to where it was.
"""

from collections import OrderedDict

MOST_REQUESTS = 1024
"""So many requests of a role may wait for their answers; the oldest is given up for the next."""
NO_RESPONDERS = b"NATS/1.0 503\r\n\r\n"
"""What a server itself answers where nobody takes a request."""

_SEVERAL = b"$SRV."
"""Requests that each daemon answers."""
_INFO = b"nats-request-info"
_NONE = b"NATS/1.0\r\n\r\n"


def takes_in(pattern: str, subject: bytes) -> bool:
    """Whether a literal subject is one of a pattern's; one with a wildcard or an empty token is no literal."""
    tokens = subject.split(b".")
    if any(token in (b"", b"*", b">") for token in tokens):
        return False
    wide = pattern.encode().split(b".")
    if wide[-1] == b">":
        tokens, wide = tokens[: len(wide)], [*wide[:-1], b"*"]
    return len(wide) == len(tokens) and all(own in (b"*", token) for own, token in zip(wide, tokens, strict=True))


def without_role(head: bytes) -> bytes:
    """Headers without what says whose a request is: only a server says that, and to its own daemons."""
    if _INFO not in head.lower():
        return head
    lines = head.split(b"\r\n")
    left = b"\r\n".join(line for line in lines if line.partition(b":")[0].strip().lower() != _INFO)
    return b"" if left == _NONE else left


def refusal(code: int, message: str) -> tuple[bytes, bytes]:
    """Headers and payload of an answer that is an error; ``message`` is ours, and needs no escapes."""
    head = f"NATS/1.0\r\nNats-Service-Error-Code: {code}\r\nNats-Service-Error: {message}\r\n\r\n"
    return head.encode(), f'{{"error":{{"code":{code},"message":"{message}"}}}}'.encode()


class Ways:
    """Where the answers go to requests that are under way."""

    def __init__(self, inbox: str) -> None:
        """``inbox`` is what comes before the last token of the subjects that are made here."""
        self._inbox = inbox.encode() + b"."
        self._ways: OrderedDict[bytes, tuple[bytes, bool]] = OrderedDict()
        self._number = 0

    def __len__(self) -> int:
        return len(self._ways)

    def out(self, subject: bytes, reply: bytes) -> bytes:
        """The reply subject here of a request that came with ``reply``."""
        self._number += 1
        here = self._inbox + b"%d" % self._number
        self._ways[here] = reply, subject.startswith(_SEVERAL)
        if len(self._ways) > MOST_REQUESTS:
            self._ways.popitem(last=False)
        return here

    def back(self, subject: bytes) -> bytes | None:
        """Where an answer goes that came on ``subject``; ``None`` where nobody waits for it any more."""
        reply, several = self._ways.get(subject, (None, True))
        if not several:
            del self._ways[subject]
        return reply

    def clear(self) -> None:
        """Give up all of them."""
        self._ways.clear()
