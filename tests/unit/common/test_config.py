"""Settings: layers, and errors that say where and what instead."""

from pathlib import Path

import pytest
from pydantic import Field

from lunix_common.config import Settings, files, load
from lunix_common.errors import UsageError


class Clock(Settings):
    every_s: float = Field(default=1.0, gt=0)
    names: list[str] = Field(default_factory=list[str])
    zone: str = "UTC"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load("clock", Clock, environ={"XDG_CONFIG_HOME": str(tmp_path)}) == Clock()


def test_a_later_layer_wins_key_by_key(tmp_path: Path) -> None:
    weak = write(tmp_path / "weak.toml", '[clock]\nevery_s = 2\nzone = "CET"\n[other]\nx = 1\n')
    strong = write(tmp_path / "strong.toml", "[clock]\nevery_s = 3\n")
    environ = {"LUNIX_CLOCK_NAMES": '["a", "b"]', "LUNIX_CLOCKWORK": "1"}
    settings = load("clock", Clock, paths=[weak, strong], environ=environ, flags={"every_s": 4, "zone": None})
    assert settings == Clock(every_s=4, names=["a", "b"], zone="CET")


def test_text_in_the_environment_needs_no_quotes() -> None:
    assert load("clock", Clock, paths=[], environ={"LUNIX_CLOCK_ZONE": "Europe/Berlin"}).zone == "Europe/Berlin"


def test_the_level_of_every_daemons_log_is_no_setting_of_the_daemon_log() -> None:
    assert load("log", Clock, paths=[], environ={"LUNIX_LOG_LEVEL": "debug", "LUNIX_LOG_ZONE": "x"}).zone == "x"


def test_a_shell_that_lunix_env_prepared_sets_nothing_of_websocket() -> None:
    environ = {"LUNIX_WEBSOCKET": "ws://127.0.0.1:5869/bus", "LUNIX_WEBSOCKET_TOKEN": "secret"}
    assert load("websocket", Clock, paths=[], environ=environ) == Clock()


def test_the_users_file_stands_behind_the_machines() -> None:
    assert [str(path) for path in files({"XDG_CONFIG_HOME": "/x"})] == ["/etc/lunix/lunix.toml", "/x/lunix/lunix.toml"]


def test_an_unknown_key_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = write(tmp_path / "lunix.toml", "[clock]\nevery = 2\n")
    with pytest.raises(UsageError) as caught:
        load("clock", Clock, paths=[path], environ={})
    assert str(caught.value) == f"{path}: clock has no setting every: did you mean every_s?"


def test_an_unknown_key_like_no_other_is_refused_with_all_names() -> None:
    with pytest.raises(UsageError, match="known are every_s, names, zone"):
        load("clock", Clock, paths=[], environ={}, flags={"qqq": 1})


def test_a_wrong_value_is_refused_with_its_origin() -> None:
    with pytest.raises(UsageError) as caught:
        load("clock", Clock, paths=[], environ={"LUNIX_CLOCK_EVERY_S": "-1"})
    assert str(caught.value) == "LUNIX_CLOCK_EVERY_S: clock.every_s = -1: Input should be greater than 0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("clock = 3\n", r"clock is a section: write \[clock\]"), ("[clock\n", "lunix.toml: "), ("\ufffe", "lunix.toml: ")],
)
def test_a_file_that_makes_no_sense_is_named(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        load("clock", Clock, paths=[write(tmp_path / "lunix.toml", text)], environ={})


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load("clock", Clock, paths=[tmp_path / "none.toml"], environ={})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load("clock", Clock, paths=[tmp_path], environ={})
