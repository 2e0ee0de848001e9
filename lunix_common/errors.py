"""Errors that are a person's to mend, and the exit codes that every daemon keeps to."""

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
