"""``lunix subjects``: the table in all its forms, each as somebody else would read it."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lunix_common.subjects import TABLE
from lunix_testing import npm
from lunix_testing.command import LunixUp, Running, lunix

SPECS = ("@asyncapi/specs", "6.11.1")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = lunix("subjects", "--asyncapi").json()
    return found


def test_the_table_has_a_line_for_each_subject() -> None:
    head, *lines = lunix("subjects").out.splitlines()
    assert head.split() == ["SUBJECT", "KIND", "ROLE", "DAEMON", "WHAT"]
    assert sorted(line.split()[0] for line in lines) == sorted(row.pattern for row in TABLE)
    column = head.index("KIND")
    assert {line[column:].split()[0] for line in lines} == {"event", "query", "command"}


def test_programs_get_the_table_as_json() -> None:
    rows = {row["subject"]: row for row in lunix("subjects", "--json").json()}
    assert rows["toast.in"] == {
        "subject": "toast.in",
        "wildcard": "toast.in",
        "kind": "command",
        "daemon": "toast",
        "role": "user",
        "payload": "toast.ToastRequest",
        "reply": "toast.ToastAccepted",
        "bare": "summary",
        "doc": TABLE["toast.in"].doc,
    }


@pytest.mark.parametrize("subject", ["toast.in", "hardware.usb.add", "hardware.<subsystem>.<action>", "hardware.*.*"])
def test_the_schema_of_a_subject_is_one(subject: str) -> None:
    schema = lunix("subjects", "--schema", subject).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({"summary": 1, "id": 1})


def test_the_schema_of_an_answer_is_another() -> None:
    schema = lunix("subjects", "--reply", "hardware.list").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {"boot", "seq", "items"} <= set(schema["required"])


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--schema", "no.such"), "'no.such' is not declared"),
        (("--reply", "toast.shown"), "is an event: it has no answer"),
    ],
)
def test_what_has_no_schema_is_told(arguments: tuple[str, ...], what: str) -> None:
    said = lunix("subjects", *arguments)
    assert said.code == 100
    assert what in said.err


def test_the_document_is_valid_asyncapi(document: dict[str, Any], pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    modules = npm.installed(pytestconfig.cache, *SPECS)
    schema = json.loads((modules / SPECS[0] / "schemas" / "3.0.0.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(document)] == []
    broken = copy.deepcopy(document)
    broken["operations"]["toast.in"]["action"] = "shout"
    assert not validator.is_valid(broken)


def test_the_document_has_every_subject_and_all_that_it_refers_to(document: dict[str, Any]) -> None:
    addresses = {channel["address"] for channel in document["channels"].values()}
    for row in TABLE:
        assert row.pattern.replace("<", "{").replace("...>", "}").replace(">", "}") in addresses
    for reference in references(document):
        place: Any = document
        for key in reference.removeprefix("#/").split("/"):
            place = place[key]


def references(node: object) -> set[str]:
    """Every ``$ref`` in a document."""
    return set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(node)))


def test_commands_are_received_and_answered_and_events_are_sent(document: dict[str, Any]) -> None:
    operations = document["operations"]
    assert operations["toast.in"]["action"] == "receive"
    assert operations["toast.in"]["reply"]["channel"] == {"$ref": "#/channels/toast.in.reply"}
    assert operations["hardware.subsystem.action"]["action"] == "send"
    assert "reply" not in operations["hardware.subsystem.action"]


# --- what others declare --------------------------------------------------------------------------------------------

GARDEN = """
domain = "garden"
daemon = "garden"
doc = "The greenhouse."
[[subject]]
pattern = "garden.<bed>.dry"
kind = "event"
doc = "A bed needs water."
role = "user"
"""


@pytest.fixture
def garden(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine on which somebody has declared a domain."""
    (tmp_path / "subjects.d").mkdir()
    (tmp_path / "subjects.d" / "garden.toml").write_text(GARDEN)
    return {"LUNIX_SUBJECTS_DIR": str(tmp_path / "subjects.d")}


def test_subjects_of_others_are_in_the_table_and_are_completed(garden: dict[str, str]) -> None:
    lines = [line.split() for line in lunix("subjects", env=garden).out.splitlines()]
    assert ["garden.<bed>.dry", "event", "user", "garden"] in [line[:4] for line in lines]
    assert set(lunix("complete", "--", "sub", "gar", env=garden).out.splitlines()) == {
        "garden.>",
        "garden.*.dry\tA bed needs water.",
        "garden.lost\tEvents of garden between two sequence numbers may not have arrived: list again.",
    }


def test_an_identity_of_others_has_a_key_and_their_events_arrive(garden: dict[str, str], tmp_path: Path) -> None:
    up = LunixUp(tmp_path / "state", "--port", "0", "--only", "toast", env=garden)
    try:
        up.wait_ready()
        listening = Running(("sub", "--state", str(up.state), "garden.>", "--role", "user"))
        listening.line("listening for", "err")
        assert up("pub", "garden.roses.dry", '{"litres": 3}', "--role", "garden").code == 0
        assert "litres=3" in listening.line("garden.roses.dry")
        listening.stop()
        listening.close()
        assert up("sub", "garden.roses.dry", "--role", "observer").code == 1
        assert up.stop() == 0
    finally:
        up.close()


@pytest.mark.parametrize("command", [("subjects",), ("up", "--port", "0", "--no-tail")], ids=lambda command: command[0])
def test_a_declaration_with_a_mistake_is_named(
    garden: dict[str, str], tmp_path: Path, command: tuple[str, ...]
) -> None:
    broken = tmp_path / "subjects.d" / "broken.toml"
    broken.write_text('domain = "toast"\ndaemon = "mine"')
    said = lunix(*command, "--state", str(tmp_path / "state"), env=garden)
    assert said.code == 100
    assert str(broken) in said.err
    found = {one["what"]: one for one in lunix("doctor", "--json", env=garden).json()}
    assert found["subjects"]["verdict"] == "bad"
