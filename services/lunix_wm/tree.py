"""The tree of containers that i3 and sway answer with, to windows: pure. i3wm.org/docs/ipc.html, sway-ipc(7)."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from lunix_common.schemas.wm import Window, WindowType
from lunix_wm.ipc import mapping
from lunix_wm.text import clean

MOST_WINDOWS: Final = 4096
_SCRATCHPAD = "__i3_scratch"
_TYPES: Mapping[str, WindowType] = {
    "normal": "normal",
    "unknown": "normal",
    "dialog": "dialog",
    "dock": "dock",
    "utility": "utility",
    "splash": "splash",
}


class Found(NamedTuple):
    """The windows of a tree, and which of them have a place of their own."""

    windows: dict[str, Window]
    floating: frozenset[str]


class _Place(NamedTuple):
    """Where in the tree a container is."""

    workspace: str | None
    frame: Mapping[str, Any] | None
    """i3 puts a floating window into a container that has its place; in sway it is that itself."""


def windows(tree: object, prefix: str) -> Found:
    """All windows of a tree, their ids beginning with ``prefix``; what makes no sense in it is left out."""
    found: dict[str, Window] = {}
    floating: set[str] = set()
    waiting = [(mapping(tree), _Place(None, None))]
    while waiting and len(found) < MOST_WINDOWS:
        node, place = waiting.pop()
        kind = node.get("type")
        if kind == "workspace":
            place = _Place(clean(node.get("name")), None)
        elif kind == "floating_con":
            place = place._replace(frame=node)
        inner = [mapping(one) for name in ("nodes", "floating_nodes") for one in _list(node.get(name))]
        waiting += [(one, place) for one in reversed(inner)]
        if not inner and _is_window(node):
            window = _window(node, place, prefix)
            found[window.id] = window
            if place.frame is not None:
                floating.add(window.id)
    return Found(found, frozenset(floating))


def _is_window(node: Mapping[str, Any]) -> bool:
    """Of i3 a window has an X window; of sway it has a process."""
    return _number(node.get("id")) > 0 and (bool(node.get("window")) or _number(node.get("pid")) > 0)


def _window(node: Mapping[str, Any], place: _Place, prefix: str) -> Window:
    hidden = place.workspace == _SCRATCHPAD
    properties = mapping(node.get("window_properties"))
    x, y, width, height = _outer(place.frame or node)
    return Window(
        id=f"{prefix}:{_number(node.get('id'))}",
        title=clean(node.get("name")),
        app=clean(node.get("app_id")) or clean(properties.get("class")) or None,
        pid=_number(node.get("pid")) or None,
        type=_TYPES.get(clean(node.get("window_type")) or "normal", "other"),
        workspace=None if hidden else place.workspace,
        x=x,
        y=y,
        width=width,
        height=height,
        focused=node.get("focused") is True,
        minimized=hidden,
        fullscreen=_number(node.get("fullscreen_mode")) > 0,
        urgent=node.get("urgent") is True,
    )


def _outer(node: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """The place with the title bar, which is above what both call the container's."""
    rect = mapping(node.get("rect"))
    x, y, width, height = (_number(rect.get(name)) for name in ("x", "y", "width", "height"))
    bar = _number(mapping(node.get("deco_rect")).get("height"))
    return x, y - bar, width, height + bar


def _list(found: object) -> list[object]:
    return cast("list[object]", found) if isinstance(found, list) else []


def _number(found: object) -> int:
    """A whole number that fits where it goes; 0 for what is none."""
    fits = isinstance(found, int) and not isinstance(found, bool) and -(2**53) < found < 2**53
    return cast("int", found) if fits else 0
