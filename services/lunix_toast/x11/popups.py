"""The renderer of popups: a window a toast, its card as the window's background.

A background pixmap is painted by the display itself, so that a window that is uncovered wakes nobody. Nothing is drawn
but what changed: a new card, a button below the pointer, a display with another resolution.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from lunix_common.schemas.toast import Toast
from lunix_toast.paint import os_cairo
from lunix_toast.paint.card import Card, Look, paint, paint_line
from lunix_toast.paint.pixels import Pixels
from lunix_toast.paint.zones import Zone, at
from lunix_toast.pictures.find import Pictures
from lunix_toast.renderer import DEFAULT_ACTION, Person
from lunix_toast.settings import Settings
from lunix_toast.x11 import stack
from lunix_toast.x11.desk import Desk
from lunix_x11 import wire
from lunix_x11.connection import Connection

log = logging.getLogger("toast")

_LEFT_BUTTON = 1
_GAP, _LINE = 12, 30
MOST_CARDS = 12
"""Windows at once: a window and its pixmap take a megabyte of the display."""
_REST = ""
"""The id of the line about toasts for which there is no room."""


@dataclass
class _Popup:
    toast: Toast | None
    window: int
    card: Card
    picture: Pixels | None = None
    hovered: str | None = None
    mapped: bool = False


class Popups:
    """Popups on the display that ``DISPLAY`` names; raise ``OSError`` where there is none."""

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        if reason := os_cairo.available():
            raise OSError(f"popups need cairo and Pango: {reason}; `lunix doctor` tells how to install them")
        self._settings = settings
        self._connection = Connection(environ)
        try:
            self._desk = Desk(self._connection)
        except BaseException:
            self._connection.close()
            raise
        self._popups: dict[str, _Popup] = {}
        self._left_over = 0
        self._contexts: dict[int, int] = {}
        self._colormaps: dict[int, int] = {}
        self._person: Person
        self._pictures: Pictures
        self.name = f"popups: display {self._connection.display}"
        self.capabilities = frozenset({"actions", "body", "body-markup", "icon-static"})

    def start(self, person: Person) -> None:
        """Begin to listen to the person in front of the display."""
        self._person = person
        self._pictures = Pictures(self._settings.icon_theme, person.spawn)
        self._desk.watch(self._paint_anew, self._arrange)
        self._connection.watch(self._heard, lambda why: person.gone(self, why))

    def show(self, toast: Toast) -> None:
        """Put a card on the display, or paint the one that is there anew."""
        first = not self._popups
        known = self._popups.get(toast.id)
        if known is None:
            self._open(toast.id, toast)
        else:
            known.toast, known.picture = toast, self._picture(toast)
            self._repaint(known)
        if first and self._settings.monitor == "pointer":
            self._desk.find_pointer(self._arrange)
        else:
            self._arrange()

    def hide(self, id_: str) -> None:
        """Take the card away."""
        if id_ in self._popups:
            self._destroy(id_)
            self._arrange()

    async def finish(self) -> None:
        """Do nothing: it is on its way."""

    def stop(self) -> None:
        """Take everything from the display."""
        self._popups.clear()
        self._connection.close()

    # --- windows ----------------------------------------------------------------------------------------------------

    @property
    def _look(self) -> Look:
        return Look(self._settings.theme_made, self._desk.scale, self._desk.composited)

    def _open(self, id_: str, toast: Toast | None, line: str = "") -> None:
        picture = self._picture(toast) if toast else None
        card = paint(toast, self._look, picture) if toast else paint_line(line, self._look, _LINE)
        popup = _Popup(toast, self._connection.new_id(), card, picture)
        self._popups[id_] = popup
        self._create(popup)
        self._put(popup)

    def _create(self, popup: _Popup) -> None:
        send, setup, atoms = self._connection.send, self._connection.setup, self._desk.atoms
        visual = self._visual
        values = {
            wire.BORDER_PIXEL: 0,
            wire.OVERRIDE_REDIRECT: 1,
            wire.EVENT_MASK: wire.LISTEN_BUTTONS | wire.LISTEN_POINTER,
        }
        if visual.id != setup.root_visual:
            if visual.id not in self._colormaps:
                self._colormaps[visual.id] = self._connection.new_id()
                send(wire.create_colormap(self._colormaps[visual.id], setup.root, visual.id))
            values[wire.COLORMAP] = self._colormaps[visual.id]
        place = wire.Rect(0, 0, popup.card.pixels.width, popup.card.pixels.height)
        send(wire.create_window(popup.window, setup.root, place, visual, values))
        send(wire.set_property(popup.window, wire.WM_CLASS, wire.STRING, b"lunix-toast\0lunix-toast\0"))
        summary = popup.toast.summary if popup.toast else ""
        name = summary.encode("utf-8", "replace")
        send(wire.set_property(popup.window, atoms["_NET_WM_NAME"], atoms["UTF8_STRING"], name))
        kind = (atoms["_NET_WM_WINDOW_TYPE_NOTIFICATION"],)
        send(wire.set_property(popup.window, atoms["_NET_WM_WINDOW_TYPE"], wire.ATOM, kind))

    @property
    def _visual(self) -> wire.Visual:
        setup = self._connection.setup
        return setup.translucent if self._desk.composited and setup.translucent else setup.opaque

    def _repaint(self, popup: _Popup) -> None:
        if popup.toast is not None:
            popup.card = paint(popup.toast, self._look, popup.picture, popup.hovered)
            self._put(popup)
            self._connection.flush()

    def _put(self, popup: _Popup) -> None:
        """Make the card the window's background."""
        send, pixels, depth = self._connection.send, popup.card.pixels, self._visual.depth
        pixmap = self._connection.new_id()
        send(wire.create_pixmap(pixmap, popup.window, pixels.width, pixels.height, depth))
        context = self._contexts.get(depth)
        if context is None:
            context = self._contexts[depth] = self._connection.new_id()
            send(wire.create_gc(context, pixmap))
        most = self._connection.setup.max_request_bytes
        for request in wire.put_image(pixmap, context, memoryview(pixels.data), pixels.width, depth, most):
            send(request)
        send(wire.change_window(popup.window, {wire.BACK_PIXMAP: pixmap}))
        send(wire.clear_area(popup.window))
        send(wire.free_pixmap(pixmap))
        self._connection.give_back(pixmap)
        self._shape(popup)

    def _shape(self, popup: _Popup) -> None:
        shape, look, pixels = self._desk.shape, self._look, popup.card.pixels
        if shape is None:
            return
        margin = round(look.margin * look.scale)
        if look.translucent:  # what is below a shadow can be clicked
            card = wire.Rect(margin, margin, pixels.width - 2 * margin, pixels.height - 2 * margin)
            self._connection.send(wire.shape(shape.opcode, popup.window, 2, [card]))
        else:
            rows = stack.rounded_rows(pixels.width, pixels.height, round(look.theme.radius * look.scale))
            self._connection.send(wire.shape(shape.opcode, popup.window, 0, rows))

    def _destroy(self, id_: str) -> None:
        window = self._popups.pop(id_).window
        self._connection.send(wire.destroy_window(window))
        self._connection.give_back(window)

    # --- places -----------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        look = self._look
        margin, gap = round(look.margin * look.scale), round(_GAP * look.scale)
        area = self._desk.area(self._settings.monitor)
        items = [
            stack.Item(id_, pixels.width - 2 * margin, pixels.height - 2 * margin, popup.toast.urgency == "critical")
            for id_, popup in self._popups.items()
            if popup.toast is not None and (pixels := popup.card.pixels)
        ]
        line = round(_LINE * look.scale)
        arranged = stack.arrange(items, area, self._settings.position, gap, line, MOST_CARDS)
        for id_, popup in tuple(self._popups.items()):
            if id_ in arranged.places:
                self._place(popup, arranged.places[id_], margin)
            elif popup.mapped and popup.toast is not None:
                self._connection.send(wire.unmap_window(popup.window))
                popup.mapped = False
        self._tell_rest(arranged, margin)
        self._connection.flush()

    def _place(self, popup: _Popup, place: wire.Rect, margin: int) -> None:
        pixels = popup.card.pixels
        outer = wire.Rect(place.x - margin, place.y - margin, pixels.width, pixels.height)
        self._connection.send(wire.place_window(popup.window, outer))
        if not popup.mapped:
            popup.mapped = True
            self._connection.send(wire.map_window(popup.window))

    def _tell_rest(self, arranged: stack.Arrangement, margin: int) -> None:
        if self._left_over != arranged.left_over and _REST in self._popups:
            self._destroy(_REST)
        self._left_over = arranged.left_over
        if self._left_over:
            if _REST not in self._popups:
                self._open(_REST, None, f"… and {self._left_over} more")
            self._place(self._popups[_REST], arranged.rest, margin)

    def _paint_anew(self) -> None:
        """Make every window anew: its size or its depth are others."""
        shown = [popup.toast for popup in self._popups.values() if popup.toast is not None]
        for id_ in tuple(self._popups):
            self._destroy(id_)
        for toast in shown:
            self._open(toast.id, toast)
        self._arrange()

    def _picture(self, toast: Toast) -> Pixels | None:
        """The picture of a toast where it is known; else its card is painted anew when it is."""
        if not toast.has_picture:
            return None
        side = round(self._settings.theme_made.icon * self._desk.scale)
        return self._pictures.get(toast.image, toast.icon, side, partial(self._has_picture, toast))

    def _has_picture(self, toast: Toast, picture: Pixels | None) -> None:
        popup = self._popups.get(toast.id)
        if popup is not None and popup.toast is toast and picture is not None:
            popup.picture = picture
            self._repaint(popup)

    # --- the pointer ------------------------------------------------------------------------------------------------

    def _heard(self, event: bytes) -> None:
        if self._desk.heard(event):
            return
        kind = event[0] & 0x7F
        if kind not in (wire.BUTTON_PRESS, wire.MOTION, wire.ENTER, wire.LEAVE):
            return
        pointer = wire.pointer_event(event)
        for popup in tuple(self._popups.values()):
            if popup.window == pointer.window and popup.toast is not None:
                zone = None if kind == wire.LEAVE else at(popup.card.zones, pointer.x, pointer.y)
                if kind == wire.BUTTON_PRESS:
                    self._clicked(popup.toast, zone, pointer)
                else:
                    self._hover(popup, zone)

    def _hover(self, popup: _Popup, zone: Zone | None) -> None:
        hovered = zone.name if zone is not None and zone.kind != "card" else None
        if hovered != popup.hovered:
            popup.hovered = hovered
            self._repaint(popup)

    def _clicked(self, toast: Toast, zone: Zone | None, pointer: wire.Pointer) -> None:
        if zone is None:
            return
        # As startup-notification has it: by this the program that answers may take the focus.
        token = f"lunix-toast-{os.getpid()}-{toast.id}_TIME{pointer.time_ms}"
        offers_default = any(action.key == DEFAULT_ACTION for action in toast.actions)
        if pointer.button != _LEFT_BUTTON or zone.kind == "close":
            self._person.closed(toast.id, "dismissed")
        elif zone.kind == "action":
            self._person.chose(toast.id, zone.key, token)
        elif offers_default:
            self._person.chose(toast.id, DEFAULT_ACTION, token)
        else:
            self._person.closed(toast.id, "dismissed")
