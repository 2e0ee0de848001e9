"""Subjects that others declare, in ``/etc/lunix/subjects.d/*.toml``: they join the table and get the same treatment.

    domain = "garden"                 # the first token of every subject below, nobody else's
    daemon = "garden"                 # the identity that publishes and answers
    doc = "The greenhouse's sensors."
    uses = ["hardware.get"]           # events that it subscribes to and queries that it asks; none is the default
    [[subject]]
    pattern = "garden.<bed>.dry"
    kind = "event"                    # event | query | command
    doc = "A bed needs water."
    role = "observer"                 # the least role; admin where nothing is said

A query or command may also have ``bare``, the field that bare text fills. Payloads and answers are any JSON object: a
schema would have to be code.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lunix_common.errors import did_you_mean
from lunix_common.subjects import TABLE, Domain, Kind, Role, Subject, Table, announced, token

_FILE_KEYS = {"domain", "daemon", "doc", "uses", "subject"}
_ROW_KEYS = {"pattern", "kind", "doc", "role", "bare"}


def directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the files are: ``LUNIX_SUBJECTS_DIR``, else ``/etc/lunix/subjects.d``."""
    return Path(environ.get("LUNIX_SUBJECTS_DIR") or "/etc/lunix/subjects.d")


def load(directory: Path, table: Table = TABLE) -> Table:
    """``table`` joined with every file of the directory; raise ``ValueError`` that names the file and the mistake."""
    for path in sorted(directory.glob("*.toml")):
        try:
            table = join(table, tomllib.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    return table


def join(table: Table, declared: Mapping[str, Any]) -> Table:
    """``table`` with what one file declares; raise ``ValueError``."""
    _refuse_unknown(declared, _FILE_KEYS)
    name, daemon = _text(declared, "domain"), _text(declared, "daemon")
    for key in ("domain", "daemon"):
        if token(declared[key]) != declared[key]:
            raise ValueError(f"{key} = {declared[key]!r}: use letters, digits, _ and -")
    if daemon in table.daemons:
        raise ValueError(f"daemon = {daemon!r} is the identity of another one already")
    domain = Domain(name, daemon, _text(declared, "doc", ""))
    rows = [_subject(domain, row) for row in _tables(declared.get("subject", []))]
    return table.joined([*announced(domain, rows), *rows], [domain], {daemon: tuple(_uses(table, declared))})


def _uses(table: Table, declared: Mapping[str, Any]) -> Iterator[str]:
    patterns: Any = declared.get("uses", [])
    if not isinstance(patterns, list):
        raise ValueError("uses is an array of patterns")
    for pattern in patterns:  # pyright: ignore[reportUnknownVariableType]
        row = next((row for row in table if row.pattern == pattern), None)
        if row is None:
            raise ValueError(f"uses: {pattern!r} is not declared")
        if row.kind is not Kind.EVENT and row.role is not Role.OBSERVER:
            # A daemon's request crosses no account, so nothing tells its role to the one that answers.
            raise ValueError(f"uses: {pattern} needs the role {row.role.value}, and a daemon asks as an observer")
        yield row.pattern


def _tables(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):  # pyright: ignore[reportUnknownVariableType]
        raise ValueError("subject is an array of tables: write [[subject]]")
    return value  # pyright: ignore[reportUnknownVariableType]


def _subject(domain: Domain, row: Mapping[str, Any]) -> Subject:
    _refuse_unknown(row, _ROW_KEYS)
    kind = Kind(_choice(row, "kind", list(Kind)))
    subject = Subject(
        pattern=_text(row, "pattern"),
        kind=kind,
        daemon=domain.daemon,
        payload="common.Anything",
        doc=_text(row, "doc", ""),
        reply=None if kind is Kind.EVENT else "common.Anything",
        role=Role(_choice(row, "role", list(Role), Role.ADMIN)),
        bare=_text(row, "bare") if "bare" in row else None,
    )
    if subject.domain != domain.name:
        raise ValueError(f"{subject.pattern} is outside the domain {domain.name!r}")
    return subject


def _refuse_unknown(given: Mapping[str, Any], known: set[str]) -> None:
    for key in given:
        if key not in known:
            raise ValueError(f"unknown key {key!r}: {did_you_mean(key, sorted(known))}")


def _text(given: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = given.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"{key} is missing" if value is None else f"{key} = {value!r} is not a text")
    return value


def _choice(given: Mapping[str, Any], key: str, known: list[str], default: str | None = None) -> str:
    value = _text(given, key, default)
    if value not in known:
        raise ValueError(f"{key} = {value!r}: known are {', '.join(known)}")
    return value
