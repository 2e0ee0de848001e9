"""One refusal, whoever tells of it: PAM's helper at once, and btmp after the program has written it."""

from collections import deque
from datetime import timedelta

from lunix_common.schemas.login import FailedName

TOGETHER = timedelta(seconds=60)
"""A program may write to btmp when the connection ends, and not when it refuses."""
_MOST = 256


class Failures:
    """The refusals of the last moments that btmp has not told yet."""

    def __init__(self) -> None:
        self._told: deque[FailedName] = deque(maxlen=_MOST)

    def is_new(self, failed: FailedName) -> bool:
        """Whether nobody has told it yet."""
        if failed.source == "pam":
            self._told.append(failed)
            return True
        while self._told and failed.failed_at - self._told[0].failed_at > TOGETHER:
            self._told.popleft()
        for one in self._told:
            if one.user == failed.user and _agree(one, failed):
                self._told.remove(one)
                return False
        return True


def _agree(one: FailedName, other: FailedName) -> bool:
    """Whether nothing speaks against it. Of a host the one may know the name, and the other the address."""
    return len({one.tty, other.tty} - {None}) <= 1
