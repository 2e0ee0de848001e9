"""The places of cards."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_toast.position import Position
from lunix_toast.x11.stack import Item, arrange, choose_monitor, rounded_rows, without_panels
from lunix_x11.wire import Monitor, Rect

AREA = Rect(100, 50, 1000, 500)


def cards(*heights: int, first: int | None = None) -> list[Item]:
    return [Item(str(number), 300, height, number == first) for number, height in enumerate(heights)]


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        ("top-left", [Rect(110, 60, 300, 100), Rect(110, 170, 300, 50)]),
        ("top-center", [Rect(450, 60, 300, 100), Rect(450, 170, 300, 50)]),
        ("top-right", [Rect(790, 60, 300, 100), Rect(790, 170, 300, 50)]),
        ("bottom-left", [Rect(110, 440, 300, 100), Rect(110, 380, 300, 50)]),
        ("bottom-center", [Rect(450, 440, 300, 100), Rect(450, 380, 300, 50)]),
        ("bottom-right", [Rect(790, 440, 300, 100), Rect(790, 380, 300, 50)]),
    ],
)
def test_cards_stack_away_from_their_corner(position: Position, expected: list[Rect]) -> None:
    arranged = arrange(cards(100, 50), AREA, position, 10, 30, 9)
    assert list(arranged.places.values()) == expected
    assert arranged.left_over == 0


def test_where_not_all_fit_critical_ones_go_first_and_the_rest_is_counted() -> None:
    arranged = arrange(cards(200, 100, 200, 100, first=3), AREA, "top-right", 10, 30, 9)
    assert list(arranged.places) == ["0", "1", "3"]
    assert arranged.left_over == 1
    assert arranged.rest == Rect(790, 490, 300, 30)


def test_there_are_never_more_than_so_many() -> None:
    arranged = arrange(cards(10, 10, 10), AREA, "top-left", 10, 30, 2)
    assert (list(arranged.places), arranged.left_over) == (["0", "1"], 1)


def test_one_card_is_shown_on_the_smallest_monitor() -> None:
    assert list(arrange(cards(900), AREA, "top-left", 10, 30, 9).places) == ["0"]
    assert arrange([], AREA, "top-left", 10, 30, 9).places == {}


@given(st.lists(st.integers(20, 300), max_size=20), st.sampled_from(["top-left", "bottom-right"]))
def test_cards_never_overlap_or_leave_the_area(heights: list[int], position: Position) -> None:
    arranged = arrange(cards(*heights), AREA, position, 10, 30, 9)
    rows = sorted((place.y, place.y + place.height) for place in arranged.places.values())
    assert all(above[1] < below[0] for above, below in pairwise(rows))
    assert all(AREA.y <= begin and end <= AREA.y + AREA.height for begin, end in rows)
    assert len(arranged.places) + arranged.left_over == len(heights)


LEFT, RIGHT = Monitor(1, False, Rect(0, 0, 800, 600)), Monitor(2, True, Rect(800, 0, 1024, 768))
NAMES = {1: "DP-1", 2: "HDMI-1"}


@pytest.mark.parametrize(
    ("wanted", "pointer", "expected"),
    [
        ("primary", (0, 0), RIGHT.place),
        ("DP-1", (900, 0), LEFT.place),
        ("DP-9", (0, 0), RIGHT.place),
        ("pointer", (10, 10), LEFT.place),
        ("pointer", (900, 700), RIGHT.place),
        ("pointer", (10, 700), RIGHT.place),
    ],
)
def test_a_monitor_is_chosen(wanted: str, pointer: tuple[int, int], expected: Rect) -> None:
    assert choose_monitor([LEFT, RIGHT], NAMES, wanted, pointer, (1824, 768)) == expected


def test_without_monitors_the_screen_is_one() -> None:
    assert choose_monitor([], {}, "primary", (0, 0), (640, 480)) == Rect(0, 0, 640, 480)


@pytest.mark.parametrize(
    ("work_area", "expected"),
    [
        ((0, 30, 1824, 738), Rect(800, 30, 1024, 738)),
        ((), RIGHT.place),
        ((0, 0, 10, 10), RIGHT.place),
        ((800, 700, 1024, 10), RIGHT.place),
    ],
)
def test_panels_stay_free(work_area: tuple[int, ...], expected: Rect) -> None:
    assert without_panels(RIGHT.place, work_area) == expected


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 50))
def test_rounded_rows_cover_the_middle_and_stay_inside(width: int, height: int, radius: int) -> None:
    rows = [row for row in rounded_rows(width, height, radius) if row.height]
    assert sum(row.height for row in rows) == height
    assert all(row.x >= 0 and row.x + row.width <= width and row.width >= 0 for row in rows)


def test_corners_are_cut() -> None:
    assert next(rounded_rows(100, 50, 10)) == Rect(7, 0, 86, 1)
