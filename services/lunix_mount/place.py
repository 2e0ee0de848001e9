"""Where a volume is mounted: names made of labels, places that people may choose. Pure, and about bytes of paths.

A label is whatever somebody wrote on a stick: ``../../etc``, a line end, a text that runs from right to left. What is
no letter or digit becomes ``%XX``, so that a name is one component of a path, is shown as it is, and no two labels
share one.
"""

from collections.abc import Iterable, Iterator

PLAIN = frozenset(" !#+,-.=@^_~()")
MOST_BYTES = 200
"""Of a name, so that a number behind it fits in the 255 of a file system."""
MOST_NUMBERS = 1000


class NoPlace(ValueError):
    """A path that nothing is mounted on; the text says why."""


def name(label: str | None, uuid: str | None, node: str) -> str:
    """The name of the folder for a volume: of its label, else its UUID, else its device node."""
    for text in (label, uuid, node.rpartition("/")[2]):
        escaped = escape((text or "").strip())
        if escaped:
            return escaped
    return "volume"


def escape(text: str) -> str:
    """A text as one component of a path: never ``.`` or ``..``, never hidden, at most ``MOST_BYTES`` long."""
    pieces: list[str] = []
    room = MOST_BYTES
    for index, character in enumerate(text):
        is_plain = character.isalnum() or (character in PLAIN and (index or character not in ".- "))
        piece = character if is_plain else _percent(character)
        room -= len(piece.encode("utf-8"))
        if room < 0:
            break
        pieces.append(piece)
    return "".join(pieces)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def numbered(plain: str) -> Iterator[str]:
    """The name, and those that are tried where it is taken: ``STICK``, ``STICK-2``, ``STICK-3``."""
    yield plain
    yield from (f"{plain}-{number}" for number in range(2, MOST_NUMBERS + 1))


def parts(where: str) -> tuple[bytes, ...]:
    """The components of a whole path; raise ``NoPlace`` for one that is not, or that goes back."""
    if not where.startswith("/") or "\0" in where:
        raise NoPlace(f"{where!r} is no whole path")
    try:
        found = tuple(one.encode("utf-8", "surrogateescape") for one in where.split("/") if one not in ("", "."))
    except UnicodeEncodeError:
        raise NoPlace(f"{where!r} is no text") from None
    if b".." in found:
        raise NoPlace(f"{where!r} goes back by ..")
    if not found:
        raise NoPlace("nothing is mounted on /")
    return found


def joined(components: Iterable[bytes]) -> bytes:
    """A whole path of its components."""
    return b"/" + b"/".join(components)


def is_below(where: tuple[bytes, ...], folders: Iterable[str]) -> bool:
    """Whether a path is really below one of these folders."""
    for folder in folders:
        above = parts(folder)
        if len(where) > len(above) and where[: len(above)] == above:
            return True
    return False
