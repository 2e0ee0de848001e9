"""``lunix subjects``: what there is on the bus, as a table, as JSON Schemas, and as an AsyncAPI 3 document."""

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from lunix_cli import declared, terminal
from lunix_cli.show import hue
from lunix_cli.table import fitted
from lunix_common import __version__
from lunix_common.access.accounts import overlap
from lunix_common.errors import UsageError
from lunix_common.subjects import Subject


def run(arguments: Namespace) -> int:
    """Print it in the form that was asked for; raise ``UsageError`` where nothing is declared like that."""
    if arguments.only and (arguments.schema or arguments.reply or arguments.asyncapi):
        raise UsageError(f"{arguments.only[0]}: only the table and --json show a part of it")
    if arguments.schema or arguments.reply:
        print(json.dumps(_schema(arguments.schema, arguments.reply), indent=2))
    elif arguments.asyncapi:
        from lunix_websocket.asyncapi import document

        print(json.dumps(document(declared.table(), __version__), indent=2))
    elif arguments.json:
        print(json.dumps([as_object(row) for row in _rows(arguments.only)], indent=2))
    else:
        _table(_rows(arguments.only))
    return 0


def _rows(only: Sequence[str]) -> list[Subject]:
    """What the words stand for: a domain, a daemon, or a subject with or without wildcards; all where there is none."""
    rows = list(declared.table())
    for word in only:
        if not any(_meant(word, row) for row in rows):
            known = ", ".join(dict.fromkeys(row.domain for row in rows))
            raise UsageError(f"nothing is declared that {word!r} could mean: there are {known}")
    return [row for row in rows if not only or any(_meant(word, row) for word in only)]


def _meant(word: str, row: Subject) -> bool:
    return word in (row.domain, row.daemon, row.pattern) or overlap(row.wildcard, word)


def as_object(row: Subject) -> dict[str, Any]:
    """A row as ``--json`` prints it."""
    return {
        "subject": row.pattern,
        "wildcard": row.wildcard,
        "kind": row.kind.value,
        "daemon": row.daemon,
        "role": row.role.value,
        "payload": row.payload,
        "reply": row.reply,
        "bare": row.bare,
        "doc": row.doc,
    }


def _table(found: Sequence[Subject]) -> None:
    ordered = sorted(found, key=lambda row: row.domain)
    rows = [[row.pattern, row.kind.value, row.role.value, row.daemon, row.doc] for row in ordered]
    table = [["SUBJECT", "KIND", "ROLE", "DAEMON", "WHAT"], *rows]
    head, *lines = fitted(table, terminal.columns())
    print(terminal.painted(head, terminal.BOLD))
    for row, line in zip(rows, lines, strict=True):
        name = row[0]
        print(terminal.painted(name, f"\x1b[{hue(name)}m") + line.removeprefix(name))


def _schema(payload: str | None, reply: str | None) -> dict[str, Any]:
    from lunix_common.schemas import model

    row = declared.row(payload or reply or "")
    if payload:
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model(row.payload).model_json_schema()}
    if row.reply is None:
        raise UsageError(f"{row.pattern} is an event: it has no answer")
    shape = model(row.reply).model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **shape}
