"""From an icon's name, a path or the bytes of a picture to its pixels, kept for the next time."""

import asyncio
import logging
import os
import stat
import struct
import sys
from base64 import b64decode
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lunix_toast.paint.pixels import Pixels
from lunix_toast.pictures.icons import MOST_THEMES, IconTheme, file_path, names, parse_index

log = logging.getLogger("toast")

MOST_FILE_BYTES = 32 * 1024 * 1024
DECODE_S = 4.0
_MOST_KEPT, _MOST_INDEX_BYTES = 64, 1024 * 1024
_AT_ONCE = 2
_EXTENSIONS = (".png", ".svg", ".xpm")
_DATA = "data:image/png;base64,"
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

_PROGRAM = """\
import sys
sys.path.insert(0, sys.argv[1])
from lunix_toast.pictures.os_decode import main
sys.exit(main(sys.argv[2]))"""
_FOLDER = str(Path(__file__).resolve().parents[2])

Take = Callable[[Pixels | None], None]
Spawn = Callable[[Coroutine[Any, Any, None], str], object]
_Key = tuple[str, int]


class Pictures:
    """Decodes each picture once; what is none is shown by none."""

    def __init__(self, theme: str, spawn: Spawn, environ: Mapping[str, str] = os.environ) -> None:
        self._theme = theme
        self._spawn = spawn
        self._folders = tuple(_folders(environ))
        self._kept: dict[_Key, Pixels | None] = {}
        self._waiting: dict[_Key, list[Take]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def get(self, image: str | None, icon: str | None, side: int, take: Take) -> Pixels | None:
        """The picture where it is known; else ``take`` is called with it later. An image goes before an icon."""
        key = (image or icon or "", side)
        if key in self._kept:
            return self._kept[key]
        if key in self._waiting:
            self._waiting[key].append(take)
        else:
            self._waiting[key] = [take]
            self._spawn(self._fetch(key, image, icon), "toast.picture")
        return None

    async def _fetch(self, key: _Key, image: str | None, icon: str | None) -> None:
        pixels = await self.fetch(image, icon, key[1])
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = pixels
        for take in self._waiting.pop(key):
            take(pixels)

    async def fetch(self, image: str | None, icon: str | None, side: int) -> Pixels | None:
        """Decode a picture, and keep it for nobody; ``None`` where it is none."""
        try:
            async with self._slots:
                return await self._decoded(image, icon or "", side)
        except (OSError, ValueError) as error:
            log.debug("a picture cannot be shown", extra={"icon": icon, "error": str(error)})
        return None

    async def _decoded(self, image: str | None, icon: str, side: int) -> Pixels:
        tint = False
        if image is not None:
            descriptor = _in_memory(b64decode(image.removeprefix(_DATA), validate=True))
        else:
            path = await asyncio.to_thread(self._path, icon, side)
            tint = Path(path).stem.endswith("-symbolic")
            descriptor = await asyncio.to_thread(_opened, path)
        try:
            output = await _decode(descriptor, side)
        finally:
            os.close(descriptor)
        width, height = struct.unpack_from("=II", output)
        if not (0 < width <= side and 0 < height <= side and len(output) == 8 + width * height * 4):
            raise ValueError("the decoder answered nonsense")
        return Pixels(width, height, output[8:], tint=tint)

    def _path(self, icon: str, side: int) -> str:
        path = file_path(icon)
        if path is not None:
            return path
        for name in names(icon):
            for theme, index in self._themes():
                for folder in index.folders(side):
                    for base in self._folders:
                        for extension in _EXTENSIONS:
                            candidate = base / theme / folder / (name + extension)
                            if candidate.is_file():
                                return str(candidate)
            for extension in _EXTENSIONS:
                candidate = Path("/usr/share/pixmaps", name + extension)
                if candidate.is_file():
                    return str(candidate)
        raise FileNotFoundError(f"no icon {icon!r}")

    def _themes(self) -> list[tuple[str, IconTheme]]:
        """The theme, those that it builds on, and hicolor, the one that every other ends with."""
        found: dict[str, IconTheme] = {}
        wanted = [self._theme]
        while wanted and len(found) < MOST_THEMES:
            name = wanted.pop(0)
            if name not in found and "/" not in name:
                found[name] = self._index(name)
                wanted += found[name].inherits
        last = found.pop("hicolor", None) or self._index("hicolor")
        return [*found.items(), ("hicolor", last)]

    def _index(self, theme: str) -> IconTheme:
        for base in self._folders:
            with suppress(OSError), (base / theme / "index.theme").open("rb") as file:
                return parse_index(file.read(_MOST_INDEX_BYTES).decode("utf-8", "replace"))
        return IconTheme()


def _folders(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME", "/"))
    yield home / ".icons"
    yield Path(environ.get("XDG_DATA_HOME") or home / ".local/share") / "icons"
    for path in (environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        yield Path(path) / "icons"


def _in_memory(data: bytes) -> int:
    descriptor = os.memfd_create("picture", os.MFD_CLOEXEC)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _opened(path: str) -> int:
    """Open a picture; a pipe, a device or what is too large is none."""
    descriptor = os.open(path, _FLAGS)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_FILE_BYTES:
        os.close(descriptor)
        raise ValueError(f"{path} is no picture of at most {MOST_FILE_BYTES} bytes")
    return descriptor


async def _decode(descriptor: int, side: int) -> bytes:
    argv = (sys.executable or "/proc/self/exe", "-I", "-S", "-c", _PROGRAM, _FOLDER, str(side))
    devnull = asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(
        *argv, stdin=descriptor, stdout=asyncio.subprocess.PIPE, stderr=devnull, env={"LANG": "C"}
    )
    try:
        async with asyncio.timeout(DECODE_S):
            output, _ = await child.communicate()
    except TimeoutError:
        raise ValueError("the decoder took too long") from None
    finally:
        if child.returncode is None:
            child.kill()
    if child.returncode != 0:
        raise ValueError("it cannot be decoded")
    return output
