"""What the modules for NixOS are made from, as JSON: each daemon's unit for either supervisor, and its settings. Pure.

``nix/daemons.json`` is this, committed, because Nix evaluates without Python; a test compares the two.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

from lunix_cli.shipping import units_init, units_systemd
from lunix_cli.shipping.needs import ROWS, Needs
from lunix_common.config import Settings

PACKAGE = "@lunix@"
"""Stands for the package's path in the store."""
_TYPES: Mapping[str, str] = {"boolean": "bool", "integer": "int", "number": "number", "string": "str"}


def daemons(settings: Mapping[str, type[Settings]], texts: Mapping[str, Mapping[str, str]]) -> str:
    """The whole file. ``settings`` are the daemons' models, ``texts`` the sentences on each of their fields."""
    found = {name: _daemon(row, settings.get(name), texts.get(name, {})) for name, row in ROWS.items()}
    return json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _daemon(row: Needs, model: type[Settings] | None, texts: Mapping[str, str]) -> dict[str, Any]:
    sections = units_systemd.sections(row, f"{PACKAGE}/bin/{row.command[0]}")
    return {
        "doc": row.doc,
        "session": row.session,
        "systemd": row.systemd,
        "byDefault": row.by_default,
        "user": row.user,
        "groups": list(row.groups),
        "unit": {name: _grouped(lines) for name, lines in sections.items()},
        "init": units_init.unit(row, alone=False),
        "settings": _settings(model, texts) if model else {},
    }


def _grouped(lines: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """A key that stands once has a value, one that stands several times a list."""
    found: dict[str, list[str]] = {}
    for key, value in lines:
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _settings(model: type[Settings], texts: Mapping[str, str]) -> dict[str, Any]:
    properties: Mapping[str, Any] = model.model_json_schema(mode="validation").get("properties", {})
    return {
        name: {"type": kind(field), "default": json.dumps(field.get("default")), "description": texts.get(name, "")}
        for name, field in properties.items()
    }


def kind(field: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON Schema as a type that the module knows: a name, or one made of others."""
    if "enum" in field:
        return {"name": "enum", "values": list(field["enum"])}
    if "anyOf" in field:
        options = [option for option in field["anyOf"] if option.get("type") != "null"]
        return kind(options[0]) if len(options) == 1 else {"name": "either", "of": [kind(option) for option in options]}
    if field.get("type") == "array":
        return {"name": "list", "of": kind(field.get("items", {}))}
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        of = kind(cast("Mapping[str, Any]", inner)) if isinstance(inner, Mapping) else {"name": "anything"}
        return {"name": "attrs", "of": of}
    return {"name": _TYPES.get(str(field.get("type")), "anything")}
