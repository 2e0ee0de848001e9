"""Log lines for people and for machines."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_common import journal
from lunix_common.errors import UsageError


def record(message: str, level: int = logging.INFO, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("natsdev", level, "", 0, message, (), None)
    vars(made).update(facts)
    return made


def test_a_line_for_people_has_its_facts_behind_it() -> None:
    line = journal.ForPeople(colour=False).format(
        record("a device was added", name_="sda 1", subsystem="block", note="")
    )
    assert line.split(" ", 1)[1] == 'natsdev: a device was added  name_="sda 1" subsystem=block note=""'


def test_a_line_for_machines_is_one_object() -> None:
    line = json.loads(journal.ForMachines().format(record("lost", logging.WARNING, from_seq=3)))
    assert (line["level"], line["logger"], line["message"], line["from_seq"]) == ("warning", "natsdev", "lost", 3)
    assert line["time"].endswith("Z")


def test_warnings_stand_out_in_colour() -> None:
    assert journal.ForPeople(colour=True).format(record("lost", logging.WARNING)).startswith("\x1b[33m")
    assert "\x1b" not in journal.ForPeople(colour=True).format(record("fine"))


@pytest.mark.parametrize("formatter", [journal.ForPeople(colour=False), journal.ForMachines()])
def test_a_defect_shows_its_traceback(formatter: logging.Formatter) -> None:
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        defect = record("stopped")
        defect.exc_info = sys.exc_info()
    assert "ZeroDivisionError" in formatter.format(defect)


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202efdp.exe", "abc\\u202efdp.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("broken \udc80", "broken \\udc80"),
        ("grün 🐧", "grün 🐧"),
    ],
)
def test_nothing_that_a_terminal_obeys_comes_through(hostile: str, harmless: str) -> None:
    assert journal.safe(hostile) == harmless


@given(st.text())
def test_a_safe_text_is_one_printable_line(text: str) -> None:
    assert not any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in journal.safe(text))


@pytest.fixture
def restored() -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    yield
    logging.basicConfig(handlers=before, level="WARNING", force=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_shows_colours_where_they_are_wanted(environ: dict[str, str], coloured: bool) -> None:
    stream = Terminal()
    journal.configure("info", stream, environ)
    logging.getLogger("natsdev").warning("lost")
    assert "natsdev: lost" in stream.getvalue()
    assert ("\x1b[" in stream.getvalue()) is coloured


def test_a_level_that_there_is_not_is_named_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="'loud' is no level of the log: known are debug, info, warning, error"):
        journal.configure("loud")


@pytest.mark.usefixtures("restored")
def test_where_it_goes_to_no_terminal_it_is_for_machines() -> None:
    stream = io.StringIO()
    journal.configure("debug", stream)
    logging.getLogger("natsdev").debug("hello", extra={"seq": 1})
    logging.getLogger("nats").info("not ours")
    assert [json.loads(line)["seq"] for line in stream.getvalue().splitlines()] == [1]
