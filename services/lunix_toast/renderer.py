"""What shows toasts to a person: one small interface, and the renderer that shows none."""

from typing import Protocol

from lunix_common.schemas.toast import Toast, ToastClosed


class Renderer(Protocol):
    """Shows toasts. Nothing here raises or blocks: a screen that is gone is a WARNING, and the bus goes on without it.

    The service is the only one that closes a toast, also one that a person clicked away: ``close`` follows every end.
    """

    @property
    def name(self) -> str:
        """What it is and where, for ``--check`` and the log."""
        ...

    def show(self, toast: Toast) -> None:
        """Put a toast on the screen, or change the one that is there under the same id."""
        ...

    def close(self, closed: ToastClosed) -> None:
        """Take a toast from the screen; it may never have been there."""
        ...

    def stop(self) -> None:
        """Give everything back. Idempotent; nothing is called after it."""
        ...


class Nowhere:
    """Where there is no screen, toasts are on the bus alone."""

    name = "none: toasts are on the bus alone"

    def show(self, toast: Toast) -> None:
        """Do nothing."""

    def close(self, closed: ToastClosed) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""
