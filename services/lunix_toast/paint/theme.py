"""How cards look: pure, names and colours in, a theme out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lunix_common.schemas.toast import Urgency

_COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})?")


@dataclass(frozen=True)
class Colour:
    """Red, green, blue and opacity, each from 0 to 1."""

    red: float
    green: float
    blue: float
    alpha: float = 1.0

    def faded(self, alpha: float) -> "Colour":
        """The same, so much less opaque."""
        return Colour(self.red, self.green, self.blue, self.alpha * alpha)


def colour(text: str) -> Colour:
    """Read ``#rrggbb`` or ``#rrggbbaa``; raise ``ValueError``."""
    found = _COLOUR.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no colour: write #rrggbb, or #rrggbbaa with its opacity")
    red, green, blue, alpha = (int(part or "ff", 16) / 255 for part in found.groups())
    return Colour(red, green, blue, alpha)


LIGHT: Mapping[str, str] = {
    "card": "#fdfdfe", "text": "#1d1d21", "dim": "#6a6a73", "border": "#0000001f", "shadow": "#00000059",
    "button": "#0000000f", "hover": "#00000021",
    "low": "#8b8b95", "normal": "#2f6fed", "critical": "#d92d20",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "card": "#26272c", "text": "#f3f3f6", "dim": "#a3a4ae", "border": "#ffffff24", "shadow": "#00000099",
    "button": "#ffffff14", "hover": "#ffffff2b",
    "low": "#8b8b95", "normal": "#6ea8ff", "critical": "#ff6a5c",
}  # fmt: skip
BASES: Mapping[str, Mapping[str, str]] = {"light": LIGHT, "dark": DARK}


@dataclass(frozen=True)
class Theme:
    """Colours, font and sizes. Lengths are points of 96 to the inch, before the display's scale."""

    colours: Mapping[str, Colour]
    font: str = "Sans"
    font_size: float = 10.0
    width: int = 380
    padding: int = 16
    radius: int = 12
    icon: int = 44
    gap: int = 12
    shadow: int = 22
    """How far the shadow reaches beyond the card, where there is a compositor."""
    body_lines: int = 6

    def __getitem__(self, name: str) -> Colour:
        return self.colours[name]

    def accent(self, urgency: Urgency) -> Colour:
        """The colour of an urgency."""
        return self.colours[urgency]


def make(base: str, changed: Mapping[str, str], *, font: str, font_size: float, width: int) -> Theme:
    """A theme from the one that it builds on; raise ``ValueError`` that names the colour which is none."""
    unknown = sorted(set(changed) - set(LIGHT))
    if unknown:
        raise ValueError(f"{unknown[0]} is no colour of a card: known are {', '.join(LIGHT)}")
    colours = {name: colour(text) for name, text in (dict(BASES[base]) | dict(changed)).items()}
    return Theme(colours, font, font_size, width)
