r"""Bytes of the world as text that is safe to show, without losing any of them.

What is no UTF-8 becomes ``\xNN``; so do control characters, and those that reorder a line become ``\uNNNN``. A tab and
a line end stay: messages of several lines are common.
"""

from lunix_common.journal import CONTROLS

_CONTROLS = {code: escaped for code, escaped in CONTROLS.items() if chr(code) not in "\t\n"}


def visible(raw: bytes) -> str:
    """The text of a message."""
    return shown(raw.decode("utf-8", "backslashreplace"))


def shown(text: str) -> str:
    """The same of what is text already; a lone surrogate, which JSON can hold and UTF-8 cannot, is written out too."""
    if text.isprintable() and text.isascii():
        return text
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


def word(raw: bytes) -> str | None:
    """One field of a head, where it says something."""
    return visible(raw) if raw and raw != b"-" else None


def message(raw: bytes) -> str:
    """The text without the byte order mark before it, and the line ends and NULs that senders put behind it."""
    return visible(raw.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n\0"))
