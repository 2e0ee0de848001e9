"""How a subject is declared, escaped, matched and looked up: the machinery below the one table in ``subjects``.

A *pattern* is a subject with named parameters: ``hardware.<subsystem>.<action>``. Each parameter is one escaped token;
a last ``<name...>`` takes the rest of the subject, dots and all. Models are named (``hardware.Device``) and not
imported, so that a program that only publishes does not pay for pydantic.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from lunix_common.role import Role as Role

# nats-py closes its connection for good on a subject of some 4 KB; the server's control line is bounded as well.
MAX_SUBJECT_BYTES = 1024
PATIENCE_S, MOST_PATIENCE_S = 5.0, 3600
"""So long whoever asks waits for an answer, and that much longer than a daemon that may wait for something."""
INWARD = "_T_."
"""What clients send on the subjects of an event that has ``senders`` reaches its daemon behind this prefix."""

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_ESCAPE = re.compile(r"%([0-9A-F]{2})")
_PATTERN = re.compile(r"[a-z][a-z0-9_-]*(?:\.(?:[a-z0-9_-]+|<[a-z_]+>))*(?:\.<[a-z_]+\.\.\.>)?")
_PARAMETER = re.compile(r"<([a-z_]+)(\.\.\.)?>")


def token(name: str | bytes) -> str:
    """Escape a name that comes from the world into one subject token.

    Every byte outside ``[A-Za-z0-9_-]`` becomes ``%XX``, and the empty name is ``%``: ``eth0.100`` is ``eth0%2E100``.
    A ``str`` is taken as UTF-8, with the surrogates of ``os.fsdecode`` turned back into their bytes.
    """
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in raw) or "%"


def untoken(escaped: str) -> bytes:
    """Return the bytes that ``token`` escaped; raise ``ValueError`` for what ``token`` never returns."""
    plain = "" if escaped == "%" else _ESCAPE.sub(lambda match: chr(int(match[1], 16)), escaped)
    raw = plain.encode("latin-1", "replace")
    if token(raw) != escaped:
        raise ValueError(f"{escaped!r} is not an escaped token")
    return raw


class Kind(StrEnum):
    """What a subject is for."""

    EVENT = "event"
    """A fact, published by a daemon."""
    QUERY = "query"
    """A request that changes nothing."""
    COMMAND = "command"
    """A request that changes something."""


@dataclass(frozen=True)
class Subject:
    """One row of the table."""

    pattern: str
    kind: Kind
    daemon: str
    payload: str
    """The payload's model, ``<module in lunix_common.schemas>.<class>``."""
    doc: str
    reply: str | None = None
    """The model of the answer; events have none."""
    role: Role = Role.OBSERVER
    """The least role that may see the event or send the request."""
    bare: str | None = None
    """The field that a payload of bare text fills."""
    senders: Role | None = None
    """The least role that may send on an event's subjects as well. The daemon alone hears it, and may tell it then."""
    takes_s: float = 0
    """So long the daemon itself may wait, for a device or a person, before it answers."""
    waits: str | None = None
    """The field of the payload that says otherwise, in milliseconds."""

    def __post_init__(self) -> None:
        if not _PATTERN.fullmatch(self.pattern):
            raise ValueError(f"{self.pattern!r} is no pattern: lower-case tokens, <name> for one, a last <name...>")
        if self.senders is not None and self.kind is not Kind.EVENT:
            raise ValueError(f"{self.pattern}: senders are of events; who may send a request is its role")
        if len(set(self.parameters)) < len(self.parameters):
            raise ValueError(f"{self.pattern!r} names a parameter twice")

    @cached_property
    def domain(self) -> str:
        """The first token, which is also the name of the reference page."""
        return self.pattern.split(".", 1)[0]

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the pattern's parameters, in order."""
        return tuple(name for name, _rest in _PARAMETER.findall(self.pattern))

    @cached_property
    def wildcard(self) -> str:
        """The NATS subject that takes in every literal of this pattern: ``hardware.*.*``."""
        return self.filter({})

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        pieces = re.split(r"<[a-z_]+(?:\.\.\.)?>", self.pattern)
        groups = ["(.+)" if rest else r"([^.]+)" for _name, rest in _PARAMETER.findall(self.pattern)]
        joined = re.escape(pieces[0])
        for group, piece in zip(groups, pieces[1:], strict=True):
            joined += group + re.escape(piece)
        return re.compile(joined)

    def filter(self, known: Mapping[str, str]) -> str:
        """The NATS subject of all literals in which the parameters ``known`` (raw names) have the given values."""

        def replace(match: re.Match[str]) -> str:
            name, rest = match.groups()
            if name in known:
                return token(known[name])
            return ">" if rest else "*"

        return _PARAMETER.sub(replace, self.pattern)

    def literal(self, **parameters: str | bytes) -> str:
        """The literal subject for these raw names; raise ``ValueError`` when it becomes too long for the bus."""
        missing = set(self.parameters) ^ set(parameters)
        if missing:
            raise ValueError(f"{self.pattern}: parameters {sorted(missing)} are missing or unknown")
        subject = _PARAMETER.sub(lambda match: token(parameters[match[1]]), self.pattern)
        if len(subject) > MAX_SUBJECT_BYTES:
            raise ValueError(f"{self.pattern}: a subject of {len(subject)} bytes is longer than {MAX_SUBJECT_BYTES}")
        return subject

    def match(self, subject: str) -> dict[str, str] | None:
        """The parameters of a literal subject, still escaped, or ``None`` where it is not one of this pattern."""
        found = self._expression.fullmatch(subject)
        return dict(zip(self.parameters, found.groups(), strict=True)) if found else None


@dataclass(frozen=True)
class Domain:
    """A first token: the daemon behind it and, where its events change a state, how a mirror follows them."""

    name: str
    daemon: str
    doc: str
    item: str | None = None
    """The model of an item of ``<name>.list``; ``None`` for a stream without a state."""
    gone: frozenset[str] = frozenset()
    """Last tokens of events after which the item is no longer listed."""
    passing: frozenset[str] = frozenset()
    """Last tokens of events that change no item."""


@dataclass(frozen=True)
class Table:
    """A set of declarations, with the look-ups that everything else is computed by."""

    subjects: tuple[Subject, ...]
    domains: tuple[Domain, ...]
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Patterns that a daemon subscribes to or requests beside its own."""

    @cached_property
    def _rows(self) -> dict[str, Subject]:
        return {subject.pattern: subject for subject in self.subjects}

    def patience_s(self, literal: str, data: bytes = b"") -> float:
        """So long who sends this request waits for the answer: the daemon's, that it waited in vain, comes before."""
        row = self._rows.get(literal)
        takes_s = row.takes_s if row else 0
        with suppress(KeyError, OverflowError, RecursionError, TypeError, ValueError):
            told_s = float(json.loads(data)[row.waits]) / 1000 if row and row.waits else takes_s
            takes_s = told_s if 0 <= told_s <= MOST_PATIENCE_S else takes_s
        return PATIENCE_S + takes_s

    def __getitem__(self, pattern: str) -> Subject:
        return self._rows[pattern]

    def __iter__(self) -> Iterator[Subject]:
        return iter(self.subjects)

    def find(self, literal: str) -> Subject | None:
        """The row that a literal subject belongs to; the one with the fewest parameters where several match."""
        rows = [row for row in self.subjects if row.match(literal) is not None]
        return min(rows, key=lambda row: len(row.parameters), default=None)

    def ways_in(self, row: Subject) -> tuple[str, ...]:
        """The NATS subjects on which requests of a row arrive: two where an event with senders takes them in."""
        taken_in = any(one.senders and one.domain == row.domain and one.match(row.pattern) for one in self)
        return (row.wildcard, INWARD + row.wildcard) if taken_in else (row.wildcard,)

    def domain(self, name: str) -> Domain:
        """The domain of this name; raise ``KeyError``."""
        return {domain.name: domain for domain in self.domains}[name]

    def of(self, daemon: str, *kinds: Kind) -> tuple[Subject, ...]:
        """The rows of one daemon, of these kinds (all when none is named)."""
        return tuple(row for row in self.subjects if row.daemon == daemon and (not kinds or row.kind in kinds))

    @property
    def daemons(self) -> tuple[str, ...]:
        """Every daemon that has a row, in the order of the table."""
        return tuple(dict.fromkeys(row.daemon for row in self.subjects))

    def joined(
        self, subjects: Iterable[Subject], domains: Iterable[Domain], uses: Mapping[str, tuple[str, ...]] | None = None
    ) -> "Table":
        """This table with more declarations; raise ``ValueError`` where one takes an existing domain or subject."""
        more = dict(self.uses) | dict(uses or {})
        result = Table(self.subjects + tuple(subjects), self.domains + tuple(domains), more)
        for names in (["user", *(domain.name for domain in result.domains)], [row.wildcard for row in result]):
            twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
            if twice:
                raise ValueError(f"{', '.join(twice)}: declared already")
        return result


def event(pattern: str, daemon: str, payload: str, doc: str, role: Role = Role.OBSERVER) -> Subject:
    """The row of an event."""
    return Subject(pattern, Kind.EVENT, daemon, payload, doc, role=role)


def announced(domain: Domain, rows: Iterable[Subject]) -> Iterator[Subject]:
    """The rows by which a publisher tells of itself: a loss and, where it has a state, that this can be listed."""
    docs = {"lost": f"Events of {domain.name} between two sequence numbers may not have arrived: list again."}
    if domain.item is not None:
        docs["ready"] = f"The state of {domain.name} can be listed: its daemon was started, or is back on the bus."
    events = [row for row in rows if row.kind is Kind.EVENT]
    for verb, doc in docs.items():
        # For all but those to whom a row of the domain closes it.
        role = next((row.role for row in events if row.match(f"{domain.name}.{verb}")), Role.OBSERVER)
        yield event(f"{domain.name}.{verb}", domain.daemon, f"common.{verb.capitalize()}", doc, role)
