"""Payloads of ``log.*``: messages of the kernel, of programs, of services and of other machines."""

from typing import Literal

from pydantic import Field

from lunix_common.schemas.common import Model, Time

Facility = Literal[
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "audit", "alert", "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7", "unknown",
]  # fmt: skip
"""The keywords of syslog(3) and RFC 5424, in the order of their numbers; ``unknown`` for a number that has none."""
Severity = Literal["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
"""From the most severe to the least."""
Source = Literal["socket", "journal", "kernel", "init", "udp", "tcp"]
"""How a message came: ``/dev/log``, systemd's journal, ``/dev/kmsg``, a service of init, the network."""
Format = Literal["rfc5424", "rfc3164", "plain", "kmsg", "journal", "line", "lunix"]
"""How it was written. ``plain`` is a message without the head of either RFC, ``line`` what a service wrote to its
output, ``lunix`` such a line of one of lunix's own daemons."""
Structured = dict[str, dict[str, str | list[str]]]


class Entry(Model):
    r"""One message. Bytes that are no UTF-8, and characters that could speak to a terminal, stand as ``\xNN``."""

    id: int
    """Counts from 1 over the run of lunix-log."""
    received_at: Time
    source: Source
    format: Format
    facility: Facility
    severity: Severity
    text: str
    happened_at: Time | None = None
    """What the message itself says; absent where it says nothing, or nothing that is a time."""
    host: str | None = None
    """What the message calls the machine that it is of: anybody can write anything there."""
    sender: str | None = None
    """The address and port that it really came from; of the network alone."""
    app: str | None = None
    service: str | None = None
    """The service of init, or the unit of systemd."""
    pid: int | None = None
    """Of the process that wrote it, as the kernel tells; absent where the kernel does not."""
    uid: int | None = None
    """The same of its user."""
    process: str | None = None
    """The process as the message itself names it: mostly a number."""
    message_id: str | None = None
    """Of RFC 5424, of the journal, or a mnemonic of network equipment (``SYS-5-CONFIG_I``)."""
    structured: Structured | None = None
    """The structured data of RFC 5424 by element and name, a list where a name is there more than once. What the
    journal and the kernel know beside the text is under ``journal`` and ``kernel``."""
    truncated: bool = False
    """It was longer than is taken: the rest is gone."""


class Dropped(Model):
    """Messages that nobody was told."""

    source: Source
    sender: str
    """The address, the service or unit, or ``uid 1000``; of root the program as well: ``uid 0 sshd``."""
    reason: str
    """``rate limit`` ``overflow`` ``too long`` ``too many connections`` ``not told`` ``unreadable``."""
    count: int
    """How many since the last time that this was told of this sender; connections, where there were too many."""
    since: Time
    """When the first of them was dropped."""


class TailRequest(Model):
    """Filters for ``log.tail``; a message has to pass all of them."""

    facility: Facility | None = None
    severity: Severity | None = None
    """This severe or more."""
    host: str | None = Field(default=None, max_length=255)
    """What the message says, or the address that it came from."""
    app: str | None = Field(default=None, max_length=255)
    """The program, or the service or unit."""
    contains: str | None = Field(default=None, max_length=1024)
    """The text contains this, letter by letter."""
    since: Time | None = None
    """Received at this moment or later."""
    after: int | None = Field(default=None, ge=0)
    """With a greater id than this."""
    limit: int = Field(default=100, ge=1, le=10_000)
    """At most so many, the newest ones."""


class Tail(Model):
    """The answer to ``log.tail``: the messages in the order in which they were received."""

    boot: str
    """The run of lunix-log, in which ids are unique."""
    items: list[Entry]
    more: bool = False
    """More that pass are kept; the limit, or the size of an answer, left them out."""
    oldest_id: int | None = None
    """Of the oldest message that is kept at all; older ones made room."""
    dropped: int = 0
    """How many messages were not told in this run; see ``log.dropped``."""
