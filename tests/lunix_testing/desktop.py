"""A desktop of the test's own: Xvfb with a small window manager, somebody who looks, and somebody who clicks.

desktop.environ                                       what a program is given
await eyes.until(lambda popups: len(popups) == 2)     waits for what the display tells of its windows
eyes.picture(rect)                                    what is to be seen
desktop.click(x, y)                                   the pointer, by the XTEST extension
"""

import asyncio
import os
import select
import struct
import subprocess
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lunix_testing.deadline import deadline
from lunix_x11 import wire
from lunix_x11.connection import Connection
from lunix_x11.wire import Rect

DEADLINE = 30.0
_CREATE, _DESTROY, _UNMAP, _MAP = 16, 17, 18, 19
_LISTEN_CHILDREN, _GET_IMAGE = 0x80000, 73


@dataclass
class Picture:
    """A part of the screen: 4 bytes a pixel, blue first."""

    width: int
    height: int
    data: bytes

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """Red, green and blue."""
        begin = (y * self.width + x) * 4
        blue, green, red = self.data[begin : begin + 3]
        return red, green, blue

    def beside(self, other: "Picture") -> "Picture":
        """This one, and at its right another of the same height."""
        mine, theirs = self.width * 4, other.width * 4
        rows = (
            self.data[y * mine : (y + 1) * mine] + other.data[y * theirs : (y + 1) * theirs] for y in range(self.height)
        )
        return Picture(self.width + other.width, self.height, b"".join(rows))

    def count(self, colour: tuple[int, int, int]) -> int:
        """How many pixels have this colour."""
        data = self.data
        return sum(pixel == colour for pixel in zip(data[2::4], data[1::4], data[0::4], strict=True))

    def colours(self) -> set[tuple[int, int, int]]:
        """All that are there."""
        data = self.data
        return set(zip(data[2::4], data[1::4], data[0::4], strict=True))

    def save(self, path: Path) -> None:
        """Write it as PNG."""
        rows = bytearray()
        for y in range(self.height):
            row = self.data[y * self.width * 4 : (y + 1) * self.width * 4]
            line = bytearray(self.width * 3)
            line[0::3], line[1::3], line[2::3] = row[2::4], row[1::4], row[0::4]
            rows += b"\0" + line
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class Eyes:
    """Who looks at the display: the popups that are on it, and what they look like."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.popups: dict[int, Rect] = {}
        """Windows without a window manager's frame that are on the screen, with their places."""
        self.appeared = 0
        """How many have come so far: of one that is gone soon that is all that a slow looker sees."""
        self._places: dict[int, Rect] = {}
        self._change = asyncio.Event()
        self._listener = Connection(environ)
        self._camera = Connection(environ)
        root = self._listener.setup.root
        self._listener.ask(wire.intern_atom("PRIMARY"))
        self._listener.send(wire.change_window(root, {wire.EVENT_MASK: _LISTEN_CHILDREN}))
        self._listener.ask(wire.intern_atom("PRIMARY"))
        self._damage = self._see_damage(root)
        self._listener.watch(self._heard, lambda _why: None)

    async def until(self, wanted: Callable[[dict[int, Rect]], bool]) -> list[Rect]:
        """Wait until the popups are as wanted; their places, in the order in which they were made."""
        async with deadline(lambda: f"the popups that were waited for, among {self.popups},"):
            while not wanted(self.popups):
                self._change.clear()
                await self._change.wait()
        return [self.popups[window] for window in sorted(self.popups)]

    async def count(self, number: int) -> list[Rect]:
        """Wait until there are so many popups; their places."""
        return await self.until(lambda popups: len(popups) == number)

    def picture(self, rect: Rect | None = None) -> Picture:
        """What is to be seen there, or on the whole display."""
        setup = self._camera.setup
        rect = rect or Rect(0, 0, *setup.size)
        body = struct.pack("<BBHIhhHHI", _GET_IMAGE, 2, 5, setup.root, *rect, 0xFFFFFFFF)
        reply = self._camera.ask(body)
        return Picture(rect.width, rect.height, reply[32 : 32 + rect.width * rect.height * 4])

    async def sees(self, wanted: Callable[[], bool], what: str) -> None:
        """Wait until something looks as wanted: the display tells whenever something was painted (DAMAGE)."""
        async with deadline(what):
            while True:
                self._change.clear()
                self._listener.send(self._subtract)
                self._listener.flush()
                if wanted():
                    return
                await self._change.wait()

    def close(self) -> None:
        self._listener.close()
        self._camera.close()

    def _see_damage(self, root: int) -> int:
        """Be told of what is painted; the number of the event. X Damage extension, protocol 1.1."""
        found = wire.extension(self._listener.ask(wire.query_extension("DAMAGE")))
        assert found is not None
        self._listener.ask(struct.pack("<BBHII", found.opcode, 0, 3, 1, 1))
        damage = self._listener.new_id()
        self._listener.send(struct.pack("<BBHIIBxxx", found.opcode, 1, 4, damage, root, 3))
        self._subtract = struct.pack("<BBHIII", found.opcode, 3, 4, damage, 0, 0)
        return found.first_event

    def _heard(self, event: bytes) -> None:
        kind = event[0] & 0x7F
        if kind == self._damage:
            self._change.set()
        if kind not in (_CREATE, _DESTROY, _UNMAP, _MAP, wire.CONFIGURE):
            return
        (window,) = struct.unpack_from("<I", event, 8)
        if kind == _CREATE:
            self._places[window] = Rect(*struct.unpack_from("<hhHH", event, 12))
        elif kind == wire.CONFIGURE:
            self._places[window] = Rect(*struct.unpack_from("<hhHH", event, 16))
            if window in self.popups:
                self.popups[window] = self._places[window]
        elif kind == _MAP:
            place = self._places.get(window)
            # A window manager has windows that are not seen, and a wallpaper is none.
            if event[12] and place is not None and 1 < place.width < self._listener.setup.size[0]:
                self.popups[window] = place
                self.appeared += 1
        else:
            self.popups.pop(window, None)
        self._change.set()


@dataclass
class Desktop:
    """A display with a window manager. Made by the fixture."""

    folder: Path
    size: str = "1280x800"
    cookie: bytes = b""
    """Only who shows it is let in; nothing lets everybody in."""
    number: int | None = None
    """Of the display; without it the first one that is free, which another may take when this one ends."""
    display: str = ""
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def environ(self) -> dict[str, str]:
        """What has a program use it."""
        return {"DISPLAY": self.display, "HOME": str(self.folder), "XAUTHORITY": str(self.folder / "Xauthority")}

    def start(self) -> None:
        """Start it and wait until it serves, with the window manager that manages it."""
        key = self.folder / "Xauthority"
        if self.cookie:
            parts = (b"", b"", b"MIT-MAGIC-COOKIE-1", self.cookie)
            key.write_bytes(struct.pack(">H", 65535) + b"".join(struct.pack(">H", len(part)) + part for part in parts))
        self.serve()
        self.run("xsetroot", "-solid", "#5b7fa6")
        self.manage()

    def serve(self) -> None:
        """Start the display; once more when it has ended, which has to have a number of its own then."""
        read, write = os.pipe()
        key = ("-auth", str(self.folder / "Xauthority")) if self.cookie else ()
        screen = ("-screen", "0", f"{self.size}x24", "-nolisten", "tcp", "-noreset")
        number = (f":{self.number}",) if self.number is not None else ()
        self.server = self.spawn("Xvfb", *number, *key, "-displayfd", str(write), *screen, pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as file:
            readable, _, _ = select.select([file], [], [], DEADLINE)
            assert readable, "Xvfb did not start"
            self.display = f":{file.readline().strip()}"

    def manage(self) -> None:
        """Start the window manager."""
        self.manager = self.spawn("openbox", "--sm-disable")

    def spawn(
        self, *command: str, pass_fds: tuple[int, ...] = (), env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a program on it, which ends with it."""
        environ = {"PATH": os.environ["PATH"], **(self.environ if self.display else {}), **(env or {})}
        devnull = subprocess.DEVNULL
        process = subprocess.Popen(command, env=environ, pass_fds=pass_fds, stdout=devnull, stderr=devnull)
        self._stack.callback(self.end, process)
        return process

    def run(self, *command: str, text: str = "") -> str:
        """Run a program on it to its end; its output."""
        environ = {"PATH": os.environ["PATH"], **self.environ}
        done = subprocess.run(
            command, env=environ, input=text, capture_output=True, text=True, timeout=DEADLINE, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def wallpaper(self, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> None:
        """Put a window below all others whose colour changes from above to below; it stays until the display ends."""
        camera = self._stack.enter_context(closing(Connection(self.environ)))
        setup = camera.setup
        width, height = setup.size
        rows = [
            bytes(round(b * y / height + t * (1 - y / height)) for t, b in zip(top[::-1], bottom[::-1], strict=True))
            for y in range(height)
        ]
        pixels = memoryview(b"".join((row + b"\0") * width for row in rows))
        window, pixmap, context = (camera.new_id() for _ in range(3))
        camera.send(wire.create_window(window, setup.root, Rect(0, 0, width, height), setup.opaque, {0x200: 1}))
        camera.send(wire.create_pixmap(pixmap, window, width, height, 24))
        camera.send(wire.create_gc(context, pixmap))
        for request in wire.put_image(pixmap, context, pixels, width, 24, setup.max_request_bytes):
            camera.send(request)
        camera.send(wire.change_window(window, {wire.BACK_PIXMAP: pixmap}))
        camera.send(wire.map_window(window))
        camera.ask(wire.intern_atom("PRIMARY"))

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Move the pointer there and press a button."""
        self.run("xdotool", "mousemove", str(round(x)), str(round(y)), "click", str(button))

    def point(self, x: float, y: float) -> None:
        """Move the pointer there."""
        self.run("xdotool", "mousemove", str(round(x)), str(round(y)))

    @staticmethod
    def end(process: subprocess.Popen[bytes]) -> None:
        """End a program that was started."""
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()

    def close(self) -> None:
        self._stack.close()


@asynccontextmanager
async def looking(desktop: Desktop) -> AsyncGenerator[Eyes]:
    """Somebody who looks at the desktop."""
    eyes = Eyes(desktop.environ)
    try:
        yield eyes
    finally:
        eyes.close()


@pytest.fixture
def lasting_desktop(tmp_path: Path) -> Iterator[Desktop]:
    """A desktop that runs, and whose number nobody else takes while it is away."""
    folder = tmp_path / "desktop"
    folder.mkdir()
    one = Desktop(folder, number=10_000 + os.getpid() % 50_000)
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Desktop]:
    """A desktop that runs."""
    folder = tmp_path / "desktop"
    folder.mkdir()
    one = Desktop(folder)
    try:
        one.start()
        yield one
    finally:
        one.close()
