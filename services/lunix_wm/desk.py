"""Whoever knows the windows of a session: one small interface."""

from collections.abc import Callable, Mapping
from typing import Protocol

from lunix_common.schemas.wm import MoveRequest, Window


class Unable(Exception):
    """The window manager cannot do this, or not to this window."""


class Desk(Protocol):
    """Windows as they are now, and what is asked for them. Nothing blocks."""

    @property
    def name(self) -> str:
        """What it is and where, for ``--check`` and the log."""
        ...

    @property
    def lacking(self) -> str | None:
        """Why it has no windows, as long as it has none because nobody manages them."""
        ...

    def watch(self, changed: Callable[[], None], gone: Callable[[str], None]) -> None:
        """Begin, in the running loop: ``changed`` after each change, first when all is known; ``gone`` at its end."""
        ...

    def windows(self) -> Mapping[str, Window]:
        """All that there are at this moment, by id."""
        ...

    async def focus(self, window: Window) -> None:
        """Have it come to the front; raise ``Unable``."""
        ...

    async def close_window(self, window: Window) -> None:
        """Ask it to close; raise ``Unable``."""
        ...

    async def move(self, window: Window, to: MoveRequest) -> None:
        """Move it; raise ``Unable``."""
        ...

    def stop(self) -> None:
        """Give everything back; idempotent."""
        ...
