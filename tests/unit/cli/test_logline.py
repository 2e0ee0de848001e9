"""Lines of logs, for people: ours, nats-server's and anybody's."""

import json
from datetime import datetime

import pytest

from lunix_cli import logline

OURS = json.dumps(
    {
        "time": "2026-01-02T03:04:05.000000Z",
        "level": "warning",
        "logger": "natsdev",
        "message": "a device \x1b[2J was odd",
        "name": "my disk",
        "size": 3,
    }
)
CLOCK = datetime.fromisoformat("2026-01-02T03:04:05Z").astimezone().strftime("%H:%M:%S")


def test_a_line_of_ours_is_told_with_its_facts() -> None:
    line = logline.people("natsdev", OURS, colour=False)
    assert line == f'{CLOCK} natsdev: a device \\x1b[2J was odd  name="my disk" size=3'


def test_a_line_stands_behind_whatever_comes_before_it() -> None:
    assert logline.behind("at noon ", OURS, colour=False) == 'at noon a device \\x1b[2J was odd  name="my disk" size=3'
    assert logline.behind("at noon ", "tea\x07", colour=True) == "at noon tea\\x07"


def test_the_level_gives_the_colour() -> None:
    assert logline.people("natsdev", OURS, colour=True).startswith("\x1b[33m")
    assert not logline.people("natsdev", '{"message": "x", "level": "info"}', colour=True).startswith("\x1b")


def test_a_defect_keeps_its_traceback() -> None:
    line = json.dumps({"message": "stopped", "traceback": "Traceback:\n  File\x07", "time": "not one"})
    assert logline.people("toast", line, colour=False).splitlines()[1:] == ["    Traceback:", "      File\\x07"]


@pytest.mark.parametrize("line", ["Segmentation fault \x1b[2J", "[1, 2]", '{"no": "message"}', "[" * 100_000])
def test_any_other_line_stands_as_it_is_but_for_controls(line: str) -> None:
    harmless = line.replace("\x1b", "\\x1b")
    assert logline.people("toast", line, colour=False).endswith(f" toast: {harmless}")


def test_programs_get_json_in_any_case() -> None:
    assert logline.machines("toast", OURS) == OURS
    wrapped = json.loads(logline.machines("toast", "Segmentation fault"))
    assert wrapped == {"level": "warning", "logger": "toast", "message": "Segmentation fault"}


def test_the_plain_text_of_a_line_is_its_message() -> None:
    assert logline.plain(OURS) == "a device \\x1b[2J was odd"
    assert logline.plain("killed\x07") == "killed\\x07"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("[12] 2026/01/02 03:04:05.000001 [INF] Server is ready", None),
        ("[12] 2026/01/02 03:04:05.000001 [WRN] slow", {"level": "warning", "logger": "bus", "message": "slow"}),
        ("[12] 2026/01/02 03:04:05.000001 [ERR] no", {"level": "error", "logger": "bus", "message": "no"}),
        ("panic: runtime error", {"level": "error", "message": "panic: runtime error"}),
    ],
)
def test_of_the_server_only_what_needs_attention_is_told(line: str, told: dict[str, str] | None) -> None:
    found = logline.server(line)
    assert (json.loads(found) if found else None) == told
