"""cairo and Pango by their C interfaces, which have not changed in fifteen years: only what cards need.

Sources: cairo 1.14 and Pango 1.44 reference manuals. Lengths are points; the canvas scales them to pixels. Loaded when
a display is used and never before: the libraries take 8 ms, and their fonts some megabytes.
"""

import ctypes
from ctypes import Structure, c_char_p, c_double, c_int, c_ubyte, c_void_p
from types import TracebackType
from typing import Any, Self

from lunix_toast.paint.pixels import Pixels
from lunix_toast.paint.theme import Colour

_ARGB32, _GRAY, _SLIGHT, _OFF = 0, 2, 2, 1
_GOOD = 1
_WORD_CHAR, _END = 2, 3
_PANGO = 1024
_PI = 3.141592653589793


class _Libraries:
    def __init__(self) -> None:
        self.cairo = ctypes.CDLL("libcairo.so.2")
        self.pango = ctypes.CDLL("libpango-1.0.so.0")
        self.pangocairo = ctypes.CDLL("libpangocairo-1.0.so.0")
        self.gobject = ctypes.CDLL("libgobject-2.0.so.0")
        for name in ("image_surface_create", "image_surface_create_for_data", "create", "font_options_create",
                     "image_surface_get_data", "get_source"):  # fmt: skip
            getattr(self.cairo, f"cairo_{name}").restype = c_void_p
        self.pangocairo.pango_cairo_create_layout.restype = c_void_p
        self.pango.pango_layout_get_context.restype = c_void_p
        self.pango.pango_font_description_from_string.restype = c_void_p


class _Size(Structure):
    _fields_ = (("width", c_int), ("height", c_int))


_libraries: _Libraries | None = None


def _load() -> _Libraries:
    global _libraries
    if _libraries is None:
        _libraries = _Libraries()
    return _libraries


def available() -> str | None:
    """Why cards cannot be painted here; ``None`` where they can."""
    try:
        _load()
    except OSError as error:
        return str(error)
    return None


class Canvas:
    """A surface of so many points, transparent at first."""

    def __init__(self, width: float, height: float, scale: float) -> None:
        self._lib = _load()
        self.width, self.height = max(1, round(width * scale)), max(1, round(height * scale))
        """In pixels."""
        self._surface = c_void_p(self._lib.cairo.cairo_image_surface_create(_ARGB32, self.width, self.height))
        status: int = self._lib.cairo.cairo_surface_status(self._surface)
        if status:
            raise MemoryError(f"cairo has no surface of {self.width} x {self.height} pixels: status {status}")
        self.context = c_void_p(self._lib.cairo.cairo_create(self._surface))
        self._call("scale", c_double(scale), c_double(scale))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lib.cairo.cairo_destroy(self.context)
        self._lib.cairo.cairo_surface_destroy(self._surface)

    def _call(self, name: str, *arguments: Any) -> None:
        getattr(self._lib.cairo, f"cairo_{name}")(self.context, *arguments)

    def rounded(self, x: float, y: float, width: float, height: float, radius: float) -> None:
        """Begin a path: a rectangle with round corners."""
        radius = max(0.0, min(radius, width / 2, height / 2))
        self._call("new_path")
        for corner_x, corner_y, begin in (
            (x + width - radius, y + radius, -0.5),
            (x + width - radius, y + height - radius, 0.0),
            (x + radius, y + height - radius, 0.5),
            (x + radius, y + radius, 1.0),
        ):
            numbers = (corner_x, corner_y, radius, begin * _PI, (begin + 0.5) * _PI)
            self._call("arc", *map(c_double, numbers))
        self._call("close_path")

    def line(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Begin a path: a line."""
        self._call("new_path")
        self._call("move_to", c_double(x), c_double(y))
        self._call("line_to", c_double(to_x), c_double(to_y))

    def fill(self, colour: Colour) -> None:
        """Fill the path."""
        self.take(colour)
        self._call("fill")

    def stroke(self, colour: Colour, width: float) -> None:
        """Draw the path as a line of this width, with round ends."""
        self.take(colour)
        self._call("set_line_width", c_double(width))
        self._call("set_line_cap", c_int(1))
        self._call("stroke")

    def save_and_clip(self) -> None:
        """Paint within the path alone, until ``restore``."""
        self._call("save")
        self._call("clip")

    def restore(self) -> None:
        """End ``save_and_clip``."""
        self._call("restore")

    def picture(self, pixels: Pixels, x: float, y: float, side: float, tint: Colour) -> None:
        """Paint a picture into a square, whole and in its middle; a symbol in the colour ``tint``."""
        held = (c_ubyte * len(pixels.data)).from_buffer_copy(pixels.data)
        surface = c_void_p(
            self._lib.cairo.cairo_image_surface_create_for_data(
                held, _ARGB32, pixels.width, pixels.height, pixels.width * 4
            )
        )
        factor = side / max(pixels.width, pixels.height)
        self._call("save")
        left = x + (side - pixels.width * factor) / 2
        self._call("translate", c_double(left), c_double(y + (side - pixels.height * factor) / 2))
        self._call("scale", c_double(factor), c_double(factor))
        if pixels.tint:
            self.take(tint)
            self._call("mask_surface", surface, c_double(0), c_double(0))
        else:
            self._call("set_source_surface", surface, c_double(0), c_double(0))
            source = c_void_p(self._lib.cairo.cairo_get_source(self.context))
            self._lib.cairo.cairo_pattern_set_filter(source, _GOOD)
            self._call("paint")
        # The context lets go of the pixels before Python does.
        self._call("restore")
        self.take(Colour(0, 0, 0))
        self._lib.cairo.cairo_surface_destroy(surface)

    def pixels(self) -> Pixels:
        """What was painted."""
        self._lib.cairo.cairo_surface_flush(self._surface)
        begin: int = self._lib.cairo.cairo_image_surface_get_data(self._surface)
        return Pixels(self.width, self.height, ctypes.string_at(begin, self.width * self.height * 4))

    def take(self, colour: Colour) -> None:
        """Paint with this colour from now on."""
        parts = (colour.red, colour.green, colour.blue, colour.alpha)
        self._call("set_source_rgba", *map(c_double, parts))


class Text:
    """Text laid out in a width; measured on one canvas, painted on any of the same scale."""

    def __init__(
        self, canvas: Canvas, markup: str, font: str, width: float, lines: int, *, centred: bool = False
    ) -> None:
        """``markup`` is Pango's, ``font`` as in ``Sans Bold 10``; more than ``lines`` end with an ellipsis."""
        self._lib = _load()
        self._layout = c_void_p(self._lib.pangocairo.pango_cairo_create_layout(canvas.context))
        self._grey()
        pango, layout = self._lib.pango, self._layout
        description = c_void_p(pango.pango_font_description_from_string(c_char_p(font.encode())))
        pango.pango_layout_set_font_description(layout, description)
        pango.pango_font_description_free(description)
        pango.pango_layout_set_width(layout, c_int(round(width * _PANGO)))
        pango.pango_layout_set_wrap(layout, _WORD_CHAR)
        pango.pango_layout_set_ellipsize(layout, _END)
        pango.pango_layout_set_alignment(layout, 1 if centred else 0)
        raw = markup.encode("utf-8", "replace")
        pango.pango_layout_set_markup(layout, c_char_p(raw), c_int(len(raw)))
        self._bound(lines)

    def _grey(self) -> None:
        """Antialias in grey: coloured fringes are wrong on what is translucent or turned."""
        options = c_void_p(self._lib.cairo.cairo_font_options_create())
        self._lib.cairo.cairo_font_options_set_antialias(options, _GRAY)
        self._lib.cairo.cairo_font_options_set_hint_style(options, _SLIGHT)
        self._lib.cairo.cairo_font_options_set_hint_metrics(options, _OFF)
        context = c_void_p(self._lib.pango.pango_layout_get_context(self._layout))
        self._lib.pangocairo.pango_cairo_context_set_font_options(context, options)
        self._lib.pangocairo.pango_cairo_context_set_resolution(context, c_double(96))
        self._lib.cairo.cairo_font_options_destroy(options)

    def _bound(self, lines: int) -> None:
        """Of a layout Pango bounds either the lines of each paragraph or the height of all: measure a line."""
        if lines == 1:
            # A single line is what Pango does unasked. By its height it lets a second one pass where the scale is 2.
            self._lib.pango.pango_layout_set_single_paragraph_mode(self._layout, c_int(1))
            return
        self._lib.pango.pango_layout_set_height(self._layout, c_int(2**31 - 1))
        count: int = self._lib.pango.pango_layout_get_line_count(self._layout)
        if count > lines:
            height = self._measure()[1] * lines / count
            self._lib.pango.pango_layout_set_height(self._layout, c_int(round(height)))

    def _measure(self) -> tuple[int, int]:
        size = _Size()
        self._lib.pango.pango_layout_get_size(
            self._layout, ctypes.byref(size, 0), ctypes.byref(size, ctypes.sizeof(c_int))
        )
        return size.width, size.height

    @property
    def height(self) -> float:
        """In points."""
        return self._measure()[1] / _PANGO

    @property
    def width(self) -> float:
        """In points, of the widest line."""
        return self._measure()[0] / _PANGO

    def paint(self, canvas: Canvas, x: float, y: float, colour: Colour) -> None:
        """Paint it, its upper left corner there."""
        canvas.take(colour)
        self._lib.cairo.cairo_move_to(canvas.context, c_double(x), c_double(y))
        self._lib.pangocairo.pango_cairo_update_layout(canvas.context, self._layout)
        self._lib.pangocairo.pango_cairo_show_layout(canvas.context, self._layout)

    def close(self) -> None:
        """Give it back."""
        self._lib.gobject.g_object_unref(self._layout)
