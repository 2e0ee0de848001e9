"""Texts that a window's program chose: bounded, and always such that they can be written as UTF-8."""

from typing import Final

MOST_CHARACTERS: Final = 1024


def clean(text: object) -> str:
    """The first ``MOST_CHARACTERS`` of a text; nothing of what is none. Half characters, which JSON may hold, are ?."""
    if not isinstance(text, str):
        return ""
    return text[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def decoded(raw: bytes, encoding: str = "utf-8") -> str:
    """Bytes as a text; those that are none are U+FFFD."""
    return clean(raw[: 4 * MOST_CHARACTERS].decode(encoding, "replace").rstrip("\0"))
