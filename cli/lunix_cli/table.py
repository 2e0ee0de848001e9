"""Aligned columns. Pure."""

import textwrap
from collections.abc import Sequence

_LEAST = 24
"""A last column that is narrower than this is hard to read."""


def aligned(rows: Sequence[Sequence[str]], gap: int = 2) -> list[str]:
    """Each row as one line, its columns as wide as the widest cell but for the last."""
    if not rows:
        return []
    widths = [*_widths(rows, gap), 0]
    return ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def fitted(rows: Sequence[Sequence[str]], columns: int | None, gap: int = 2) -> list[str]:
    """The same for a terminal that is ``columns`` wide: a row whose last cell has no room there is several lines.

    It goes on below itself, or, where that column would be narrow, below the whole row behind an indent. Without
    ``columns``, as for a pipe, each row is one line.
    """
    lines = aligned(rows, gap)
    if columns is None:
        return lines
    begin = sum(_widths(rows, gap)) if rows else 0
    indent = begin if columns - begin >= _LEAST else 2 * gap
    room = max(columns - indent, _LEAST)
    return [
        line if len(line) <= columns else _folded(line[:begin], row[-1], indent, room)
        for row, line in zip(rows, lines, strict=True)
    ]


def _widths(rows: Sequence[Sequence[str]], gap: int) -> list[int]:
    return [max(len(row[column]) for row in rows) + gap for column in range(len(rows[0]) - 1)]


def _folded(before: str, cell: str, indent: int, room: int) -> str:
    parts = textwrap.wrap(cell, room, break_on_hyphens=False)
    first = f"{before}{parts.pop(0)}" if indent == len(before) and parts else before.rstrip()
    return "\n".join([first, *(" " * indent + part for part in parts)])
