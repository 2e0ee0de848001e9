"""The numbers by which programs of the desktop know their notifications, and the toasts behind them: pure."""

from collections import OrderedDict
from typing import NamedTuple

_MOST_GONE = 1_000
_LAST = 2**32 - 1


class Known(NamedTuple):
    """A notification."""

    number: int
    sender: str
    """The unique name of who sent it last."""


class Numbers:
    """Both ways. Of toasts that are gone the last thousand are known: they may come back from the history."""

    def __init__(self) -> None:
        self._next = 1
        self._toasts: dict[int, str] = {}
        self._known: dict[str, Known] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()

    def toast(self, number: int) -> str | None:
        """The toast behind a number."""
        return self._toasts.get(number)

    def known(self, toast: str) -> Known | None:
        """The notification that a toast is."""
        return self._known.get(toast)

    def give(self, toast: str, sender: str, wanted: int = 0) -> int:
        """The number of a toast: the one that it has, the one that is wanted, or a new one."""
        known = self._known.get(toast)
        number = known.number if known is not None else wanted or self._new()
        before = self._toasts.get(number)
        if before is not None and before != toast:
            del self._known[before]
            self._gone.pop(before, None)
        self._toasts[number] = toast
        self._known[toast] = Known(number, sender)
        self._gone.pop(toast, None)
        return number

    def ended(self, toast: str) -> None:
        """A toast is gone; it is forgotten when a thousand others are."""
        if toast in self._known:
            self._gone[toast] = None
        if len(self._gone) > _MOST_GONE:
            oldest, _ = self._gone.popitem(last=False)
            del self._toasts[self._known.pop(oldest).number]

    def _new(self) -> int:
        while self._next in self._toasts:
            self._step()
        number = self._next
        self._step()
        return number

    def _step(self) -> None:
        self._next = self._next % _LAST + 1
