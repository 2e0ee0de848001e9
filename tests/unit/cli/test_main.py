"""The command line as such: versions, mistakes, and what becomes of errors."""

import sys
from argparse import Namespace
from types import ModuleType

import pytest

from lunix_cli.__main__ import main
from lunix_common import __version__
from lunix_common.bus.errors import BusAway, BusRefused, RequestError
from lunix_common.errors import UsageError

Said = pytest.CaptureFixture[str]
ELSEWHERE = "--state, or LUNIX_STATE, names another folder for keys and state"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stand-in for the module of ``lunix doctor``, whose ``run`` raises its ``error``."""
    module = ModuleType("lunix_cli.doctor")

    def run(_arguments: Namespace) -> int:
        error: BaseException = module.__dict__["error"]
        raise error

    module.__dict__["run"] = run
    monkeypatch.setitem(sys.modules, "lunix_cli.doctor", module)
    return module


def test_the_version_is_that_of_the_library(capsys: Said) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"lunix {__version__}\n"


@pytest.mark.parametrize(
    "line", ["plug", "up --port four", "pub", "status --yaml", "completion", "request a.b --timeout x"]
)
def test_a_mistake_is_answered_with_where_to_read_on(capsys: Said, line: str) -> None:
    with pytest.raises(SystemExit, match="100"):
        main(line.split())
    said = capsys.readouterr().err
    assert "--help`" in said
    assert "usage: lunix" in said


@pytest.mark.parametrize(("line", "shown"), [("help", "what runs, and what is off"), ("help sub", "usage: lunix sub")])
def test_help_is_a_word_as_well(capsys: Said, line: str, shown: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(line.split())
    assert shown in capsys.readouterr().out


def test_who_names_no_command_is_shown_them(capsys: Said) -> None:
    assert main([]) == 100
    said = capsys.readouterr().err
    assert "what runs, and what is off and why" in said
    assert "`lunix COMMAND --help`" in said


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("stauts", "'stauts' is unknown: did you mean status?"),
        ("xyzzy", "'xyzzy' is unknown: there are up, sub, "),
        ("completion xonsh", "'xonsh' is unknown: there are bash, zsh, fish"),
        ("init restrat toast", "did you mean restart?"),
    ],
)
def test_a_misspelt_word_is_answered_with_what_was_meant(capsys: Said, line: str, hint: str) -> None:
    with pytest.raises(SystemExit, match="100"):
        main(line.split())
    said = capsys.readouterr().err
    assert hint in said
    assert "complete," not in said


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("write it \x1b[1m so"), 100, "lunix: write it \\x1b[1m so\n"),
        (RequestError(404, "not there"), 1, "lunix: not there (error 404)\n"),
        (TimeoutError("no answer"), 1, "lunix: no answer\n"),
        (BusAway("no bus at x: [Errno 111] gone"), 111, "lunix: no bus at x: start it with `lunix up`\n"),
        (BusAway("the connection broke"), 111, "lunix: the connection broke; try again\n"),
        (BusRefused("not you"), 111, "lunix: not you. `lunix doctor` looks for the cause\n"),
        (PermissionError(13, "Permission denied", "/f"), 111, "lunix: /f: Permission denied\n"),
        (OSError("no port"), 111, "lunix: no port\n"),
        (
            OSError(28, "No space left on device", "/s/bus.json"),
            111,
            f"lunix: /s/bus.json: No space left on device: make room there; {ELSEWHERE}\n",
        ),
        (
            OSError(30, "Read-only file system"),
            111,
            f"lunix: Read-only file system: {ELSEWHERE}\n",
        ),
        (KeyboardInterrupt(), 130, ""),
        (ExceptionGroup("g", [UsageError("a"), ExceptionGroup("h", [OSError("b")])]), 111, "lunix: a\nlunix: b\n"),
    ],
    ids=repr,
)
def test_an_error_is_a_sentence_and_a_code(
    failing: ModuleType, capsys: Said, error: BaseException, code: int, said: str
) -> None:
    failing.__dict__["error"] = error
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == said


def test_a_defect_keeps_its_traceback(failing: ModuleType) -> None:
    failing.__dict__["error"] = ZeroDivisionError("ours")
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])
