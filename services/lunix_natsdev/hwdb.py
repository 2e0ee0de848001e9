"""Names of vendors and products by their numbers, from ``usb.ids`` and ``pci.ids`` where the system has them.

The files are 0.7 and 1.3 MB of text. They are not parsed into dictionaries (some 20 MB) but searched in an mmap that
is closed again: 0.2 to 1 ms for a name that was not asked for before, nothing kept but the answer.
Format: a vendor at the beginning of a line, its products behind one tab, comments behind ``#``.
"""

import mmap
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

FOLDERS = (Path("/usr/share/hwdata"), Path("/usr/share/misc"), Path("/var/lib/usbutils"), Path("/usr/share"))

_ID = re.compile(r"[0-9a-f]{4}")
_NEXT_VENDOR = re.compile(rb"\n[^\t#\n]")
_CACHED = 1024


class Named(NamedTuple):
    """The names that belong to a pair of numbers; ``None`` for what is not known."""

    vendor: str | None = None
    product: str | None = None


class Hwdb:
    """Looks names up, and remembers the last thousand."""

    def __init__(self, folders: Iterable[Path] = FOLDERS) -> None:
        self._folders = tuple(folders)
        self._known: dict[tuple[str, str, str], Named] = {}

    def __call__(self, bus: str, vendor_id: str, product_id: str) -> Named:
        """The names of a device of ``usb`` or ``pci``; ids are four hexadecimal digits in lower case."""
        key = (bus, vendor_id, product_id)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _CACHED:
                del self._known[next(iter(self._known))]
            found = self._known[key] = self._look_up(f"{bus}.ids", vendor_id, product_id)
        return found

    def _look_up(self, name: str, vendor_id: str, product_id: str) -> Named:
        if not _ID.fullmatch(vendor_id):
            return Named()
        for folder in self._folders:
            try:
                with (folder / name).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
                    return search(text, vendor_id, product_id)
            except (OSError, ValueError):  # not there, or empty, which mmap refuses
                continue
        return Named()


def search(text: bytes | mmap.mmap, vendor_id: str, product_id: str) -> Named:
    """The names of this pair in the text of an ids file, which begins with comments."""
    start = text.find(f"\n{vendor_id}  ".encode())
    if start < 0:
        return Named()
    limit = _NEXT_VENDOR.search(text, start + 1)
    end = limit.start() if limit else len(text)
    product = text.find(f"\n\t{product_id}  ".encode(), start, end) if _ID.fullmatch(product_id) else -1
    return Named(_rest(text, start + 7), _rest(text, product + 8) if product >= 0 else None)


def _rest(text: bytes | mmap.mmap, start: int) -> str:
    end = text.find(b"\n", start)
    return text[start : end if end >= 0 else len(text)].decode("utf-8", "backslashreplace").strip()
