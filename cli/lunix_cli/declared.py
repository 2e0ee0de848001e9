"""The table of subjects as this machine has it: lunix's own and what others declared."""

from lunix_common import declarations
from lunix_common.errors import UsageError
from lunix_common.subjects import Subject, Table


def table() -> Table:
    """Everything that is declared; raise ``UsageError`` that names the file with a mistake in it."""
    try:
        return declarations.load(declarations.directory())
    except ValueError as error:
        raise UsageError(str(error)) from error


def row(subject: str) -> Subject:
    """The row of a pattern or of a literal subject; raise ``UsageError``."""
    everything = table()
    found = next((one for one in everything if subject in (one.pattern, one.wildcard)), everything.find(subject))
    if found is None:
        raise UsageError(f"{subject!r} is not declared: `lunix subjects` shows what there is")
    return found
