"""What could stand last on an unfinished ``lunix`` command line, with a word on each. Pure.

The parser itself tells commands, options and choices; the table tells subjects. The scripts for the shells only carry
words back and forth, so all of them know the same.
"""

import argparse
from collections.abc import Iterator, Sequence
from typing import cast

from lunix_common.role import RANKED
from lunix_common.subjects import Kind, Subject

Candidate = tuple[str, str]
"""A word and what it means."""


def complete(parser: argparse.ArgumentParser, words: Sequence[str], table: Sequence[Subject]) -> list[Candidate]:
    """The words that begin as the last of ``words`` does; ``words`` are those after ``lunix``."""
    *before, last = words or [""]
    return [candidate for candidate in _possible(parser, before, last, table) if candidate[0].startswith(last)]


def _possible(
    parser: argparse.ArgumentParser, before: Sequence[str], last: str, table: Sequence[Subject]
) -> Iterator[Candidate]:
    commands = _commands(parser)
    name = next((word for word in before if word in commands), None)
    if name is None:
        yield from ((word, command.description or "") for word, command in commands.items())
        yield from _options(parser, last)
        return
    command = commands[name]
    given = list(before[before.index(name) + 1 :])
    wanted = _awaiting(command, given)
    if wanted is not None:
        yield from _values(wanted, last, table)
        return
    yield from _options(command, last)
    position = sum(not word.startswith("-") for word in _plain(command, given))
    if name in ("sub", "pub", "request") and (position == 0 or name == "sub"):
        yield from _subjects(name, table)
    for action in _positionals(command)[position : position + 1]:
        yield from ((str(choice), "") for choice in action.choices or ())


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return parser._actions  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Every command that has a description: the others are for programs."""
    choices = next(action.choices for action in _actions(parser) if action.nargs == argparse.PARSER)
    commands = cast("dict[str, argparse.ArgumentParser]", choices)
    return {name: command for name, command in commands.items() if command.description}


def _positionals(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in _actions(parser) if not action.option_strings]


def _options(parser: argparse.ArgumentParser, last: str) -> Iterator[Candidate]:
    if last.startswith("-"):
        for action in _actions(parser):
            for option in action.option_strings:
                if option.startswith("--"):
                    yield option, action.help or ""


def _takes_value(action: argparse.Action) -> bool:
    return bool(action.option_strings) and action.nargs != 0


def _awaiting(command: argparse.ArgumentParser, given: Sequence[str]) -> argparse.Action | None:
    """The option whose value comes next, if any."""
    if not given:
        return None
    return next((one for one in _actions(command) if given[-1] in one.option_strings and _takes_value(one)), None)


def _plain(command: argparse.ArgumentParser, given: Sequence[str]) -> Iterator[str]:
    """The words that are no values of options."""
    for index, word in enumerate(given):
        if _awaiting(command, given[:index]) is None:
            yield word


def _values(action: argparse.Action, last: str, table: Sequence[Subject]) -> Iterator[Candidate]:
    if action.choices:
        yield from ((str(choice), "") for choice in action.choices)
    elif action.dest == "role":
        yield from ((role, "") for role in RANKED)
    elif action.dest in ("schema", "reply"):
        yield from ((row.pattern, row.doc) for row in table if action.dest == "schema" or row.reply)
    elif action.dest == "only":
        done, comma, _ = last.rpartition(",")
        yield from ((f"{done}{comma}{daemon}", "") for daemon in dict.fromkeys(row.daemon for row in table))


def _subjects(command: str, table: Sequence[Subject]) -> Iterator[Candidate]:
    """What a person may listen to, or send: ``hardware.>``, ``hardware.*.*``; ``toast.in``."""
    if command == "sub":
        yield from ((f"{domain}.>", "") for domain in dict.fromkeys(row.domain for row in table))
        yield from ((row.wildcard, row.doc) for row in table if row.kind is Kind.EVENT)
        return
    for row in table:
        if row.kind is not Kind.EVENT:
            yield row.pattern.partition("<")[0], row.doc
    if command == "pub":
        yield "user.", "free for scripts"
