"""Icon themes: pure, names and the text of ``index.theme`` in, paths to try out.

Source: https://specifications.freedesktop.org/icon-theme-spec/latest/
"""

import re
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_NAME = re.compile(r"[A-Za-z0-9_+@(][A-Za-z0-9_+@(). -]{0,127}")
_MOST_DIRECTORIES = 2_000
MOST_THEMES = 12


@dataclass(frozen=True)
class Directory:
    """A folder of a theme, and for which sizes its icons are."""

    path: str
    least: int
    most: int
    scale: int

    def distance(self, pixels: int) -> int:
        """How far its icons are from so many pixels; larger ones are nearer than smaller ones."""
        if pixels < self.least * self.scale:
            return self.least * self.scale - pixels
        return max(0, pixels - self.most * self.scale) * 4


@dataclass(frozen=True)
class IconTheme:
    """A theme's index."""

    inherits: tuple[str, ...] = ()
    directories: tuple[Directory, ...] = ()

    def folders(self, pixels: int) -> list[str]:
        """Its folders, the best for this size first."""
        return [one.path for one in sorted(self.directories, key=lambda one: one.distance(pixels))]


def parse_index(text: str) -> IconTheme:
    """Read ``index.theme``; what makes no sense is left out."""
    parser = RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",))
    try:
        parser.read_string(text)
    except Error:
        return IconTheme()
    if not parser.has_section("Icon Theme"):
        return IconTheme()
    head = parser["Icon Theme"]
    listed = [*_listed(head, "Directories"), *_listed(head, "ScaledDirectories")][:_MOST_DIRECTORIES]
    found = [_directory(path, parser[path]) for path in listed if parser.has_section(path)]
    return IconTheme(tuple(_listed(head, "Inherits")), tuple(one for one in found if one is not None))


def _listed(section: Mapping[str, str], key: str) -> list[str]:
    return [part for part in (part.strip() for part in section.get(key, "").split(",")) if part]


def _directory(path: str, section: Mapping[str, str]) -> Directory | None:
    if path.startswith("/") or ".." in path.split("/"):
        return None
    try:
        size, scale = int(section["Size"]), int(section.get("Scale", "1"))
        least, most = int(section.get("MinSize", size)), int(section.get("MaxSize", size))
        if section.get("Type", "Threshold") == "Threshold":
            threshold = int(section.get("Threshold", "2"))
            least, most = size - threshold, size + threshold
        elif section["Type"] == "Fixed":
            least = most = size
    except (KeyError, ValueError):
        return None
    return Directory(path, least, most, scale)


def names(icon: str) -> Iterator[str]:
    """The names to try for an icon: as it is, then with each last part left off, then without colours."""
    if _NAME.fullmatch(icon) is None:
        return
    parts = icon.removesuffix("-symbolic").split("-")
    shorter = ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
    yield from dict.fromkeys([icon, *shorter, *(f"{name}-symbolic" for name in shorter)])


def file_path(icon: str) -> str | None:
    """The path where an icon is one, or a ``file:`` URI of this machine's; else ``None``."""
    if icon.startswith("/"):
        return icon
    if not icon.startswith("file:"):
        return None
    try:
        parts = urlsplit(icon)
    except ValueError:
        return None
    path = unquote(parts.path)
    return path if parts.netloc in ("", "localhost") and path.startswith("/") and "\0" not in path else None
