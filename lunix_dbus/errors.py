"""What can become of a call on D-Bus, said so that a person understands it."""

from collections.abc import Mapping

_PREFIX = "org.freedesktop.DBus.Error."
_SENTENCES: Mapping[str, str] = {
    "ServiceUnknown": "nobody on D-Bus is called {destination}: it does not run",
    "NameHasNoOwner": "nobody on D-Bus is called {destination}: it does not run",
    "NoReply": "{destination} did not answer {member}",
    "TimedOut": "{destination} did not answer {member}",
    "AccessDenied": "D-Bus's policy, or {destination}, does not let us call {member}",
    "InteractiveAuthorizationRequired": "{destination} wants a person to authorise {member}",
    "UnknownMethod": "this {destination} has no {member}",
    "UnknownObject": "{destination} has no such object (any more)",
}


class DbusAway(Exception):
    """There is no connection to the message bus at this moment; the text says why."""


class DbusError(Exception):
    """A call was answered by an error, or by nothing. From a method's handler it is the answer to the caller."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name
        """Such as ``org.freedesktop.DBus.Error.AccessDenied``."""


def told(name: str, text: str, destination: str, member: str) -> DbusError:
    """The error of a call, in a sentence; what the other side said of it follows in brackets."""
    sentence = _SENTENCES.get(name.removeprefix(_PREFIX), "{destination} refused {member}")
    said = ": ".join(part for part in (name, text) if part)
    return DbusError(name, f"{sentence.format(destination=destination, member=member)} ({said})")


def silent(destination: str, member: str, timeout: float) -> DbusError:
    """The error of a call that nobody answered in time."""
    return told(f"{_PREFIX}NoReply", f"not within {timeout:g} s", destination, member)
