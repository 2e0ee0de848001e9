"""Errors that are a person's to mend, and the exit codes that every daemon keeps to."""

from collections.abc import Collection
from typing import cast

OK = 0
"""Asked to stop, and stopped."""
USAGE = 100
"""Wrong usage or configuration: starting it again would not help."""
SYSTEM = 111
"""The system refused something: starting it again later may help."""


def leaves(error: BaseException) -> list[BaseException]:
    """The errors in a group, and in the groups in it; the error itself where it is none."""
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
    return [leaf for one in inner for leaf in leaves(one)]


class UsageError(Exception):
    """An argument or a setting is wrong. The message says what to write instead."""


def did_you_mean(given: str, known: Collection[str], otherwise: str = "known are {}", shown: str = "{}") -> str:
    """What to say of a word that is not ``known``: the nearest one, as ``shown``; ``otherwise``, which may name all."""
    from difflib import get_close_matches  # 80 KB, and only a mistake needs it

    near = get_close_matches(given, known, n=1)
    return f"did you mean {shown.format(near[0])}?" if near else otherwise.format(", ".join(known))
