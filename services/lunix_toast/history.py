"""The toasts that are gone: pure, newest first, bounded in number and in characters."""

from collections.abc import Iterator
from datetime import datetime

from lunix_common.schemas.toast import CloseReason, PastToast, Toast
from lunix_toast.sizes import MOST_CHARACTERS, characters

_FORGOTTEN = frozenset[CloseReason]({"replaced", "shutdown"})
"""Of these nothing is to be looked up: another one took their place, or nobody was there to see them go."""


class History:
    """Holds ``most`` toasts; the oldest give way."""

    def __init__(self, most: int, most_characters: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._most_characters = most_characters
        self._characters = 0
        self._past: dict[str, PastToast] = {}

    def __iter__(self) -> Iterator[PastToast]:
        return reversed(self._past.values())

    def __len__(self) -> int:
        return len(self._past)

    def resize(self, most: int) -> None:
        """Hold so many from now on."""
        self._most = most
        self._trim()

    def add(self, toast: Toast, reason: CloseReason, moment: datetime) -> None:
        """Keep a toast that was closed, unless it asked to be forgotten."""
        if toast.transient or reason in _FORGOTTEN:
            return
        fields = dict(toast) | {"shown": False, "held_until": None}
        self.take(toast.id)
        self._past[toast.id] = PastToast.model_validate(fields | {"reason": reason, "closed_at": moment})
        self._characters += characters(toast)
        self._trim()

    def get(self, id_: str | None) -> PastToast | None:
        """A toast, the newest for no id; ``None`` where it is not there."""
        return self._past.get(next(reversed(self._past), "") if id_ is None else id_)

    def take(self, id_: str) -> PastToast | None:
        """Take a toast out; ``None`` where it is not there."""
        past = self._past.pop(id_, None)
        if past is not None:
            self._characters -= characters(past)
        return past

    def clear(self) -> int:
        """Forget all, and tell how many."""
        count = len(self._past)
        self._past.clear()
        self._characters = 0
        return count

    def _trim(self) -> None:
        while self._past and (len(self._past) > self._most or self._characters > self._most_characters):
            self.take(next(iter(self._past)))
