"""How a toast looks in text: pure, a toast and a width in, lines out.

    ▌ a USB stick was plugged in!              14:03 9f3a-1
    ▌ 29.8 GiB, vfat, labelled HOLIDAYS
    ▌ Open it (open) · Ignore (no)

The bar on the left is enough of a frame: one on the right would need to know exactly how wide the terminal draws each
character, and no two agree on emoji. Widths follow https://www.unicode.org/reports/tr11/ and are never too small.
"""

import re
import unicodedata
from collections.abc import Iterator

from lunix_common.journal import safe
from lunix_common.schemas.toast import Toast, Urgency

MOST_COLUMNS, LEAST_COLUMNS = 80, 16
MOST_BODY_LINES = 12
_MOST_MARKS = 4
"""Combining characters on one cell; more of them grow over the lines above and below."""

_BAR = "▌"
_CRITICAL = "CRITICAL"
_ROOM_FOR_ASIDE = 40
_RESET, _BOLD, _DIM = "\x1b[0m", "\x1b[1m", "\x1b[2m"
_COLOURS: dict[Urgency, str] = {"low": "\x1b[90m", "normal": "\x1b[36m", "critical": "\x1b[91m"}
_BADGE = "\x1b[97;41;1m"
_LINE_END = re.compile(r"\r\n|\r|\n")


def cells(text: str) -> int:
    """How many columns the text takes, at most."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if character == "\ufe0f":  # asks for the emoji form of what stands before it, which is one column wider
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clean(text: str) -> str:
    """The text on one line, harmless to a terminal: white space becomes a space, controls are written out."""
    return "".join(_bounded_marks(safe(" ".join(text.split()))))


def _bounded_marks(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if _cells(character) == 0 else 0
        if marks <= _MOST_MARKS:
            yield character


def wrap(text: str, columns: int) -> list[str]:
    """The words of a clean text on lines of at most ``columns`` (2 at least); what fits on none is broken."""
    lines: list[str] = []
    line, used = "", 0
    for word in text.split(" "):
        for piece in _broken(word, columns):
            width = cells(piece)
            if line and used + 1 + width > columns:
                lines.append(line)
                line, used = piece, width
            else:
                line, used = (f"{line} {piece}", used + 1 + width) if line else (piece, width)
    return [*lines, line]


def _broken(word: str, columns: int) -> Iterator[str]:
    piece, used = "", 0
    for character in word:
        width = _cells(character)
        if used + width > columns:
            yield piece
            piece, used = "", 0
        piece, used = piece + character, used + width
    yield piece


def card(toast: Toast, columns: int, *, colour: bool) -> str:
    """The toast for a terminal of so many columns; every line ends with a line end."""
    width = max(min(columns, MOST_COLUMNS), LEAST_COLUMNS) - cells(_BAR) - 1
    pen = _Pen(toast.urgency, width, colour=colour)
    aside = f"{_clock(toast)} {toast.id}" if width >= _ROOM_FOR_ASIDE else ""
    badge = _CRITICAL if toast.urgency == "critical" else ""
    title = wrap(f"{badge} {clean(toast.summary)}".lstrip(), width - (len(aside) + 1 if aside else 0))
    lines = [pen.title(title[0], badge, aside), *(pen.title(line) for line in title[1:])]
    lines += [pen.text(line) for line in _body(toast, width)]
    if toast.actions:
        offered = " · ".join(f"{clean(action.label)} ({clean(action.key)})" for action in toast.actions)
        lines += [pen.choice(line) for line in wrap(offered, width)]
    return "".join(f"{line}\n" for line in lines)


def line(toast: Toast) -> str:
    """The toast as one line without colour, for what is no terminal."""
    urgency = "" if toast.urgency == "normal" else f"{toast.urgency} "
    body = f": {clean(toast.body)}" if toast.body.strip() else ""
    offered = ", ".join(f"{clean(action.label)} ({clean(action.key)})" for action in toast.actions)
    return f"{_clock(toast)} {urgency}toast {toast.id}: {clean(toast.summary)}{body}{offered and f' [{offered}]'}\n"


def _clock(toast: Toast) -> str:
    return toast.created_at.astimezone().strftime("%H:%M")


def _body(toast: Toast, width: int) -> list[str]:
    paragraphs = _LINE_END.split(toast.body.strip()) if toast.body.strip() else []
    lines = [line for paragraph in paragraphs for line in wrap(clean(paragraph), width)]
    if len(lines) > MOST_BODY_LINES:
        lines[MOST_BODY_LINES - 1 :] = [f"… {len(lines) - MOST_BODY_LINES + 1} more lines"]
    return lines


class _Pen:
    """Puts the bar before a line and the colours of an urgency on it."""

    def __init__(self, urgency: Urgency, width: int, *, colour: bool) -> None:
        self._urgency: Urgency = urgency
        self._width = width
        self._colour = colour

    def title(self, text: str, badge: str = "", aside: str = "") -> str:
        rest = text.removeprefix(badge)
        painted = self._paint(_BADGE, badge) + self._paint(_DIM if self._urgency == "low" else _BOLD, rest)
        gap = " " * (self._width - cells(text) - len(aside)) + self._paint(_DIM, aside) if aside else ""
        return self._barred(painted + gap)

    def text(self, text: str) -> str:
        return self._barred(self._paint(_DIM, text) if self._urgency == "low" else text)

    def choice(self, text: str) -> str:
        return self._barred(self._paint(_COLOURS[self._urgency], text))

    def _barred(self, painted: str) -> str:
        return f"{self._paint(_COLOURS[self._urgency], _BAR)} {painted}"

    def _paint(self, pen: str, text: str) -> str:
        return f"{pen}{text}{_RESET}" if self._colour and text else text
