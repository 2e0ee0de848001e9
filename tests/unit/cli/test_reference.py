"""The command's page names all that there is to type."""

import argparse
import re
from typing import Any

import pytest

from lunix_cli.arguments import parser
from lunix_cli.up import UpSettings
from lunix_testing.tree import ROOT

PAGE = (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8")
EVERYWHERE = {"--help", "--state", "--bus", "--role"}


def commands() -> dict[str, argparse.ArgumentParser]:
    choices: Any = next(action.choices for action in parser()._actions if action.nargs == argparse.PARSER)
    return {name: command for name, command in choices.items() if command.description}


def section(name: str) -> str:
    found = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"no section on {name}"
    return found[1]


@pytest.mark.parametrize("name", commands())
def test_a_command_has_a_section_that_names_its_options(name: str) -> None:
    options = {option for action in commands()[name]._actions for option in action.option_strings if len(option) > 2}
    assert [option for option in options - EVERYWHERE if f"`{option}" not in section(name)] == []
    assert f"| `{name}` |" in PAGE


def test_what_all_commands_take_is_told_once() -> None:
    assert [option for option in EVERYWHERE - {"--help"} if f"`{option} " not in section("Who speaks, and where")] == []


def test_settings_of_up_are_named() -> None:
    assert [name for name in UpSettings.model_fields if f"`{name}`" not in section("up")] == []
