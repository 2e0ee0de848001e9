"""What could stand last on an unfinished command line."""

import pytest

from lunix_cli.arguments import parser
from lunix_cli.candidates import complete
from lunix_cli.completion import SCRIPTS
from lunix_common.subjects import TABLE, Kind, Subject

LOGS = Subject("garden.<bed>.water", Kind.COMMAND, "garden", "common.Anything", "Water a bed.", reply="common.Anything")
ROWS = (*TABLE.subjects, LOGS)


def words(line: str) -> list[str]:
    """The candidates for the last word of a line that begins after ``lunix``."""
    return [word for word, _ in complete(parser(), line.split(" "), ROWS)]


def test_commands_for_people_can_be_typed_first() -> None:
    assert {"up", "sub", "pub", "request", "subjects", "env", "status", "doctor", "completion"} <= set(words(""))
    assert "complete" not in words("")
    assert [word for word, _ in complete(parser(), [], ROWS)] == words("")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("do", ["doctor"]),
        ("--v", ["--version"]),
        ("sub toast.sh", ["toast.shown"]),
        ("sub hardware.>", ["hardware.>"]),
        ("sub toast.shown hardware.l", ["hardware.lost"]),
        ("pub us", ["user."]),
        ("pub g", ["garden."]),
        ("pub toast.in tea", []),
        ("request toast.l", ["toast.list"]),
        ("request --timeout 3 toast.l", ["toast.list"]),
        ("request --timeout ", []),
        ("request --role ad", ["admin"]),
        ("status --j", ["--json"]),
        ("completion ", list(SCRIPTS)),
        ("completion zsh ", []),
        ("up --log-level w", ["warning"]),
        ("up --only natsdev,to", ["natsdev,toast"]),
        ("subjects --schema toast.sh", ["toast.shown"]),
        ("subjects --reply toast.sh", []),
        ("subjects --reply toast.pause", ["toast.pause"]),
        ("subjects --asyncapi --j", ["--json"]),
        ("env --state ", []),
        ("nonsense do", ["doctor"]),
    ],
)
def test_the_last_word_goes_on_as(line: str, expected: list[str]) -> None:
    assert words(line) == expected


def test_events_are_listened_to_and_never_sent() -> None:
    assert "toast.shown" in words("sub t")
    assert "toast.in" not in words("sub t")
    assert "toast.shown" not in words("pub t")


def test_each_candidate_says_what_it_is() -> None:
    assert dict(complete(parser(), ["request", "toast.in"], ROWS)) == {"toast.in": "Show a toast."}
