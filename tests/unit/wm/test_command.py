"""What a request of ``wm.exec`` means."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lunix_common.schemas.wm import ExecRequest, MoveRequest
from lunix_wm import command

SESSION = {"PATH": "/bin", "NATS_NKEY": "/key", "LUNIX_STATE": "/state", "LUNIX_UNIT": "wm", "NOTIFY_SOCKET": "@x"}


def program(**fields: object) -> command.Program:
    return command.program(ExecRequest.model_validate(fields), SESSION, "/home/ada")


def test_a_line_is_words() -> None:
    assert program(command="xterm -T 'a b' \"c\" d\\ e").argv == ["xterm", "-T", "a b", "c", "d e"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1))
def test_quoted_words_come_out_as_they_were(words: list[str]) -> None:
    if words[0]:
        assert program(command=shlex.join(words)).argv == program(argv=words).argv == words


def test_it_gets_the_session_without_what_is_about_the_daemon() -> None:
    found = program(argv=["/usr/bin/true"], env={"PATH": "/mine"})
    assert found.env == {"PATH": "/mine", "LUNIX_STATE": "/state"}
    assert (found.cwd, found.name) == ("/home/ada", "true")
    assert program(argv=["true"], cwd="/srv").cwd == "/srv"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "either"),
        ({"command": "a", "argv": ["a"]}, "either"),
        ({"command": "a 'b"}, "quotation"),
        ({"command": "''"}, "no program"),
        ({"argv": [""]}, "no program"),
        ({"argv": ["a"], "env": {"": "b"}}, "variable"),
        ({"argv": ["a"], "env": {"a=": "b"}}, "variable"),
        ({"argv": ["a"], "cwd": "b"}, "absolute"),
        ({"argv": ["a", "b\0"]}, "NUL"),
        ({"argv": ["a"], "cwd": "/\0"}, "NUL"),
        ({"argv": ["a"], "env": {"a": "\0"}}, "NUL"),
    ],
)
def test_what_makes_no_program_is_refused(fields: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        program(**fields)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(ValueError, match=r"half a character|surrogate|valid string"):
        command.program(ExecRequest.model_construct(argv=["\ud800"]), SESSION, "/")


def test_a_scope_is_asked_for_by_name_and_the_words_stay_as_they_are() -> None:
    unit = command.unit("../x y.z", "12ab")
    assert unit == "app-lunix-___x_y_z-12ab.scope"
    argv = command.scoped(["-x", "$(id)"], "/bin/systemd-run", unit, "x")
    assert argv[:3] == ["/bin/systemd-run", "--user", "--scope"]
    assert argv[-3:] == ["--", "-x", "$(id)"]


def test_a_move_says_where_to() -> None:
    with pytest.raises(ValidationError, match="say where to"):
        MoveRequest(id="x")
