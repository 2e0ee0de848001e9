"""Columns line up."""

from hypothesis import given
from hypothesis import strategies as st

from lunix_cli.table import aligned, fitted


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


ROWS = [["NAME", "WHAT"], ["a", "short"], ["bb", "one two three four five six seven eight"]]


def test_a_pipe_gets_one_line_a_row() -> None:
    assert fitted(ROWS, None) == aligned(ROWS)
    assert fitted([], 80) == []


def test_a_cell_without_room_goes_on_below_itself() -> None:
    assert fitted(ROWS, 36) == [
        "NAME  WHAT",
        "a     short",
        "bb    one two three four five six\n      seven eight",
    ]


def test_a_cell_whose_column_is_narrow_goes_below_its_row() -> None:
    rows = [["x" * 10, "one two three four five six"], ["y", "z"]]
    assert fitted(rows, 30) == ["x" * 10 + "\n    one two three four five\n    six", "y           z"]


@given(st.lists(st.tuples(*[st.text("ab ", max_size=9)] * 3), min_size=1), st.integers(60, 100))
def test_nothing_is_wider_than_the_terminal_and_no_word_is_lost(rows: list[tuple[str, str, str]], columns: int) -> None:
    long = [(one, two, f"{three} " * 20) for one, two, three in rows]
    for row, text in zip(long, fitted(long, columns), strict=True):
        assert all(len(line) <= columns for line in text.split("\n"))
        assert text.split() == " ".join(row).split()
