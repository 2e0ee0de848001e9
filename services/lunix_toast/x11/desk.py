"""What popups have to know of a display: its monitors, panels, resolution and compositor, and when they change."""

from collections.abc import Callable
from functools import partial

from lunix_toast.x11.stack import choose_monitor, without_panels
from lunix_x11 import wire
from lunix_x11.connection import Connection
from lunix_x11.display import scale_of

_NAMES = (
    "_NET_WM_WINDOW_TYPE", "_NET_WM_WINDOW_TYPE_NOTIFICATION", "_NET_WM_NAME", "UTF8_STRING",
    "_NET_WORKAREA", "RESOURCE_MANAGER",
)  # fmt: skip
_MOST_RESOURCES, _MOST_AREAS = 64 * 1024, 1024
_RR_SCREEN_CHANGE, _RR_NOTIFY = 0, 1


class Desk:
    """Asks as it is made; ``watch`` keeps it true from then on."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._looks_other: Callable[[], None] = lambda: None
        self._stands_elsewhere: Callable[[], None] = lambda: None
        self.atoms = {name: wire.number(connection.ask(wire.intern_atom(name))) for name in _NAMES}
        self.shape = wire.extension(connection.ask(wire.query_extension("SHAPE")))
        self._randr = wire.extension(connection.ask(wire.query_extension("RANDR")))
        self._xfixes = wire.extension(connection.ask(wire.query_extension("XFIXES")))
        self.scale = 1.0
        """Pixels a point."""
        self.composited = False
        """A compositor shows translucent windows."""
        self._monitors: list[wire.Monitor] = []
        self._names: dict[int, str] = {}
        self._work_area: tuple[int, ...] = ()
        self._pointer = (0, 0)
        self._size = connection.setup.size
        self._query: Callable[[bytes, Callable[[bytes], None]], None] = self._ask
        self._ask_all()

    def watch(self, looks_other: Callable[[], None], stands_elsewhere: Callable[[], None]) -> None:
        """Call one of them after each change: cards look otherwise, or stand elsewhere. The loop runs."""
        self._looks_other, self._stands_elsewhere = looks_other, stands_elsewhere
        self._query = self._connection.later

    def area(self, wanted: str) -> wire.Rect:
        """Where cards may stand on the monitor that is wanted."""
        place = choose_monitor(self._monitors, self._names, wanted, self._pointer, self._size)
        return without_panels(place, self._work_area)

    def find_pointer(self, found: Callable[[], None]) -> None:
        """Learn where the pointer is, and then call ``found``."""

        def take(reply: bytes) -> None:
            self._pointer = wire.pointer(reply)
            found()

        self._query(wire.query_pointer(self._connection.setup.root), take)
        self._connection.flush()

    def heard(self, event: bytes) -> bool:
        """Take an event; tell whether it was one of ours."""
        kind = event[0] & 0x7F
        root = self._connection.setup.root
        if kind == wire.PROPERTY:
            window, atom = wire.property_event(event)
            if window == root and atom in (self.atoms["_NET_WORKAREA"], self.atoms["RESOURCE_MANAGER"]):
                self._ask_properties()
            return True
        if self._xfixes is not None and kind == self._xfixes.first_event:
            self._query(wire.selection_owner(self._manager), self._take_compositor)
            return True
        randr = self._randr.first_event if self._randr else -2
        if kind == wire.CONFIGURE or kind in (randr + _RR_SCREEN_CHANGE, randr + _RR_NOTIFY):
            self._ask_monitors()
            return True
        return False

    def _ask(self, request: bytes, answer: Callable[[bytes], None]) -> None:
        answer(self._connection.ask(request))

    def _ask_all(self) -> None:
        connection, setup = self._connection, self._connection.setup
        listen = wire.LISTEN_STRUCTURE | wire.LISTEN_PROPERTIES
        connection.send(wire.change_window(setup.root, {wire.EVENT_MASK: listen}))
        self._manager = wire.number(connection.ask(wire.intern_atom(f"_NET_WM_CM_S{connection.display.screen}")))
        if self._xfixes is not None:
            connection.ask(wire.xfixes_version(self._xfixes.opcode))
            connection.send(wire.xfixes_select(self._xfixes.opcode, setup.root, self._manager))
        self._query(wire.selection_owner(self._manager), self._take_compositor)
        if self._randr is not None:
            connection.ask(wire.randr_version(self._randr.opcode))
            connection.send(wire.randr_select(self._randr.opcode, setup.root))
        self._ask_monitors()
        self._ask_properties()

    def _ask_monitors(self) -> None:
        if self._randr is not None:
            self._query(wire.randr_monitors(self._randr.opcode, self._connection.setup.root), self._take_monitors)

    def _ask_properties(self) -> None:
        root = self._connection.setup.root
        area = wire.get_property(root, self.atoms["_NET_WORKAREA"], _MOST_AREAS)
        self._query(area, self._take_work_area)
        resources = wire.get_property(root, self.atoms["RESOURCE_MANAGER"], _MOST_RESOURCES)
        self._query(resources, self._take_resources)

    def _take_compositor(self, reply: bytes) -> None:
        composited = bool(wire.number(reply)) and self._connection.setup.translucent is not None
        if composited is not self.composited:
            self.composited = composited
            self._looks_other()

    def _take_monitors(self, reply: bytes) -> None:
        found = wire.monitors(reply)
        if found == self._monitors:
            return
        self._monitors = found
        for monitor in self._monitors:
            if monitor.atom not in self._names:
                self._query(wire.atom_name(monitor.atom), partial(self._take_name, monitor.atom))
        self._stands_elsewhere()

    def _take_name(self, atom: int, reply: bytes) -> None:
        self._names[atom] = wire.name(reply)
        self._stands_elsewhere()

    def _take_work_area(self, reply: bytes) -> None:
        area = wire.property_numbers(reply)
        if area != self._work_area:
            self._work_area = area
            self._stands_elsewhere()

    def _take_resources(self, reply: bytes) -> None:
        scale = scale_of(wire.property_bytes(reply).decode("latin-1"))
        if scale != self.scale:
            self.scale = scale
            self._looks_other()
