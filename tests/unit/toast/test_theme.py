"""Themes and the zones of cards."""

import pytest

from lunix_toast.paint.pixels import Pixels
from lunix_toast.paint.theme import BASES, Colour, colour, make
from lunix_toast.paint.zones import Zone, at


def test_a_colour_is_read_with_and_without_opacity() -> None:
    assert colour("#ff0000") == Colour(1, 0, 0, 1)
    assert colour("#00FF0080") == Colour(0, 1, 0, 128 / 255)
    assert colour("#ff0000").faded(0.5) == Colour(1, 0, 0, 0.5)


@pytest.mark.parametrize("text", ["red", "#fff", "#12345", "", "#gggggg", "#ffffff\n"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no colour"):
        colour(text)


@pytest.mark.parametrize("base", BASES)
def test_a_theme_is_a_base_with_changes(base: str) -> None:
    theme = make(base, {"card": "#102030"}, font="Serif", font_size=12, width=300)
    assert theme["card"] == colour("#102030")
    assert theme.accent("critical") == colour(BASES[base]["critical"])
    assert (theme.font, theme.font_size, theme.width) == ("Serif", 12, 300)


def test_a_colour_that_cards_do_not_have_is_refused_with_those_that_they_have() -> None:
    with pytest.raises(ValueError, match="background is no colour of a card: known are card, text"):
        make("dark", {"background": "#000000"}, font="Sans", font_size=10, width=300)


def test_the_first_zone_that_holds_a_point_counts() -> None:
    button = Zone("action", 10, 10, 5, 5, "open")
    card = Zone("card", 0, 0, 100, 100)
    assert at([button, card], 10, 14.9) is button
    assert at([button, card], 15, 10) is card
    assert at([button, card], 100, 10) is None
    assert (button.name, card.name) == ("action open", "card")


def test_a_zone_moves_and_grows() -> None:
    assert Zone("close", 1, 2, 3, 4).moved(10, 20).scaled(2) == Zone("close", 22, 44, 6, 8)


def test_pixels_have_their_own_colours_where_nothing_else_is_said() -> None:
    assert Pixels(1, 1, b"1234").tint is False
