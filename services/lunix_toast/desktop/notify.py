"""What a program of the desktop says by ``Notify``: pure, its arguments in, a toast out.

Whatever a program gets wrong in a hint is passed over, as all servers do: its text is worth more than its mistakes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from lunix_common.schemas.toast import Action, ToastRequest, Urgency
from lunix_toast.desktop.image import data_uri
from lunix_toast.paint.markup import plain
from lunix_toast.renderer import DEFAULT_ACTION

_URGENCIES: tuple[Urgency, ...] = ("low", "normal", "critical")
_TAGS = ("x-dunst-stack-tag", "x-canonical-private-synchronous", "private-synchronous", "synchronous")
_MOST_SUMMARY, _MOST_BODY, _MOST_APP, _MOST_ICON, _MOST_TAG = 1024, 8192, 256, 4096, 128
_MOST_ACTIONS, _MOST_KEY, _MOST_LABEL = 16, 128, 256


class Notify(NamedTuple):
    """The arguments of ``Notify``, variants unpacked."""

    app: str
    replaces_id: int
    icon: str
    summary: str
    body: str
    actions: Sequence[str]
    """A key and a label in turn."""
    hints: Mapping[str, object]
    timeout_ms: int
    """Below 0: as the server likes. 0: until it is closed."""


def toast(said: Notify, replaces: str | None) -> ToastRequest:
    """The toast; ``replaces`` is the id of the one whose place it takes."""
    hints = said.hints
    summary = said.summary.strip() or said.app.strip() or "…"
    # A body that has to be cut would lose the ends of its tags.
    markup = len(said.body) <= _MOST_BODY
    return ToastRequest(
        summary=summary[:_MOST_SUMMARY].strip(),
        body=said.body if markup else plain(said.body)[:_MOST_BODY],
        markup=markup,
        app=said.app[:_MOST_APP] or None,
        urgency=_urgency(hints.get("urgency")),
        timeout_ms=said.timeout_ms if said.timeout_ms >= 0 else None,
        icon=_icon(said),
        image=_image(hints),
        progress_percent=_progress(hints.get("value")),
        transient=hints.get("transient") in (True, 1),
        resident=hints.get("resident") in (True, 1),
        actions=list(_actions(said.actions)),
        replaces=replaces,
        tag=_tag(said),
    )


def _urgency(hint: object) -> Urgency:
    return _URGENCIES[hint] if type(hint) is int and 0 <= hint < len(_URGENCIES) else "normal"


def _progress(hint: object) -> int | None:
    return min(max(hint, 0), 100) if type(hint) is int else None


def _text(hint: object, most: int) -> str | None:
    return hint if isinstance(hint, str) and 0 < len(hint) <= most else None


def _tag(said: Notify) -> str | None:
    """Within the program: two programs that both say ``volume`` do not mean the same toast."""
    for name in _TAGS:
        if tag := _text(said.hints.get(name), _MOST_TAG):
            return f"{said.app}/{tag}"[-_MOST_TAG:]
    return None


def _icon(said: Notify) -> str | None:
    hints = said.hints
    for icon in (hints.get("image-path"), hints.get("image_path"), said.icon, hints.get("desktop-entry")):
        if found := _text(icon, _MOST_ICON):
            return found
    return None


def _image(hints: Mapping[str, object]) -> str | None:
    """The pixels that come first by the specification; ``icon_data`` is the last resort after a path or a name."""
    names = ["image-data", "image_data"]
    if not (hints.get("image-path") or hints.get("image_path")):
        names.append("icon_data")
    for name in names:
        if name in hints:
            with suppress(ValueError):
                return data_uri(hints[name])
    return None


def _actions(listed: Sequence[str]) -> Iterator[Action]:
    seen: set[str] = set()
    for key, label in zip(listed[::2], listed[1::2], strict=False):
        if 0 < len(key) <= _MOST_KEY and key not in seen and len(seen) < _MOST_ACTIONS:
            seen.add(key)
            yield Action(key=key, label=label[:_MOST_LABEL].strip() or ("Show" if key == DEFAULT_ACTION else key))
