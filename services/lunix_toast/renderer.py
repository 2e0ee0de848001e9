"""What shows toasts to a person: one small interface, and the renderer that shows none."""

from asyncio import Task
from collections.abc import Coroutine
from typing import Any, Final, Protocol

from lunix_common.schemas.toast import CloseReason, Toast

DEFAULT_ACTION: Final = "default"
"""The key of what a click on the toast itself chooses, as in the notification specification."""


class Person(Protocol):
    """Where a renderer tells what the person in front of it did."""

    def chose(self, id_: str, action: str, token: str | None = None) -> None:
        """An action was chosen; by the token the program that acts on it may take the focus."""
        ...

    def closed(self, id_: str, reason: CloseReason) -> None:
        """A toast was closed there, as by a click."""
        ...

    def gone(self, renderer: "Renderer", why: str) -> None:
        """The screen is gone; nothing is shown by this renderer any more."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> "Task[None]":
        """Do something beside, in a task that the daemon owns."""
        ...


class Renderer(Protocol):
    """Shows toasts. Nothing here raises or blocks: a screen that is gone is a WARNING, and the bus goes on without it.

    The service is the only one that closes a toast, also one that a person clicked away: ``hide`` follows every end.
    """

    @property
    def name(self) -> str:
        """What it is and where, for ``--check`` and the log."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """What it shows of a toast, by the names of the notification specification."""
        ...

    def start(self, person: Person) -> None:
        """Begin, in the running loop; called once, before all that follows."""
        ...

    def show(self, toast: Toast) -> None:
        """Put a toast on the screen, or change the one that is there under the same id."""
        ...

    def hide(self, id_: str) -> None:
        """Take a toast from the screen. It may come again, and it may never have been there."""
        ...

    async def finish(self) -> None:
        """Return when what it was told has come to the screen."""
        ...

    def stop(self) -> None:
        """Give everything back. Idempotent; nothing is called after it."""
        ...


class Nowhere:
    """Where there is no screen, toasts are on the bus alone."""

    name = "none: toasts are on the bus alone"
    capabilities = frozenset({"actions", "body"})
    """From the bus a body can be read and an action be chosen."""

    def start(self, person: Person) -> None:
        """Do nothing."""

    def show(self, toast: Toast) -> None:
        """Do nothing."""

    def hide(self, id_: str) -> None:
        """Do nothing."""

    async def finish(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""
