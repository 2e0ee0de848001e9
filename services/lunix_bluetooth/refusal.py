"""What BlueZ's errors, which https://github.com/bluez/bluez/tree/master/doc lists, are to the caller of a command."""

from collections.abc import Mapping

MISSING, IN_THE_WAY, DENIED, NOBODY = 404, 409, 403, 503

_CODES: Mapping[str, int] = {
    "org.bluez.Error.DoesNotExist": MISSING,
    "org.bluez.Error.NotAuthorized": DENIED,
    "org.freedesktop.DBus.Error.AccessDenied": DENIED,
    "org.freedesktop.DBus.Error.UnknownObject": MISSING,
    "org.freedesktop.DBus.Error.ServiceUnknown": NOBODY,
    "org.freedesktop.DBus.Error.NameHasNoOwner": NOBODY,
}
_DONE: Mapping[str, frozenset[str]] = {
    "Connect": frozenset({"org.bluez.Error.AlreadyConnected"}),
    "Disconnect": frozenset({"org.bluez.Error.NotConnected"}),
    "Pair": frozenset({"org.bluez.Error.AlreadyExists"}),
    "StartDiscovery": frozenset({"org.bluez.Error.InProgress"}),
    "RemoveDevice": frozenset({"org.bluez.Error.DoesNotExist"}),
}


def code(error: str) -> int:
    """The code of the answer for an error of this name."""
    return _CODES.get(error, IN_THE_WAY)


def is_done(member: str, error: str) -> bool:
    """Whether this error of a method says that what was asked for is so already."""
    return error in _DONE.get(member, frozenset())
