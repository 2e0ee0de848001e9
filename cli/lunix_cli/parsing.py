"""The parser of ``lunix`` and of each sub-command: what a mistake on the command line is answered with."""

import argparse
import sys
from typing import NoReturn

from lunix_common.errors import USAGE, did_you_mean


class Parser(argparse.ArgumentParser):
    """argparse exits with 2; the codes here are those of the daemons."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to read on; exit with 100."""
        self.print_usage(sys.stderr)
        sys.stderr.write(f"{self.prog}: {message}\nTry `{self.prog} --help`.\n")
        sys.exit(USAGE)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Say of a word that is none of the choices what was meant; argparse tells words for programs as well."""
        if action.choices is not None and value not in action.choices:
            helped = {one.dest for one in getattr(action, "_choices_actions", ())}
            known = [str(one) for one in action.choices if not helped or one in helped]
            hint = did_you_mean(str(value), known, "there are {}")
            raise argparse.ArgumentError(action, f"{str(value)!r} is unknown: {hint}")


# argparse gives the type no other name.
Commands = argparse._SubParsersAction  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
