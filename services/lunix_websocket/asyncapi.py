"""The table as an AsyncAPI 3 document. Pure. Format: https://www.asyncapi.com/docs/reference/specification/v3.0.0.

The application that it describes is lunix: it sends events, and receives queries and commands, which it answers.
"""

from typing import Any, cast

from lunix_common.schemas import model
from lunix_common.subjects import Kind, Subject, Table

Json = dict[str, Any]

_HEADERS: Json = {
    "type": "object",
    "properties": {
        "Lunix-Host": {"type": "string", "description": "The machine's name."},
        "Lunix-Source": {"type": "string", "description": "The daemon."},
        "Lunix-Boot": {"type": "string", "description": "This run of the daemon, ordered in time."},
        "Lunix-Seq": {"type": "string", "description": "1, 2, 3 … over all events of the run."},
        "Lunix-Prev": {
            "type": "string",
            "description": "The Lunix-Seq before on this subject; 0 for the first, absent where it is unknown.",
        },
        "Lunix-Time": {"type": "string", "format": "date-time"},
    },
}


def document(table: Table, version: str) -> Json:
    """The whole document."""
    components: Json = {"messages": {}, "schemas": {}}
    channels: Json = {}
    operations: Json = {}
    for row in table:
        _add_message(components, row.payload, event=row.kind is Kind.EVENT)
        channels[name(row)] = _channel(row)
        operations[name(row)] = _operation(row)
        if row.reply is not None:
            _add_message(components, row.reply, event=False, answer=True)
            channels[f"{name(row)}.reply"] = _reply_channel(row, row.reply)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "lunix",
            "version": version,
            "description": "Everything a Linux userspace knows and can do, on one NATS bus.",
            "license": {"name": "ISC"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "`lunix up` on this machine; `lunix env` tells the address and the nkey.",
            }
        },
        "channels": channels,
        "operations": operations,
        "components": components,
    }


def name(row: Subject) -> str:
    """The key of a row: its pattern without the brackets around parameters."""
    return row.pattern.replace("<", "").replace("...>", "").replace(">", "")


def _channel(row: Subject) -> Json:
    channel: Json = {
        "address": row.pattern.replace("<", "{").replace("...>", "}").replace(">", "}"),
        "description": row.doc,
        "messages": {row.payload: {"$ref": f"#/components/messages/{row.payload}"}},
    }
    if row.parameters:
        channel["parameters"] = {
            parameter: {"description": "One escaped token: every byte outside [A-Za-z0-9_-] stands as %XX."}
            for parameter in row.parameters
        }
    return channel


def _reply_channel(row: Subject, reply: str) -> Json:
    messages = {one: {"$ref": f"#/components/messages/{one}"} for one in (reply, "common.ErrorReply")}
    return {"address": None, "description": f"The answer to {row.pattern}.", "messages": messages}


def _operation(row: Subject) -> Json:
    operation: Json = {
        "action": "send" if row.kind is Kind.EVENT else "receive",
        "channel": {"$ref": f"#/channels/{name(row)}"},
        "summary": row.doc,
        "tags": [{"name": row.daemon}, {"name": row.kind.value}],
        "x-lunix-role": row.role.value,
    }
    if row.reply is not None:
        operation["reply"] = {
            "address": {"location": "$message.header#/reply", "description": "The inbox that the request names."},
            "channel": {"$ref": f"#/channels/{name(row)}.reply"},
        }
    return operation


def _add_message(components: Json, payload: str, *, event: bool, answer: bool = False) -> None:
    if answer and "common.ErrorReply" not in components["messages"]:
        _add_message(components, "common.ErrorReply", event=False)
    message: Json = {"name": payload, "payload": {"$ref": f"#/components/schemas/{payload}"}}
    if event:
        message["headers"] = _HEADERS
    components["messages"].setdefault(payload, message)
    module = payload.partition(".")[0]
    shape = model(payload).model_json_schema(ref_template=f"#/components/schemas/{module}.{{model}}")
    for inner, definition in shape.pop("$defs", {}).items():
        components["schemas"].setdefault(f"{module}.{inner}", _named(definition))
    components["schemas"].setdefault(payload, _named(shape))


def _named(schema: Any) -> Any:
    """The schema with each ``discriminator`` as AsyncAPI writes it: the field's name alone, without OpenAPI's map."""
    if isinstance(schema, list):
        return [_named(one) for one in schema]  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(schema, dict):
        return schema
    found = {key: _named(value) for key, value in cast("Json", schema).items()}
    match found.get("discriminator"):
        case {"propertyName": field}:
            found["discriminator"] = field
        case _:  # none, or a field of that name
            pass
    return found
