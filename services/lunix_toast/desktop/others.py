"""What programs and another notification server say to each other: pure.

    Notify, a call → waits → the server's answer, a number → a toast, known by that number → NotificationClosed

A server that is asked to change a notification answers with the number that it had.
"""

from collections import OrderedDict

from lunix_toast.desktop.notify import Notify

MOST_WAITING = 256


class Others:
    """The calls that wait for an answer, and the toasts that came of them by number."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[str, int], Notify] = OrderedDict()
        self._toasts: dict[int, str] = {}
        self._numbers: dict[str, int] = {}

    def asked(self, program: str, serial: int, said: Notify) -> None:
        """A program asks; calls that nobody answers make room for others."""
        self._waiting[program, serial] = said
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)

    def answered(self, program: str, serial: int) -> Notify | None:
        """What the call said that is answered now; ``None`` for any other call."""
        return self._waiting.pop((program, serial), None)

    def shown(self, number: int, toast: str) -> None:
        """A toast has this number from now on, and nothing else has."""
        self.ended(toast)
        before = self._toasts.get(number)
        if before is not None:
            self.ended(before)
        self._toasts[number] = toast
        self._numbers[toast] = number

    def toast(self, number: int) -> str | None:
        """The toast of a number."""
        return self._toasts.get(number)

    def ended(self, toast: str) -> int | None:
        """Forget a toast; the number that it had, where it was known."""
        number = self._numbers.pop(toast, None)
        if number is not None:
            del self._toasts[number]
        return number

    def all(self) -> list[str]:
        """Every toast that is known."""
        return list(self._numbers)
