"""A place on the bus that survives any outage: publish, subscribe, ask, answer, follow.

The names are imported when they are first used: what only publishes does not pay for the models.
"""

from importlib import import_module, util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lunix_common.bus.connection import Bus
    from lunix_common.bus.errors import BusAway, BusRefused, RequestError
    from lunix_common.bus.follow import Change, Mirror
    from lunix_common.bus.messages import Message, Request
    from lunix_common.bus.options import BusOptions, find

__all__ = [
    "Bus",
    "BusAway",
    "BusOptions",
    "BusRefused",
    "Change",
    "Message",
    "Mirror",
    "Request",
    "RequestError",
    "find",
]

# Before anything imports nats-py.
_ = util.find_spec("_ssl") or import_module("lunix_common.without_ssl")

_HOMES = {
    "connection": ("Bus",),
    "errors": ("BusAway", "BusRefused", "RequestError"),
    "follow": ("Change", "Mirror"),
    "messages": ("Message", "Request"),
    "options": ("BusOptions", "find"),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"lunix_common.bus.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
