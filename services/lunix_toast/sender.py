"""Who asks for a toast over the bus: pure."""

import json
from collections.abc import Mapping

from lunix_common.access.roles import REQUEST_INFO


def sender_of(headers: Mapping[str, str]) -> str:
    """The identity that the server names, as ``user`` or ``user-mqtt``; ``bus`` where it names none, as for daemons."""
    try:
        return str(json.loads(headers[REQUEST_INFO])["acc"]).lower()[:128]
    except (KeyError, RecursionError, TypeError, ValueError):
        return "bus"
