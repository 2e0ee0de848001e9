"""A toast as a card.

┌──────────────────────────────────────┐
▌ ┌────┐ Files                       x │   the bar has the colour of the urgency
▌ │icon│ A summary, in bold            │
▌ └────┘ The body, of some lines       │
▌        ━━━━━━━━━━━━━━━━─────── 66 %  │
▌        ( Open )  ( Ignore )          │
└──────────────────────────────────────┘
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from lunix_common.schemas.toast import Action, Toast
from lunix_toast.paint.markup import escape, pango, tidy
from lunix_toast.paint.os_cairo import Canvas, Text
from lunix_toast.paint.pixels import Pixels
from lunix_toast.paint.theme import Theme
from lunix_toast.paint.zones import Zone
from lunix_toast.renderer import DEFAULT_ACTION

MOST_BUTTONS, _BUTTONS_A_ROW = 6, 3
_MOST_SUMMARY, _MOST_BODY, _MOST_LABEL = 300, 2_000, 80
_BAR, _BUTTON, _TRACK, _CLOSE = 4, 30, 6, 9


@dataclass(frozen=True)
class Look:
    """What a card depends on beside its toast."""

    theme: Theme
    scale: float
    """Pixels a point."""
    translucent: bool
    """There is a compositor: round corners and a shadow by opacity."""

    @property
    def margin(self) -> int:
        """Points around the card that its shadow takes."""
        return self.theme.shadow if self.translucent else 0


@dataclass(frozen=True)
class Card:
    """A painted toast."""

    pixels: Pixels
    zones: tuple[Zone, ...]
    """Where the pointer finds what, in pixels; the first that holds a point counts."""


@dataclass
class _Plan:
    """What stands where, in points from the card's upper left corner."""

    texts: list[tuple[Text, float, float, str]] = field(default_factory=list[tuple[Text, float, float, str]])
    """Each with its place and the name of its colour."""
    buttons: list[tuple[Text, Zone]] = field(default_factory=list[tuple[Text, Zone]])
    track: float | None = None
    """The top of the progress bar."""
    height: float = 0.0


def paint(toast: Toast, look: Look, picture: Pixels | None, hovered: str | None = None) -> Card:
    """Paint a toast; ``hovered`` is the key of the zone below the pointer."""
    with ExitStack() as stack:
        scratch = stack.enter_context(Canvas(1, 1, look.scale))
        plan = _planned(scratch, toast, look.theme, picture is not None or toast.has_picture)
        for text in (*(one[0] for one in plan.texts), *(one[0] for one in plan.buttons)):
            stack.callback(text.close)
        margin, theme = look.margin, look.theme
        canvas = stack.enter_context(Canvas(theme.width + 2 * margin, plan.height + 2 * margin, look.scale))
        _background(canvas, toast, look, plan.height)
        _contents(canvas, toast, look, plan, picture, hovered)
        close = _close(theme)
        _cross(canvas, theme, close, margin, hovered=hovered == "close")
        zones = [close, *(zone for _, zone in plan.buttons), Zone("card", 0, 0, theme.width, plan.height)]
        return Card(canvas.pixels(), tuple(zone.moved(margin, margin).scaled(look.scale) for zone in zones))


def paint_line(text: str, look: Look, height: int) -> Card:
    """A line about what there is no card for."""
    theme, margin = look.theme, look.margin
    with Canvas(theme.width + 2 * margin, height + 2 * margin, look.scale) as canvas:
        canvas.rounded(margin, margin, theme.width, height, theme.radius)
        canvas.fill(theme["card"].faded(0.9 if look.translucent else 1))
        line = Text(canvas, escape(text), _font(theme, 0.9), theme.width, 1, centred=True)
        line.paint(canvas, margin, margin + (height - line.height) / 2, theme["dim"])
        line.close()
        return Card(canvas.pixels(), ())


def _close(theme: Theme) -> Zone:
    return Zone("close", theme.width - 34, 4, 30, 30)


def _planned(canvas: Canvas, toast: Toast, theme: Theme, has_picture: bool) -> _Plan:
    plan = _Plan()
    left = theme.padding + _BAR + (theme.icon + theme.gap if has_picture else 0)
    width = theme.width - left - theme.padding
    y = float(theme.padding - 2)
    for text, colour, gap in _lines(canvas, toast, theme, width):
        plan.texts.append((text, left, y, colour))
        y += text.height + gap
    if toast.progress_percent is not None:
        plan.track = y + 6
        share = Text(canvas, f"{toast.progress_percent} %", _font(theme, 0.85), 60, 1)
        plan.texts.append((share, theme.width - theme.padding - share.width, y + 9 - share.height / 2, "dim"))
        y += 18
    floor = theme.padding + theme.icon - 4 if has_picture else 0.0
    y = max(y, floor)
    offered = [action for action in toast.actions if action.key != DEFAULT_ACTION][:MOST_BUTTONS]
    if offered:
        y = _place_buttons(plan, canvas, theme, offered, left, y + 8)
    plan.height = float(round(y + theme.padding - 2))
    return plan


def _lines(canvas: Canvas, toast: Toast, theme: Theme, width: float) -> Iterator[tuple[Text, str, float]]:
    aside = 22  # the cross
    if toast.app:
        app = escape(tidy(toast.app)[:_MOST_LABEL])
        yield Text(canvas, app, _font(theme, 0.85), width - aside, 1), "dim", 1
    summary = escape(" ".join(tidy(toast.summary)[:_MOST_SUMMARY].split()))
    yield Text(canvas, summary, _font(theme, 1.08, "Semi-Bold"), width - (0 if toast.app else aside), 2), "text", 3
    if toast.body.strip():
        body = pango(toast.body.strip(), markup=toast.markup, most=_MOST_BODY)
        yield Text(canvas, body, _font(theme, 1), width, theme.body_lines), "text", 4


def _font(theme: Theme, size: float, weight: str = "") -> str:
    return f"{theme.font} {weight} {theme.font_size * size:.2f}"


def _place_buttons(plan: _Plan, canvas: Canvas, theme: Theme, offered: list[Action], left: float, top: float) -> float:
    gap = 8
    rows = [offered[begin : begin + _BUTTONS_A_ROW] for begin in range(0, len(offered), _BUTTONS_A_ROW)]
    for row in rows:
        width = (theme.width - left - theme.padding - gap * (len(row) - 1)) / len(row)
        for column, action in enumerate(row):
            label = escape(" ".join(tidy(action.label)[:_MOST_LABEL].split()))
            text = Text(canvas, label, _font(theme, 0.95, "Medium"), width - 12, 1, centred=True)
            zone = Zone("action", left + column * (width + gap), top, width, _BUTTON, action.key)
            plan.buttons.append((text, zone))
        top += _BUTTON + gap
    return top - gap + 4


def _background(canvas: Canvas, toast: Toast, look: Look, height: float) -> None:
    theme, margin = look.theme, look.margin
    if look.translucent:
        _shadow(canvas, theme, height)
    canvas.rounded(margin, margin, theme.width, height, theme.radius)
    canvas.save_and_clip()
    canvas.rounded(margin, margin, theme.width, height, 0)
    canvas.fill(theme["card"])
    accent = theme.accent(toast.urgency)
    if toast.urgency == "critical":
        canvas.rounded(margin, margin, theme.width, height, 0)
        canvas.fill(accent.faded(0.09))
    canvas.rounded(margin, margin, _BAR, height, 0)
    canvas.fill(accent)
    canvas.restore()
    canvas.rounded(margin + 0.5, margin + 0.5, theme.width - 1, height - 1, theme.radius - 0.5)
    canvas.stroke(accent.faded(0.55) if toast.urgency == "critical" else theme["border"], 1)


def _shadow(canvas: Canvas, theme: Theme, height: float) -> None:
    """Layers that grow fainter outwards: what a blur would give, without one."""
    reach, drop = theme.shadow, 4
    for step in range(reach - drop):
        near = 1 - step / (reach - drop)
        canvas.rounded(
            reach - step, reach - step + drop, theme.width + 2 * step, height + 2 * step, theme.radius + step
        )
        canvas.fill(theme["shadow"].faded(0.1 * near**2))


def _contents(
    canvas: Canvas, toast: Toast, look: Look, plan: _Plan, picture: Pixels | None, hovered: str | None
) -> None:
    theme, margin = look.theme, look.margin
    for text, x, y, colour in plan.texts:
        text.paint(canvas, x + margin, y + margin, theme[colour])
    if picture is not None:
        x, y = margin + theme.padding + _BAR - 2, margin + theme.padding
        canvas.rounded(x, y, theme.icon, theme.icon, 8)
        canvas.save_and_clip()
        canvas.picture(picture, x, y, theme.icon, theme["text"])
        canvas.restore()
    if plan.track is not None:
        _progress(canvas, toast, look, plan)
    for text, zone in plan.buttons:
        x, y = zone.x + margin, zone.y + margin
        canvas.rounded(x, y, zone.width, zone.height, 7)
        canvas.fill(theme["hover" if zone.name == hovered else "button"])
        text.paint(canvas, x + 6, y + (zone.height - text.height) / 2, theme["text"])


def _progress(canvas: Canvas, toast: Toast, look: Look, plan: _Plan) -> None:
    theme, margin = look.theme, look.margin
    left = margin + plan.texts[0][1]
    width = margin + theme.width - theme.padding - 46 - left
    top = margin + (plan.track or 0)
    canvas.rounded(left, top, width, _TRACK, _TRACK / 2)
    canvas.fill(theme["button"])
    if toast.progress_percent:
        canvas.rounded(left, top, max(_TRACK, width * toast.progress_percent / 100), _TRACK, _TRACK / 2)
        canvas.fill(theme.accent(toast.urgency))


def _cross(canvas: Canvas, theme: Theme, zone: Zone, margin: int, *, hovered: bool) -> None:
    x, y = margin + zone.x + zone.width / 2, margin + zone.y + zone.height / 2
    if hovered:
        canvas.rounded(x - 11, y - 11, 22, 22, 11)
        canvas.fill(theme["hover"])
    arm = _CLOSE / 2
    for slope in (1, -1):
        canvas.line(x - arm, y - arm * slope, x + arm, y + arm * slope)
        canvas.stroke(theme["text" if hovered else "dim"], 1.4)
