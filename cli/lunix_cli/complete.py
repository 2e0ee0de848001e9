"""``lunix complete WORD...``: what the shells' completion scripts ask: one candidate a line, a tab, what it means."""

from argparse import Namespace

from lunix_cli import declared
from lunix_cli.arguments import parser
from lunix_cli.candidates import complete


def run(arguments: Namespace) -> int:
    """Print the candidates for the last word."""
    words = arguments.words
    for word, meaning in complete(parser(), words[1:] if words[:1] == ["--"] else words, tuple(declared.table())):
        print(f"{word}\t{meaning}" if meaning else word)
    return 0
