"""Where cards stand: pure, sizes and an area in, rectangles out.

The oldest card is nearest to the corner and later ones are put beyond it, so that none moves while a person aims at it.
Where not all fit, critical ones come first, then older ones; how many are left over is told.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lunix_toast.position import Position
from lunix_x11.wire import Monitor, Rect


class Item(NamedTuple):
    """A card: its size in pixels without shadow, and whether it goes before others."""

    id: str
    width: int
    height: int
    first: bool


class Arrangement(NamedTuple):
    """The cards that fit, each with its place, and how many do not."""

    places: dict[str, Rect]
    left_over: int
    rest: Rect
    """Where a line about those that are left over stands."""


def arrange(items: Sequence[Item], area: Rect, position: Position, gap: int, line: int, most: int) -> Arrangement:
    """Place cards in the order in which they came; ``line`` is the height of the line about those left over."""
    shown = _fitting(items, area, gap, 0, most)
    if len(shown) < len(items):
        shown = _fitting(items, area, gap, line + gap, most)
    places: dict[str, Rect] = {}
    offset = gap
    width = max((item.width for item in items), default=0)
    for item in items:
        if item.id in shown:
            places[item.id] = _at(area, position, gap, offset, item.width, item.height)
            offset += item.height + gap
    return Arrangement(places, len(items) - len(shown), _at(area, position, gap, offset, width, line))


def _fitting(items: Sequence[Item], area: Rect, gap: int, reserved: int, most: int) -> set[str]:
    room = area.height - gap - reserved
    shown: set[str] = set()
    for item in sorted(items, key=lambda item: not item.first):
        # One is always shown, however small the monitor.
        if (item.height + gap > room or len(shown) >= most) and shown:
            break
        room -= item.height + gap
        shown.add(item.id)
    return shown


def _at(area: Rect, position: Position, gap: int, offset: int, width: int, height: int) -> Rect:
    edge, _, side = position.partition("-")
    x = {
        "left": area.x + gap,
        "center": area.x + (area.width - width) // 2,
        "right": area.x + area.width - gap - width,
    }[side]
    y = area.y + offset if edge == "top" else area.y + area.height - offset - height
    return Rect(x, y, width, height)


def choose_monitor(
    monitors: Sequence[Monitor], names: dict[int, str], wanted: str, pointer: tuple[int, int], screen: tuple[int, int]
) -> Rect:
    """The monitor called ``wanted``; the one below the pointer for ``pointer``; else the primary or the first one."""
    whole = Rect(0, 0, *screen)
    if wanted == "pointer":
        found = [one.place for one in monitors if _holds(one.place, *pointer)]
    else:
        found = [one.place for one in monitors if names.get(one.atom) == wanted]
    found += [one.place for one in monitors if one.primary] + [one.place for one in monitors]
    return [*found, whole][0]


def _holds(place: Rect, x: int, y: int) -> bool:
    return place.x <= x < place.x + place.width and place.y <= y < place.y + place.height


def without_panels(monitor: Rect, work_area: Sequence[int]) -> Rect:
    """The part of the monitor that panels leave free (``_NET_WORKAREA``); all of it where that makes no sense."""
    if len(work_area) < 4:
        return monitor
    x, y, width, height = work_area[:4]
    left, top = max(monitor.x, x), max(monitor.y, y)
    right = min(monitor.x + monitor.width, x + width)
    bottom = min(monitor.y + monitor.height, y + height)
    # The area is of the whole desktop, and says nothing about a monitor that it hardly meets.
    if right - left < monitor.width // 2 or bottom - top < monitor.height // 2:
        return monitor
    return Rect(left, top, right - left, bottom - top)


def rounded_rows(width: int, height: int, radius: int) -> Iterator[Rect]:
    """Rectangles that make a rectangle with round corners, for displays without opacity."""
    radius = max(0, min(radius, width // 2, height // 2))
    for row in range(radius):
        rise = radius - row - 0.5
        inset = round(radius - (radius * radius - rise * rise) ** 0.5)
        yield Rect(inset, row, width - 2 * inset, 1)
        yield Rect(inset, height - 1 - row, width - 2 * inset, 1)
    yield Rect(0, radius, width, height - 2 * radius)
