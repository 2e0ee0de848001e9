"""Reference pages from the declared table: each subject with its kind, role, schema and a message that was really seen.

``write`` makes ``subjects.md`` (one table of all), ``<domain>.md`` (each subject of a domain, then its payloads),
``common.md`` (the payloads that belong to no domain) and ``settings-<daemon>.md``; hand-written pages include them.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from lunix_cli import sections
from lunix_common.schemas import model
from lunix_common.schemas.common import Model
from lunix_common.subjects import Domain, Kind, Subject, Table


def write(table: Table, target: Path, examples: Path) -> None:
    """Make the pages of every domain below ``target``; files that say the same already are left alone."""
    target.mkdir(parents=True, exist_ok=True)
    pages = {"subjects.md": overview(table), "common.md": "\n".join(map(_schema, _models("common", table.subjects)))}
    pages |= {f"{domain.name}.md": page(table, domain, examples) for domain in table.domains}
    pages |= {f"settings-{daemon}.md": settings(daemon) for daemon in table.daemons}
    for name, text in pages.items():
        path = target / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def example_path(examples: Path, row: Subject) -> Path:
    """Where the recorded message of a subject is kept: ``hardware.subsystem.action.json``."""
    plain = row.pattern.replace("<", "").replace(">", "").replace("...", "")
    return examples / f"{plain}.json"


def overview(table: Table) -> str:
    """One line a subject."""
    lines = ["| subject | kind | least role | what |", "|---|---|---|---|"]
    lines += [f"| [`{row.pattern}`](#{anchor(row)}) | {row.kind} | {row.role} | {row.doc} |" for row in table]
    return "\n".join(lines) + "\n"


def page(table: Table, domain: Domain, examples: Path) -> str:
    """All of one domain."""
    rows = [row for row in table if row.domain == domain.name]
    parts = [f"{domain.doc}\n", *(_subject(row, examples) for row in rows)]
    parts.append(f"## Payloads of `{domain.name}`\n")
    parts += [_schema(found) for found in _models(domain.name, rows)]
    return "\n".join(parts)


def anchor(row: Subject) -> str:
    """The label of a subject, for links from other pages."""
    return "subject-" + row.pattern.replace("...>", ">").translate({ord("<"): None, ord(">"): None, ord("."): "-"})


def _subject(row: Subject, examples: Path) -> str:
    facts = [("kind", str(row.kind)), ("least role", str(row.role)), ("payload", _link(row.payload))]
    if row.reply:
        facts.append(("answer", _link(row.reply)))
    if row.senders:
        facts.append(("who may publish here", f"{row.senders} and above; the daemon alone hears it"))
    if row.bare:
        facts.append(("bare text", f"fills `{row.bare}`"))
    if row.takes_s:
        more = f", or as long as `{row.waits}` says" if row.waits else ""
        facts.append(("the answer may take", f"{row.takes_s:g} s{more}: wait for it a little longer than that"))
    lines = [f"({anchor(row)})=", f"### `{row.pattern}`", "", row.doc, "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts]
    return "\n".join([*lines, "", *_example(row, example_path(examples, row))])


def _example(row: Subject, path: Path) -> Iterator[str]:
    if not path.exists():
        return
    seen: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    yield f"`{seen['subject']}`" if row.kind is Kind.EVENT else f"Request to `{seen['subject']}`:"
    yield ""
    if seen.get("headers"):
        yield from _fenced("text", "\n".join(f"{name}: {value}" for name, value in seen["headers"].items()))
    payload = seen.get("payload")
    yield from _fenced("text" if isinstance(payload, str) else "json", _shown(payload))
    if row.reply:
        yield "Answer:\n"
        yield from _fenced("json", _shown(seen["reply"]))


def _shown(payload: object) -> str:
    return payload if isinstance(payload, str) else json.dumps(payload, indent=2, ensure_ascii=False)


def _fenced(language: str, text: str) -> Iterator[str]:
    yield f"```{language}\n{text}\n```\n"


def _link(name: str) -> str:
    return f"[`{name}`](#{_schema_anchor(name)})"


def _schema_anchor(name: str) -> str:
    return "schema-" + name.replace(".", "-").lower()


def _name(schema: type[BaseModel]) -> str:
    return f"{schema.__module__.rpartition('.')[2]}.{schema.__name__}"


def _models(module: str, rows: Iterable[Subject]) -> list[type[Model]]:
    """The models of one schema module that these subjects reach, each once, in the order of first use."""
    found: dict[type[Model], None] = {}
    for row in rows:
        for name in filter(None, (row.payload, row.reply)):
            _reach(model(name), found)
    return [schema for schema in found if _name(schema).startswith(f"{module}.")]


def _reach(schema: type[Model], found: dict[type[Model], None]) -> None:
    if schema in found:
        return
    found[schema] = None
    for field in schema.model_fields.values():
        for inner in _types(field.annotation):
            _reach(inner, found)


def _types(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for argument in get_args(annotation):
        yield from _types(argument)


def settings(daemon: str) -> str:
    """The section of a daemon in ``lunix.toml``; nothing where its package has no settings."""
    model = sections.model(daemon)
    return fields(model) if model else ""


def fields(schema: type[BaseModel]) -> str:
    """The table of a model's fields."""
    return "\n".join(_fields(schema))


def _schema(schema: type[Model]) -> str:
    name = _name(schema)
    lines = [f"({_schema_anchor(name)})=", f"### `{name}`", "", inspect.getdoc(schema) or "", ""]
    return "\n".join([*lines, *_fields(schema), ""])


def _fields(schema: type[BaseModel]) -> list[str]:
    described = schema.model_json_schema(mode="serialization")
    required = set(schema.model_json_schema(mode="validation").get("required", ()))
    documented = {key: text for base in reversed(schema.__mro__) for key, text in field_docs(base).items()}
    lines = ["| field | type | | |", "|---|---|---|---|"] if described.get("properties") else []
    for key, field in described.get("properties", {}).items():
        need = "required" if key in required else _default(field)
        text = documented.get(key, "").replace("|", "\\|")
        lines.append(f"| `{key}` | {_type(field)} | {need} | {text} |")
    return lines


def field_docs(schema: type) -> dict[str, str]:
    """The texts that stand below a class's fields; reading the source costs the programs themselves nothing."""
    if not issubclass(schema, BaseModel) or schema.__module__.startswith("pydantic"):
        return {}
    body = _classes(schema.__module__)[schema.__name__].body
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Those that a module defines, by name."""
    source = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in source.body if isinstance(node, ast.ClassDef)}


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    return "" if default is None else f"default `{json.dumps(default)}`"


def _type(field: Mapping[str, Any]) -> str:
    """A JSON Schema as a few words."""
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"] if option.get("type") != "null")
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if field.get("type") == "object":
        return "object"
    return str(field.get("format") or field.get("type", "anything"))
