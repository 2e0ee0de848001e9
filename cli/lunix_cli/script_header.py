"""What a script says that it uses, and whom that makes of it on the bus. Pure.

    # lunix: uses hardware.usb.add toast.in

in a comment of any language, within the first lines, as often as one likes.
"""

import re
from collections.abc import Iterable, Iterator

from lunix_cli import hints
from lunix_common.access.accounts import SHARED, covers, overlap, within
from lunix_common.access.roles import Client
from lunix_common.errors import did_you_mean
from lunix_common.role import RANKED
from lunix_common.subjects import Role, Subject, Table

PREFIX = "script-"
"""Of the identities and the services of scripts."""
LINES = 40
"""So many are looked at."""

_USES = re.compile(r"\W*lunix:\s*uses\s(.*)")
_SUBJECT = re.compile(r"(?:[A-Za-z0-9_%-]+|\*)(?:\.(?:[A-Za-z0-9_%-]+|\*))*(?:\.>)?")


def uses(text: str) -> tuple[str, ...]:
    """The NATS subjects that a script names, each once; none where it names none."""
    found = (_USES.match(line) for line in text.splitlines()[:LINES])
    return tuple(dict.fromkeys(word for match in found if match for word in re.split(r"[\s,]+", match[1]) if word))


def identity(name: str, asked: tuple[str, ...], table: Table) -> Client:
    """The one who may use what a script asks for, and nothing else: with the least role that suffices.

    Raises ``ValueError`` for a subject that nobody declares.
    """
    rows = [row for one in asked for row in _rows(one, table)]
    roles = [Role.USER for one in asked if _shared(one)] + [row.role for row in rows if row.role in RANKED]
    grants = frozenset(row.pattern for row in rows if row.role is Role.GRANT)
    return Client(PREFIX + name, max(roles, key=RANKED.index, default=Role.OBSERVER), grants, only=asked)


def _shared(subject: str) -> bool:
    return bool(within(SHARED, [subject]))


def _rows(subject: str, table: Table) -> Iterator[Subject]:
    """The rows of which the subject takes in something; raise ``ValueError`` where there are none."""
    if not _SUBJECT.fullmatch(subject):
        raise ValueError(f"{subject!r} is no subject: tokens of letters, digits, _, - and %, with * for one, a last > ")
    found = [row for row in table if overlap(subject, row.wildcard)]
    for row in found:
        if not within(row.wildcard, [subject]):
            raise ValueError(f"{subject!r} is part of {row.wildcard!r} and of others: write them one by one")
    if not found and not _shared(subject):
        known = [row.wildcard for row in table]
        hint = did_you_mean(subject, known, "`lunix subjects` shows what there is", "{!r}")
        raise ValueError(f"{subject!r} is not declared: {hint}")
    if doubt := hints.unknown(subject, table):
        raise ValueError(f"{subject!r}: {doubt}")
    yield from found


def granted(asked: Iterable[str], client: Client | None) -> bool:
    """Whether all that a script asks for was granted to it."""
    only = client.only if client else None
    return only is not None and all(any(covers(wide, one) for wide in only) for one in asked)
