"""Payloads: what every model keeps to, whatever its domain."""

import json
import pkgutil
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lunix_common import schemas
from lunix_common.schemas import common, model
from lunix_common.schemas.common import Anything, Model, Time
from lunix_common.subjects import TABLE

UNITS = ("_s", "_ms", "_bytes", "_percent", "_seconds", "_celsius", "_dbm", "_bps", "_wh", "_w", "_usec")
QUANTITIES = ("timeout", "memory", "size", "duration", "delay", "interval", "uptime", "runtime")


def _models() -> list[type[Model]]:
    names = [f"lunix_common.schemas.{found.name}" for found in pkgutil.iter_modules(schemas.__path__)]
    return [
        value
        for module in map(import_module, names)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Model) and value.__module__ == module.__name__
    ]


MODELS = _models()
every_model = pytest.mark.parametrize("schema", MODELS, ids=lambda schema: f"{schema.__module__}.{schema.__name__}")


def sample(schema: Any, definitions: dict[str, Any]) -> Any:
    """A value that a JSON Schema of pydantic's allows, with all its fields."""
    if schema is True:
        return "anything"
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return sample(several[0], definitions)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("format") == "date-time":
        return "2026-01-02T03:04:05.000006Z"
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            free = {"key": sample(schema.get("additionalProperties") or {"type": "string"}, definitions)}
            return {name: sample(field, definitions) for name, field in fields.items()} or free
        case "array":
            return [sample(schema["items"], definitions)]
        case "string":
            return "text"
        case "boolean":
            return True
        case "integer" | "number":
            return max(1, schema.get("minimum", 1))
        case _:
            return {"any": "thing"}


def _example(schema: type[Model]) -> dict[str, Any]:
    described = schema.model_json_schema()
    return cast("dict[str, Any]", sample(described, described.get("$defs", {})))


@every_model
def test_a_payload_cannot_be_changed(schema: type[Model]) -> None:
    payload = schema.model_validate(_example(schema))
    for name in schema.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(payload, name, None)


@every_model
def test_a_field_of_a_newer_publisher_is_ignored(schema: type[Model]) -> None:
    example = _example(schema)
    payload = schema.model_validate(example | {"from_the_future": {"x": [1]}})
    if schema is not Anything:
        assert payload == schema.model_validate(example)
        assert b"from_the_future" not in payload.to_json()


@every_model
def test_a_payload_comes_back_from_the_wire_as_it_was(schema: type[Model]) -> None:
    payload = schema.model_validate(_example(schema))
    assert schema.model_validate_json(payload.to_json()) == payload


@every_model
def test_what_is_on_the_wire_is_what_the_json_schema_says(schema: type[Model]) -> None:
    payload = schema.model_validate(_example(schema))
    described = schema.model_json_schema(mode="serialization")
    jsonschema.Draft202012Validator.check_schema(described)
    jsonschema.validate(json.loads(payload.to_json()), described)


@every_model
def test_a_model_says_what_it_is_and_has_fields_that_json_can_hold(schema: type[Model]) -> None:
    assert schema.__doc__
    assert all(name.isidentifier() and name == name.lower() for name in schema.model_fields)


@every_model
def test_a_quantity_has_its_unit_in_its_name(schema: type[Model]) -> None:
    bare = [
        name
        for name, described in schema.model_json_schema().get("properties", {}).items()
        if any(word in name for word in QUANTITIES) and _is_number(described) and not name.endswith(UNITS)
    ]
    assert not bare


def _is_number(described: dict[str, Any]) -> bool:
    return any(option.get("type") in ("integer", "number") for option in described.get("anyOf", [described]))


@pytest.mark.parametrize("row", TABLE.subjects, ids=lambda row: row.pattern)
@given(st.sampled_from([b"", b"[]", b"7", b'"text"', b"null", b"{", b"\xff", b'{"a":', b"\0"]) | st.binary(max_size=64))
def test_what_is_no_object_is_no_payload(row: Any, payload: bytes) -> None:
    try:
        parsed = model(row.payload).model_validate_json(payload)
    except ValidationError:
        return
    assert isinstance(json.loads(payload), dict)
    assert isinstance(parsed, Model)


def test_fields_without_a_value_are_not_on_the_wire() -> None:
    request = common.PageRequest(limit=3)
    assert request.to_json() == b'{"limit":3}'


def test_a_payload_without_a_schema_keeps_all_that_it_has() -> None:
    assert Anything.model_validate_json('{"a":1,"b":{"c":[2]}}').to_json() == b'{"a":1,"b":{"c":[2]}}'


def test_a_model_is_found_by_the_name_in_the_table() -> None:
    assert model("common.Lost") is common.Lost


@pytest.mark.parametrize("name", ["common.Found", "nowhere.Lost", "", "common", "common.", ".Lost", "..os.path"])
def test_a_model_that_is_not_there_is_an_error_with_its_name(name: str) -> None:
    with pytest.raises(LookupError, match="there is no schema"):
        model(name)


TIME: TypeAdapter[datetime] = TypeAdapter(Time)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1970, 1, 3), datetime(2262, 1, 1), timezones=OFFSETS))  # noqa: DTZ001  # bounds are bare
def test_a_time_is_rfc_3339_in_utc_and_the_same_moment(moment: datetime) -> None:
    wire = json.loads(TIME.dump_json(moment))
    assert wire.endswith("Z")
    assert wire[10] == "T"
    assert TIME.validate_json(TIME.dump_json(moment)) == moment
    assert TIME.validate_python(moment).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05", "yesterday", ""])
def test_a_time_without_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TIME.validate_python(text)


def test_a_time_has_its_format_in_the_json_schema() -> None:
    assert TIME.json_schema(mode="serialization") == {"type": "string", "format": "date-time"}
    assert TIME.json_schema(mode="validation") == {"type": "string", "format": "date-time"}
