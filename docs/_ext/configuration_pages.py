"""The page of all settings, from the models that the daemons load: one section of ``lunix.toml`` each."""

from collections.abc import Iterator
from pathlib import Path

import subject_pages

from lunix_cli.up import UpSettings
from lunix_common.subjects import Table


def write(table: Table, target: Path) -> None:
    """Make ``configuration.md`` below ``target``; one that says the same already is left alone."""
    text = "\n".join(_sections(table))
    path = target / "configuration.md"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _sections(table: Table) -> Iterator[str]:
    yield "### `[up]`\n"
    yield f"What `lunix up` starts, and how: [its flags](cli.md#up).\n\n{subject_pages.fields(UpSettings)}\n"
    for daemon in table.daemons:
        known = subject_pages.settings(daemon)
        yield f"### `[{daemon}]`\n"
        yield f"[]({daemon}.md)\n\n{known}\n" if known else f"[]({daemon}.md) has no settings.\n"
