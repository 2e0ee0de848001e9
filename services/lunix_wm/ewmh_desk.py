"""The windows of an X display with any window manager that keeps to EWMH. What changes is asked for anew.

The display answers in order: when a last question is answered, all before it are. So each burst of changes ends with
one such question, and its answer says that the windows are known as they are now.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from lunix_common.schemas.wm import MoveRequest, Window
from lunix_wm import ewmh
from lunix_wm.desk import Unable
from lunix_wm.ewmh import Seen
from lunix_x11 import wire
from lunix_x11.connection import Connection

log = logging.getLogger("wm")

_ROUNDS = 4
"""The display, its windows and their properties are known after three of them."""
_LISTEN = wire.LISTEN_STRUCTURE | wire.LISTEN_PROPERTIES


class EwmhDesk:
    """The windows of the display to which the connection leads."""

    def __init__(self, connection: Connection) -> None:
        """Ask for what does not change; blocks, and raises ``OSError``. Nothing is told before ``watch``.

        The connection hears of changes of the root window's properties already.
        """
        self._connection = connection
        self._root = connection.setup.root
        self._atoms = {name: wire.number(connection.ask(wire.intern_atom(name))) for name in ewmh.NAMES}
        self._names = {number: name for name, number in self._atoms.items()}
        self._manager = 0
        self._supported: frozenset[int] = frozenset()
        self._active = 0
        self._desktops: list[str] = []
        self._windows: dict[int, Seen] = {}
        self._asking = False
        self._ask_again = False
        self._rounds = 0
        self._changed: Callable[[], None] = lambda: None
        self._gone: Callable[[str], None] = lambda _why: None
        self.name = f"X display {connection.display}"

    @property
    def lacking(self) -> str | None:
        """Whether anybody manages windows there."""
        return None if self._manager else f"{self.name} has no window manager that keeps to EWMH"

    def watch(self, changed: Callable[[], None], gone: Callable[[str], None]) -> None:
        """Begin."""
        self._changed, self._gone = changed, gone
        self._connection.watch(self._heard, gone)
        for name in ewmh.ROOT:
            self._ask_root(name)
        self._ask_last()
        self._connection.flush()

    def windows(self) -> Mapping[str, Window]:
        """Those whose place is known; the others follow when it is."""
        found = {
            number: ewmh.window(number, seen, self._atoms, self._desktops, focused=number == self._active)
            for number, seen in self._windows.items()
        }
        return {window.id: window for window in found.values() if window is not None}

    async def focus(self, window: Window) -> None:
        """By ``_NET_ACTIVE_WINDOW``."""
        self._send(ewmh.FOCUS, ewmh.activate(self._root, ewmh.number_of(window.id), self._atoms))

    async def close_window(self, window: Window) -> None:
        """By ``_NET_CLOSE_WINDOW``."""
        self._send(ewmh.CLOSE, ewmh.close(self._root, ewmh.number_of(window.id), self._atoms))

    async def move(self, window: Window, to: MoveRequest) -> None:
        """By ``_NET_WM_DESKTOP`` and ``_NET_MOVERESIZE_WINDOW``."""
        number = ewmh.number_of(window.id)
        if to.workspace is not None:
            index = ewmh.desktop_of(to.workspace, self._desktops)
            if index is None:
                raise Unable(f"there is no workspace {to.workspace!r}")
            self._send(ewmh.TO_DESKTOP, ewmh.to_desktop(self._root, number, self._atoms, index))
        if any(each is not None for each in (to.x, to.y, to.width, to.height)):
            self._send(ewmh.MOVE, ewmh.place(self._root, number, self._atoms, to))

    def stop(self) -> None:
        """End the connection."""
        self._connection.close()

    # --- what changes -----------------------------------------------------------------------------------------------

    def _heard(self, event: bytes) -> None:
        kind = event[0] & 0x7F
        if kind == wire.PROPERTY:
            number, atom = wire.property_event(event)
            self._property(number, self._names.get(atom, ""))
        elif kind == wire.CONFIGURE:
            self._ask_place(wire.number(event))
        elif kind == wire.DESTROY:
            self._destroyed(wire.number(event))
        else:
            return
        if not self._connection.closed:
            self._ask_last()

    def _property(self, number: int, name: str) -> None:
        if number == self._root:
            if name in ewmh.ROOT:
                self._ask_root(name)
            elif name == ewmh.I3:
                self._connection.close()
                self._gone("i3 runs, and knows more")
        elif number in self._windows and name in ewmh.OF_A_WINDOW:
            self._ask_window(number, name)

    def _destroyed(self, number: int) -> None:
        if number == self._manager:
            log.warning("the window manager is gone", extra={"display": str(self._connection.display)})
            self._manager, self._supported = 0, frozenset()
        # Where nobody manages windows any more, nobody takes them from the list either.
        self._windows.pop(number, None)

    def _send(self, what: str, request: bytes) -> None:
        if self._atoms[what] not in self._supported:
            raise Unable(self.lacking or f"the window manager does not know {what}")
        self._connection.send(request)
        self._connection.flush()

    # --- questions --------------------------------------------------------------------------------------------------

    def _ask_last(self) -> None:
        if self._asking:
            self._ask_again = True
            return
        self._asking = True
        self._connection.later(wire.get_input_focus(), self._answered)

    def _answered(self, _reply: bytes) -> None:
        self._asking = False
        self._rounds += 1
        more, self._ask_again = self._ask_again, False
        if more:
            self._ask_last()
        if not more or self._rounds >= _ROUNDS:
            self._rounds = _ROUNDS
            self._changed()

    def _ask_root(self, name: str) -> None:
        most = ewmh.MOST_BYTES if name == "_NET_DESKTOP_NAMES" else 4 * ewmh.MOST_WINDOWS
        self._connection.later(wire.get_property(self._root, self._atoms[name], most), partial(self._take_root, name))

    def _take_root(self, name: str, reply: bytes) -> None:
        numbers = wire.property_numbers(reply)
        match name:
            case "_NET_SUPPORTING_WM_CHECK":
                self._take_manager(next(iter(numbers), 0))
            case "_NET_SUPPORTED":
                self._supported = frozenset(numbers)
            case "_NET_CLIENT_LIST":
                self._take_list(numbers)
            case "_NET_ACTIVE_WINDOW":
                self._active = next(iter(numbers), 0)
            case _:
                self._desktops = ewmh.desktop_names(wire.property_bytes(reply))

    def _take_manager(self, window: int) -> None:
        """A window manager that was killed leaves this property, but not the window: it names itself there."""
        if window == 0:
            self._manager = 0
            return
        self._connection.send(wire.change_window(window, {wire.EVENT_MASK: wire.LISTEN_STRUCTURE}))
        check = wire.get_property(window, self._atoms["_NET_SUPPORTING_WM_CHECK"], 4)
        self._connection.later(check, partial(self._take_check, window))
        self._ask_last()

    def _take_check(self, window: int, reply: bytes) -> None:
        if wire.property_numbers(reply) == (window,):
            self._manager = window
            self._ask_root("_NET_SUPPORTED")

    def _take_list(self, numbers: tuple[int, ...]) -> None:
        for number in set(self._windows) - set(numbers):
            del self._windows[number]
        for number in numbers:
            if number not in self._windows:
                self._windows[number] = Seen()
                self._connection.send(wire.change_window(number, {wire.EVENT_MASK: _LISTEN}))
                for name in ewmh.OF_A_WINDOW:
                    self._ask_window(number, name)
                self._ask_place(number)
        self._ask_last()

    def _ask_window(self, number: int, name: str) -> None:
        request = wire.get_property(number, self._atoms[name], ewmh.MOST_BYTES)
        self._connection.later(request, partial(self._take_window, number, name))

    def _take_window(self, number: int, name: str, reply: bytes) -> None:
        if number in self._windows:
            self._windows[number].take(name, reply)

    def _ask_place(self, number: int) -> None:
        """Where it is on the screen: its own coordinates are those in its frame. Asked last, known last."""
        if number in self._windows:
            self._connection.later(wire.translate(number, self._root), partial(self._take_corner, number))
            self._connection.later(wire.get_geometry(number), partial(self._take_size, number))

    def _take_corner(self, number: int, reply: bytes) -> None:
        if number in self._windows:
            self._windows[number].corner = wire.corner(reply)

    def _take_size(self, number: int, reply: bytes) -> None:
        if number in self._windows:
            self._windows[number].size = wire.size(reply)
