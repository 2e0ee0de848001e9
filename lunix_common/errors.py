"""Errors that are a person's to mend, and the exit codes that every daemon keeps to."""

OK = 0
"""Asked to stop, and stopped."""
USAGE = 100
"""Wrong usage or configuration: starting it again would not help."""
SYSTEM = 111
"""The system refused something: starting it again later may help."""


class UsageError(Exception):
    """An argument or a setting is wrong. The message says what to write instead."""
