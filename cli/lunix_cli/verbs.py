"""The arguments that several sub-commands have in common: verbs, each with a state directory, and roles."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from lunix_common.role import RANKED


def add_verbs(command: argparse.ArgumentParser, texts: Mapping[str, str]) -> dict[str, argparse.ArgumentParser]:
    """Give a command its verbs, each with what it does, and return the parser of each."""
    verbs = command.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=type(command))
    parsers = {
        verb: verbs.add_parser(verb, help=text, description=f"{text[0].upper()}{text[1:]}.")
        for verb, text in texts.items()
    }
    for parser in parsers.values():
        # Suppressed: what stands before the verb counts too.
        parser.add_argument("--state", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="as of `lunix up`")
    return parsers


def add_role(parser: argparse.ArgumentParser, text: str, default: str) -> None:
    """Let the command line name a role, which is ``text``."""
    roles = [role.value for role in RANKED]
    parser.add_argument("--role", choices=roles, default=default, help=f"{text} (default: {default})")
