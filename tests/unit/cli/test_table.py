"""Columns line up."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_cli.table import aligned


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([["a", "bb", "end"], ["long", "", ""], ["", "c", "x"]]) == ["a     bb  end", "long", "      c   x"]


def test_no_rows_are_no_lines() -> None:
    assert aligned([]) == []


@given(st.lists(st.tuples(*[st.text("ab ", max_size=5)] * 3), min_size=1))
def test_each_cell_begins_in_the_column_of_its_head(rows: list[tuple[str, str, str]]) -> None:
    lines = aligned(rows)
    starts = [0]
    for column in range(2):
        starts.append(starts[-1] + max(len(row[column]) for row in rows) + 2)
    for row, line in zip(rows, lines, strict=True):
        assert all(line[start:].startswith(cell.rstrip()) for start, cell in zip(starts, row, strict=True))
