"""Messages that were really seen, kept in ``docs/reference/examples`` for the reference pages.

A test that sees a message hands it to the fixture ``record_example``. It is checked against the table each time, and
written down where pytest was started with ``--record-examples``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lunix_common.schemas import model
from lunix_common.subjects import TABLE, Kind, Subject
from lunix_testing.tree import ROOT

FOLDER = ROOT / "docs" / "reference" / "examples"
HOST = "box"
"""Stands for the name of the machine that the test ran on."""

Payload = dict[str, Any] | str


@dataclass(frozen=True)
class Example:
    """One message: an event with its headers, or a request with its answer."""

    subject: str
    payload: Payload
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    reply: dict[str, Any] | None = None

    @property
    def row(self) -> Subject:
        """Where the table declares it."""
        row = TABLE.find(self.subject)
        assert row is not None, f"{self.subject} is not declared"
        return row

    def check(self) -> None:
        """Hold it against the models of its row: valid, and without a field that they do not have."""
        payload = {self.row.bare: self.payload} if isinstance(self.payload, str) else self.payload
        _check(self.row.payload, payload)
        assert (self.reply is None) == (self.row.reply is None), (
            f"{self.subject}: an answer is seen where one is declared"
        )
        if self.row.reply is not None:
            _check(self.row.reply, self.reply)
        assert bool(self.headers) == (self.row.kind is Kind.EVENT), f"{self.subject}: events alone have headers"

    def text(self) -> str:
        """As it is kept."""
        headers = {name: HOST if name == "Lunix-Host" else value for name, value in self.headers.items()}
        kept = {"subject": self.subject, "headers": headers, "payload": self.payload, "reply": self.reply}
        kept = {name: value for name, value in kept.items() if value not in ({}, None) or name == "payload"}
        return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


def _check(name: str, payload: object) -> None:
    parsed = model(name).model_validate(payload)
    shown = json.loads(parsed.to_json())
    assert isinstance(payload, dict)
    assert set(payload) <= set(shown), f"{name} has no field {set(payload) - set(shown)}"  # pyright: ignore[reportUnknownArgumentType]


def path_of(row: Subject) -> Path:
    """The file of a subject: ``hardware.subsystem.action.json``."""
    return FOLDER / (row.pattern.replace("<", "").replace(">", "").replace("...", "") + ".json")


def read(path: Path) -> Example:
    """An example that was kept."""
    return Example(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Recorder:
    """What the fixture hands out."""

    writes: bool

    def __call__(
        self,
        subject: str,
        payload: Payload,
        *,
        headers: Mapping[str, str] | None = None,
        reply: dict[str, Any] | None = None,
    ) -> None:
        """Check a message that was seen, and keep it where that was asked for."""
        example = Example(subject, payload, headers or {}, reply)
        example.check()
        if self.writes:
            path_of(example.row).write_text(example.text(), encoding="utf-8")
